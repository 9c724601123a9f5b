"""Models: Flax modules from features to logits, by name."""

from mgr_jax.models.network import Network
from mgr_jax.models.registry import ALIASES, MODELS, create_model, list_models

__all__ = ["ALIASES", "MODELS", "Network", "create_model", "list_models"]
