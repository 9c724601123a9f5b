"""Features that were computed beforehand and are stored as a dataset."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError


class Features(nn.Module):
    """Hands stored features on; what counts as samples elsewhere are frames here.

    It has no `num_bins`: the dataset decides.

    Attributes:
      sample_rate: 0, since features have none; every front end takes it.
    """

    sample_rate: float = 0.0

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

    def __call__(self, features: jax.Array) -> jax.Array:
        """Features [batch, frames, bins] or [batch, frames, bins, channels], as float32.

        Raises:
          UserError: the array has another number of axes, as waveforms do.
        """
        if features.ndim not in (3, 4):
            raise UserError(
                f"the front end features got an array of shape {features.shape}, but takes [batch, "
                "frames, bins] or [batch, frames, bins, channels]; use log_mel or waveform on audio"
            )
        return features.astype(jnp.float32)
