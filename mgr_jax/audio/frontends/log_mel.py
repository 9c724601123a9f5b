"""Mel spectrograms."""

from typing import ClassVar

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Spectral, require_positive
from mgr_jax.audio.frontends.levels import Leveled


class LogMel(Leveled, Spectral):
    """Mel spectrogram, by default librosa's `power_to_db(melspectrogram(y))` of each clip.

    Within 80 dB of a frame's strongest bin the levels agree to 0.005 dB. Bins more than some 120 dB
    below it are the rounding of a float32 transform: those are kept by `top_db=None`, and by
    `power=1`, where 80 dB are 160 dB of power.

    The attributes are also those of `Spectral`, `Leveled` and `Standardised`.

    Attributes:
      power: exponent of the magnitudes that are summed into mel bands: 1, 2, 4 or another.
      n_mels: number of bands.
      fmin: lowest frequency in Hz.
      fmax: highest frequency in Hz; None means half the sample rate.
      htk: HTK's mel scale instead of Slaney's.
      norm: "slaney" (bands of equal area) or None (of equal height).
    """

    registered: ClassVar[str] = "log_mel"

    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | None = "slaney"

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "n_mels")

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.n_mels

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        centres = dsp.mel_frequencies(
            n_mels=self.n_mels, fmin=self.fmin, fmax=self._highest, htk=self.htk
        )
        return BinAxis("Hz", centres[1:-1])

    @property
    def _highest(self) -> float:
        return self.sample_rate / 2 if self.fmax is None else self.fmax

    def _weights(self) -> np.ndarray:
        return dsp.mel_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self._highest,
            htk=self.htk,
            norm=self.norm,
        )

    def _energies(self, y: jax.Array, weights: np.ndarray) -> jax.Array:
        def mel(spectra: jax.Array) -> jax.Array:
            return dsp.apply_filterbank(dsp.spectrogram(spectra, power=self.power), weights)

        return self._stft(y, mel)
