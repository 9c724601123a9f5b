"""Models: Flax modules from features to logits, by name."""

from mgr_jax.models.choi import ChoiCRNN
from mgr_jax.models.choi_cnn import ChoiK1C2, ChoiK2C1, ChoiK2C2
from mgr_jax.models.mlp import MLP
from mgr_jax.models.prcnn import PRCNN
from mgr_jax.models.registry import ALIASES, MODELS, create_model, list_models
from mgr_jax.models.sample_cnn import SampleCNN

__all__ = [
    "ALIASES",
    "MLP",
    "MODELS",
    "PRCNN",
    "ChoiCRNN",
    "ChoiK1C2",
    "ChoiK2C1",
    "ChoiK2C2",
    "SampleCNN",
    "create_model",
    "list_models",
]
