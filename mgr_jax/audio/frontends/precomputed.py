"""Features that were computed beforehand and are stored as a dataset."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from mgr_jax.audio.frontends.presets import PRESETS
from mgr_jax.audio.frontends.standardise import Standardised
from mgr_jax.errors import UserError, unknown_name


class Precomputed(Standardised):
    """Hands stored features [batch, frames, bins(, channels)] on, as float32.

    What counts as samples elsewhere are frames here.

    It has no `num_bins`: the dataset decides. With `standardise` the mean and the standard
    deviation are those of all frames of the training split.

    The attributes are also those of `Standardised`.

    Attributes:
      sample_rate: not used; every front end has it.
      preset: the preset of `list_presets()` that the features were computed with, so that a model
        of them can be given audio; None: not known.
    """

    registered: ClassVar[str] = "precomputed"

    sample_rate: float = 1.0
    normalise_over: str = "dataset"
    preset: str | None = None

    def __post_init__(self):
        if self.preset is not None and self.preset not in PRESETS:
            raise unknown_name("preset", self.preset, PRESETS)
        if self.normalise_over not in ("segment", "dataset"):
            raise UserError(
                f"precomputed: normalise_over is {self.normalise_over!r}; it must be 'segment' or "
                "'dataset'"
            )
        super().__post_init__()

    @property
    def _knows_tracks(self) -> bool:
        return True

    @property
    def frame_samples(self) -> int:
        """Stored frames that one frame is computed from."""
        return 1

    @property
    def min_samples(self) -> int:
        """Fewest stored frames that give a frame."""
        return 1

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many stored frames."""
        return samples

    def _checked(self, waveform: jax.Array) -> jax.Array:
        if waveform.ndim not in (3, 4):
            raise UserError(
                f"the front end precomputed got an array of shape {waveform.shape}, but takes "
                "[batch, frames, bins] or [batch, frames, bins, channels]; use log_mel or waveform "
                "on audio"
            )
        return waveform.astype(jnp.float32)

    def _energies(self, y: jax.Array, weights: None) -> jax.Array:
        return y
