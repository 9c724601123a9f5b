"""Front ends: Flax modules from waveforms to features, by name.

A front end has parts: `bands`, which say of which frames they are, then maybe a `level`, `cepstra`
and a standardisation; `pipeline` runs them in this order. `recipes` has the parts and settings of
each, and those of published inputs. A new one is a line there, and bands of its own if there are
none like it: a `layout` and a `transform`.
"""

from mgr_jax.audio.frontends.base import BinAxis, Frontend
from mgr_jax.audio.frontends.composed import Resampled, Stack
from mgr_jax.audio.frontends.pipeline import Pipeline
from mgr_jax.audio.frontends.recipes import FRONTENDS
from mgr_jax.audio.frontends.registry import create_frontend, list_frontends, list_presets
from mgr_jax.audio.frontends.tracks import FeatureExtractor, TrackMeter, extract_features

__all__ = [
    "FRONTENDS",
    "BinAxis",
    "FeatureExtractor",
    "Frontend",
    "Pipeline",
    "Resampled",
    "Stack",
    "TrackMeter",
    "create_frontend",
    "extract_features",
    "list_frontends",
    "list_presets",
]
