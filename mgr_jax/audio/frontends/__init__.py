"""Front ends: Flax modules from waveforms to features, by name."""

from mgr_jax.audio.frontends.features import Features
from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.audio.frontends.registry import FRONTENDS, create_frontend, list_frontends
from mgr_jax.audio.frontends.waveform import Waveform

__all__ = [
    "FRONTENDS",
    "Features",
    "LogMel",
    "Waveform",
    "create_frontend",
    "list_frontends",
]
