"""The layer that joins: whole experiments in one call, for Python and for the command line.

The names below are loaded when they are first used, so that a command's help is quick.
"""

import importlib
from typing import Any

_WHERE = {
    "Audit": "mgr_jax.runs.auditing",
    "Comparison": "mgr_jax.runs.compare",
    "Inflation": "mgr_jax.runs.inflation",
    "Run": "mgr_jax.runs.run",
    "audit": "mgr_jax.runs.auditing",
    "compare": "mgr_jax.runs.compare",
    "cross_validate": "mgr_jax.runs.cross_validate",
    "evaluate": "mgr_jax.runs.evaluate",
    "extract_table": "mgr_jax.runs.extract",
    "join_processes": "mgr_jax.training.partition",
    "measure_inflation": "mgr_jax.runs.inflation",
    "score_baselines": "mgr_jax.baselines.run",
}
__all__ = sorted(_WHERE)


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'mgr_jax.runs' has no attribute '{name}'")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
