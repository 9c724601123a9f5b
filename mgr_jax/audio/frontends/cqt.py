"""Constant-Q spectrograms."""

from typing import Any

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.cqt import (
    C1,
    cqt,
    cqt_filterbank,
    cqt_frame_length,
    cqt_frequencies,
    cqt_lengths,
)
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.levels import Leveled
from mgr_jax.errors import UserError


class CQT(Leveled):
    """Constant-Q spectrogram, by default abs(librosa.cqt(y)); see `dsp.cqt`.

    The attributes are also those of `Leveled` and `Standardised`.

    Attributes:
      hop_length: samples between frames.
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      norm: of each filter before it is scaled by the root of its length: 1, 2, infinity or None.
      window: a periodic window by its name in `scipy.signal.get_window`.
      center: pad by half the longest filter on both sides, so that frame t is centred on sample
        t * hop_length.
      pad_mode: "constant" (zeros) or "reflect".
      power: exponent of the magnitudes, at least 1.
      whole_track: frames are those of the whole track's spectrogram: a clip comes with half the
        longest filter more on both sides, and only a track's ends are padded.
    """

    hop_length: int = 512
    fmin: float = C1
    n_bins: int = 84
    bins_per_octave: int = 12
    tuning: float = 0.0
    filter_scale: float = 1.0
    norm: float | None = 1.0
    window: str | tuple = "hann"
    center: bool = True
    pad_mode: str = "constant"
    power: float = 1.0
    whole_track: bool = False
    scale: str = "linear"

    def __post_init__(self):
        if self.power < 1:
            raise UserError(f"CQT: power is {self.power}; use 1 or more")
        if self.center not in (True, False):
            raise UserError(f"CQT: center is {self.center!r}; it must be True or False")
        if self.whole_track and not self.center:
            raise UserError("CQT: whole_track needs center=True; set it, or whole_track=False")
        super().__post_init__()

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.n_bins

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("Hz", cqt_frequencies(**self._bins))

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return cqt_frame_length(cqt_lengths(**self._bands))

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        if self.whole_track:
            return 1
        return dsp.min_samples(n_fft=self.frame_samples, center=self.center, pad_mode=self.pad_mode)

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples, its context not counted."""
        return dsp.num_frames(
            samples, n_fft=self.frame_samples, hop_length=self.hop_length, center=self.center
        )

    @property
    def context(self) -> int:
        """Samples on either side of a clip that come with it, from its track."""
        return self.frame_samples // 2 if self.whole_track else 0

    @property
    def crop_step(self) -> int:
        """Clips start at multiples of this many samples of their track."""
        return self.hop_length if self.whole_track else 1

    @property
    def track_padding(self) -> str:
        """What lies beyond the ends of a track: zeros ("constant"), or a reflection."""
        return self.pad_mode

    @property
    def _bins(self) -> dict[str, Any]:
        names = ("fmin", "n_bins", "bins_per_octave", "tuning")
        return {name: getattr(self, name) for name in names}

    @property
    def _bands(self) -> dict[str, Any]:
        names = ("sample_rate", "filter_scale", "window")
        return self._bins | {name: getattr(self, name) for name in names}

    def _weights(self) -> list[np.ndarray]:
        return cqt_filterbank(**self._bands, norm=self.norm)

    def _energies(self, y: jax.Array, weights: list[np.ndarray]) -> jax.Array:
        center = self.center and not self.whole_track
        spectra = cqt(y, weights, hop_length=self.hop_length, center=center, pad_mode=self.pad_mode)
        return dsp.spectrogram(spectra, power=self.power)
