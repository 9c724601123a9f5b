"""The front ends by name."""

from typing import Any

from flax import linen as nn

from mgr_jax import _registry
from mgr_jax.audio.frontends.features import Features
from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.audio.frontends.waveform import Waveform

FRONTENDS: dict[str, type[nn.Module]] = {
    "features": Features,
    "log_mel": LogMel,
    "waveform": Waveform,
}


def create_frontend(name: str, **kwargs: Any) -> nn.Module:
    """A front end: a Flax module from waveforms [batch, samples] to features.

    Features are [batch, frames, bins] or [batch, frames, bins, channels], all float32. Every front
    end has `num_frames(samples)`, `num_bins`, `min_samples` (the fewest that give a frame) and
    `frame_samples` (those that one frame is computed from). The one called "features" takes stored
    features instead of waveforms: its samples are frames, and it has no `num_bins`.

    Args:
      name: one of `list_frontends()`.
      **kwargs: fields of the module that differ from their defaults.

    Raises:
      UserError: there is no such front end, or it has no such field.
    """
    return _registry.build("front end", FRONTENDS, name, kwargs)


def list_frontends() -> list[str]:
    """Names for `create_frontend`."""
    return sorted(FRONTENDS)
