"""Front ends: Flax modules from waveforms to features, by name."""

from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.audio.frontends.registry import FRONTENDS, create_frontend, list_frontends

__all__ = ["FRONTENDS", "LogMel", "create_frontend", "list_frontends"]
