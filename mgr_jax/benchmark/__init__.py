"""How fast mgr_jax is, beside other libraries, in one process and on one machine.

The names below are loaded when they are first used, so that a command's help is quick.
"""

import importlib
from typing import Any

_WHERE = {
    "Benchmark": "mgr_jax.benchmark.record",
    "benchmark_frontends": "mgr_jax.benchmark.frontends",
    "benchmark_models": "mgr_jax.benchmark.models",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mgr_jax.benchmark' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
