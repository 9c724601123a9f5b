"""The waveform itself, for networks that learn their own front end."""

import jax
from flax import linen as nn


class Waveform(nn.Module):
    """Hands the waveform on: frames are single samples, each of one bin.

    Attributes:
      sample_rate: of the waveform in Hz.
    """

    sample_rate: int = 22050

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return 1

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return 1

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return 1

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples."""
        return samples

    def __call__(self, waveform: jax.Array) -> jax.Array:
        """Waveforms [batch, samples] float32 to [batch, samples, 1] float32."""
        return waveform[..., None]
