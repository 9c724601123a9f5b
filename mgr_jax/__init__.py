"""mgr_jax: music genre recognition in JAX, raw audio to genre end to end on the accelerator.

The names below are loaded when they are first used, so that importing the package starts neither
jax nor tensorflow_datasets.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load": "mgr_jax.predictor",
    "Predictor": "mgr_jax.predictor",
    "Prediction": "mgr_jax.predictor",
    "create_classifier": "mgr_jax.classifier",
    "create_frontend": "mgr_jax.audio.frontends",
    "create_model": "mgr_jax.models",
    "extract_features": "mgr_jax.audio.frontends",
    "list_frontends": "mgr_jax.audio.frontends",
    "list_presets": "mgr_jax.audio.frontends",
    "list_models": "mgr_jax.models",
    "list_datasets": "mgr_jax.data.datasets",
    "prepare": "mgr_jax.data.prepare",
    "Prepared": "mgr_jax.data.prepare",
    "base_config": "mgr_jax.config",
    "train": "mgr_jax.training.train",
    "UserError": "mgr_jax.errors",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'mgr_jax' has no attribute '{name}'")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
