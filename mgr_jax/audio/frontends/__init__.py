"""Front ends: Flax modules from waveforms to features, by name."""

from mgr_jax.audio.frontends.base import BinAxis, Framed, Frontend, Spectral
from mgr_jax.audio.frontends.levels import Leveled
from mgr_jax.audio.frontends.precomputed import Precomputed
from mgr_jax.audio.frontends.presets import PRESETS, Preset, list_presets
from mgr_jax.audio.frontends.registry import FRONTENDS, create_frontend, list_frontends
from mgr_jax.audio.frontends.resampled import Resampled
from mgr_jax.audio.frontends.stack import Stack
from mgr_jax.audio.frontends.standardise import Standardised
from mgr_jax.audio.frontends.tracks import FeatureExtractor, TrackMeter, extract_features

__all__ = [
    "FRONTENDS",
    "PRESETS",
    "BinAxis",
    "FeatureExtractor",
    "Framed",
    "Frontend",
    "Leveled",
    "Precomputed",
    "Preset",
    "Resampled",
    "Spectral",
    "Stack",
    "Standardised",
    "TrackMeter",
    "create_frontend",
    "extract_features",
    "list_frontends",
    "list_presets",
]
