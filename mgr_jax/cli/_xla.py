"""XLA's flags, chosen before jax starts; library users set their own."""

import importlib.util
import os
from importlib import metadata

# jaxlib versions (major, minor) known to accept the flag below: an unknown one aborts the process.
_KNOWN = {(0, 10), (0, 11), (0, 12)}
# XLA on the CPU hands single convolutions to YNNPACK, whose weight gradients are slow; without it
# they go to Eigen, 1.3-2.3 times as fast in a training step on two AVX-512 cores.
_FLAG = "--xla_cpu_experimental_ynn_fusion_type"
_VALUE = "-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"


def set_xla_flags() -> None:
    """Adds the convolution flag to XLA_FLAGS, if this jaxlib has it and the user has not set it."""
    version = tuple(int(part) for part in metadata.version("jaxlib").split(".")[:2])
    current = os.environ.get("XLA_FLAGS", "")
    # libtpu reads XLA_FLAGS too and has other flags.
    if version in _KNOWN and _FLAG not in current and not importlib.util.find_spec("libtpu"):
        os.environ["XLA_FLAGS"] = f"{current} {_FLAG}={_VALUE}".strip()
