"""Settings every test runs under, and the fixtures shared between folders."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Both must be in place before jax starts: four host devices, so that pmap and sharded jit are
# tested with real collectives, and the convolution backend that the command line chooses too.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=4",
        "--xla_cpu_experimental_ynn_fusion_type=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION",
    ]
).strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import pytest


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real music, weights and published outputs beside the project."""
    folder = Path(os.environ.get("MGR_JAX_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data: {folder} does not exist (set MGR_JAX_SHARED)")
    return folder
