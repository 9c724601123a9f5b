"""The waveform itself, for networks that learn their own front end."""

from typing import ClassVar

import jax
import numpy as np

from mgr_jax.audio.frontends.base import Aux, BinAxis, Frontend, check_waveform


class Waveform(Frontend):
    """Hands the waveform on: frames are single samples, each of one bin."""

    registered: ClassVar[str] = "waveform"

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return 1

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("amplitude", np.zeros(1))

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate

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

    def __call__(self, waveform: jax.Array, aux: Aux | None = None) -> jax.Array:
        """Waveforms [batch, samples] float32 to [batch, samples, 1] float32."""
        return check_waveform(waveform)[..., None]
