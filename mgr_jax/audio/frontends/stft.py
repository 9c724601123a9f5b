"""Spectrograms of the short-time Fourier transform."""

from typing import ClassVar

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Spectral
from mgr_jax.audio.frontends.levels import Leveled


class STFT(Leveled, Spectral):
    """Spectrogram: |librosa.stft(y)| ** power, then levels.

    The attributes are also those of `Spectral`, `Leveled` and `Standardised`.

    Attributes:
      power: exponent of the magnitudes: 1, 2 (energies) or another.
    """

    registered: ClassVar[str] = "stft"

    power: float = 2.0

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return 1 + self.n_fft // 2

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("Hz", np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate))

    def _energies(self, y: jax.Array, weights: None) -> jax.Array:
        return self._stft(y, lambda spectra: dsp.spectrogram(spectra, power=self.power))
