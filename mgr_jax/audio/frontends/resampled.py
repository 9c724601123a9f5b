"""A front end at another sample rate than the dataset's."""

import math

import jax

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import Aux, BinAxis, Frontend, check_waveform
from mgr_jax.errors import UserError


class Resampled(Frontend, kw_only=True):
    """Resamples waveforms on the device, then hands them to a front end.

    For data that were prepared at one rate and a front end that was published at another. Where
    both can be chosen, prepare the data at the front end's rate: the host's resampler is sharper,
    and it runs once.

    Attributes:
      sample_rate: of the waveform in Hz.
      inner: the front end, at its own sample rate.
    """

    inner: Frontend

    def __post_init__(self):
        super().__post_init__()
        if self.inner.crop.context or self.inner.aux_shapes:
            raise UserError(
                f"resampled: {type(self.inner).__name__} uses its whole track, which is cut before "
                f"it is resampled; prepare the dataset at {self.inner.sample_rate:g} Hz"
            )

    def _resampled(self, samples: int) -> int:
        """Samples of a clip after resampling."""
        return -(-samples * int(self.inner.sample_rate) // int(self.sample_rate))

    def _original(self, samples: int) -> int:
        """Fewest samples that give this many after resampling."""
        fewest = math.ceil((samples - 1) * self.sample_rate / self.inner.sample_rate)
        return max(1, fewest + (self._resampled(fewest) < samples))

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.inner.num_bins

    @property
    def num_channels(self) -> int | None:
        """Channels per bin; None where the features have no such axis."""
        return self.inner.num_channels

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return self.inner.bin_axis

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.inner.frame_rate

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self._original(self.inner.frame_samples)

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return self._original(self.inner.min_samples)

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples."""
        return self.inner.num_frames(self._resampled(samples))

    def __call__(self, waveform: jax.Array, aux: Aux | None = None) -> jax.Array:
        """Waveforms [batch, samples] to the features of the inner front end."""
        y = dsp.resample(
            check_waveform(waveform),
            orig_sr=int(self.sample_rate),
            target_sr=int(self.inner.sample_rate),
        )
        return self.inner(y, aux)
