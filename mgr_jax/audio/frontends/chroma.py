"""Chromagrams: energies of the twelve pitch classes, from C to B.

librosa estimates the tuning from the clip unless it is given; here it is a number.
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Spectral
from mgr_jax.audio.frontends.cqt import CQT
from mgr_jax.audio.frontends.standardise import Standardised
from mgr_jax.errors import UserError

PITCH_CLASSES = 12


class ChromaSTFT(Standardised, Spectral):
    """Chromagram of the power spectrogram, as `librosa.feature.chroma_stft`.

    The attributes are also those of `Spectral` and `Standardised`.

    Attributes:
      tuning: deviation from A4 = 440 Hz in semitones.
      norm: of every frame: 1, 2 or infinity; None leaves energies.
    """

    registered: ClassVar[str] = "chroma_stft"

    tuning: float = 0.0
    norm: float | None = math.inf

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return PITCH_CLASSES

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("pitch class", np.arange(PITCH_CLASSES, dtype=float))

    def _weights(self) -> np.ndarray:
        return dsp.chroma_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_chroma=PITCH_CLASSES,
            tuning=self.tuning,
            ctroct=5.0,
            octwidth=2.0,
            norm=2,
            base_c=True,
        )

    def _energies(self, y: jax.Array, weights: np.ndarray) -> jax.Array:
        def chroma(spectra: jax.Array) -> jax.Array:
            return _fold(dsp.spectrogram(spectra, power=2.0), weights, self.norm)

        return self._stft(y, chroma)


class ChromaCQT(CQT):
    """Chromagram of constant-Q magnitudes, as `librosa.feature.chroma_cqt` with a tuning given.

    The attributes are also those of `CQT` and its bases.

    Attributes:
      bins_per_octave: a multiple of 12.
      chroma_norm: of every frame: 1, 2 or infinity; None leaves magnitudes.
    """

    registered: ClassVar[str] = "chroma_cqt"

    n_bins: int = 252
    bins_per_octave: int = 36
    chroma_norm: float | None = math.inf

    def __post_init__(self):
        super().__post_init__()
        if self.bins_per_octave % PITCH_CLASSES:
            raise UserError(
                f"ChromaCQT: bins_per_octave is {self.bins_per_octave}; use a multiple of 12"
            )

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return PITCH_CLASSES

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("pitch class", np.arange(PITCH_CLASSES, dtype=float))

    def _weights(self) -> Any:
        fold = dsp.cq_to_chroma(
            n_bins=self.n_bins,
            bins_per_octave=self.bins_per_octave,
            n_chroma=PITCH_CLASSES,
            fmin=self.fmin,
            base_c=True,
        )
        return super()._weights(), fold

    def _energies(self, y: jax.Array, weights: Any) -> jax.Array:
        filterbank, fold = weights
        return _fold(super()._energies(y, filterbank), fold, self.chroma_norm)


def _fold(bins: jax.Array, fold: np.ndarray, norm: float | None) -> jax.Array:
    # At default precision accelerators round the factors.
    return dsp.normalise_frames(jnp.matmul(bins, fold.T, precision="highest"), norm=norm)
