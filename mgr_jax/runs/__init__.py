"""The layer that joins: whole experiments in one call, for Python and for the command line.

The names below are loaded when they are first used, so that a command's help is quick.
"""

import importlib
from typing import Any

_WHERE = {
    "extract_table": "mgr_jax.runs.extract",
    "Comparison": "mgr_jax.runs.compare",
    "Run": "mgr_jax.runs.run",
    "compare": "mgr_jax.runs.compare",
    "cross_validate": "mgr_jax.runs.cross_validate",
    "evaluate": "mgr_jax.runs.evaluate",
    "join_processes": "mgr_jax.training.partition",
    "score_baselines": "mgr_jax.baselines.run",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mgr_jax.runs' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
