"""Front ends: Flax modules from waveforms to features, by name.

A front end is made of parts: `bands` (with the frames they are computed from), then optionally a
`level`, `cepstra` and a standardisation. `pipeline` runs them in this order. `recipes` holds the
parts and settings of each front end and of the published inputs. A new front end is an entry there.
If no bands fit, write new ones: a class with a `layout` and a `transform`.
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
