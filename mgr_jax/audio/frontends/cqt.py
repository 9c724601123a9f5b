"""Constant-Q spectrograms."""

from typing import Any, ClassVar

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Framed, require_positive
from mgr_jax.audio.frontends.levels import Leveled
from mgr_jax.errors import UserError


class CQT(Leveled, Framed):
    """Constant-Q spectrogram, by default abs(librosa.cqt(y)); see `dsp.cqt`.

    The attributes are also those of `Framed`, `Leveled` and `Standardised`; a frame is as long as
    the longest filter.

    Attributes:
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      norm: of each filter before it is scaled by the root of its length: 1, 2, infinity or None.
      window: a periodic window by its name in `scipy.signal.get_window`.
      power: exponent of the magnitudes, at least 1.
    """

    registered: ClassVar[str] = "cqt"

    fmin: float = dsp.C1
    n_bins: int = 84
    bins_per_octave: int = 12
    tuning: float = 0.0
    filter_scale: float = 1.0
    norm: float | None = 1.0
    window: str | tuple = "hann"
    power: float = 1.0
    scale: str = "linear"

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "n_bins")
        if self.center == "same":
            raise UserError(f"CQT: center is {self.center!r}; it must be True or False")

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.n_bins

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("Hz", dsp.cqt_frequencies(**self._bins))

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return dsp.cqt_frame_length(dsp.cqt_lengths(**self._bands))

    @property
    def _bins(self) -> dict[str, Any]:
        names = ("fmin", "n_bins", "bins_per_octave", "tuning")
        return {name: getattr(self, name) for name in names}

    @property
    def _bands(self) -> dict[str, Any]:
        names = ("sample_rate", "filter_scale", "window")
        return self._bins | {name: getattr(self, name) for name in names}

    def _weights(self) -> list[np.ndarray]:
        return dsp.cqt_filterbank(**self._bands, norm=self.norm)

    def _energies(self, y: jax.Array, weights: list[np.ndarray]) -> jax.Array:
        spectra = dsp.cqt(
            y, weights, hop_length=self.hop_length, center=self._pads, pad_mode=self.pad_mode
        )
        return dsp.spectrogram(spectra, power=self.power)
