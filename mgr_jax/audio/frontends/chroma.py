"""Chromagrams: energies of the twelve pitch classes."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.chroma import chroma_filterbank, cq_to_chroma, normalise_frames
from mgr_jax.audio.dsp.cqt import C1
from mgr_jax.audio.frontends.base import BinAxis, Spectral
from mgr_jax.audio.frontends.cqt import CQT
from mgr_jax.audio.frontends.standardise import Standardised
from mgr_jax.errors import UserError

SOURCES = ("stft", "cqt")
_PITCH_CLASSES = 12


class Chroma(Standardised, Spectral):
    """Chromagram from C to B, as `librosa.feature.chroma_stft` or `chroma_cqt`.

    librosa estimates the tuning from the clip unless it is given; here it is a number, as for
    `librosa.feature.chroma_stft(tuning=0)`.

    The attributes are also those of `Spectral` and `Standardised`.

    Attributes:
      source: "stft", the power spectrogram; "cqt", magnitudes of `CQT`, of which n_fft and
        win_length are no part.
      tuning: deviation from A4 = 440 Hz: in semitones of "stft", in bins of "cqt".
      norm: of every frame: 1, 2 or infinity; None leaves energies.
      fmin: "cqt": frequency of the first bin in Hz.
      n_octaves: "cqt": number of octaves.
      bins_per_octave: "cqt": a multiple of 12.
    """

    source: str = "stft"
    tuning: float = 0.0
    norm: float | None = math.inf
    fmin: float = C1
    n_octaves: int = 7
    bins_per_octave: int = 36

    _positive = (*Spectral._positive, "n_octaves", "bins_per_octave")

    def __post_init__(self):
        if self.source not in SOURCES:
            raise UserError(
                f"Chroma: source is {self.source!r}; it must be one of {', '.join(SOURCES)}"
            )
        super().__post_init__()

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return _PITCH_CLASSES

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("pitch class", np.arange(_PITCH_CLASSES, dtype=float))

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self._cqt.frame_samples if self.source == "cqt" else super().frame_samples

    @property
    def _cqt(self) -> CQT:
        shared = ("sample_rate", "hop_length", "window", "center", "pad_mode", "whole_track")
        return CQT(
            fmin=self.fmin,
            n_bins=self.n_octaves * self.bins_per_octave,
            bins_per_octave=self.bins_per_octave,
            tuning=self.tuning,
            parent=None,
            **{name: getattr(self, name) for name in shared},
        )

    def _weights(self) -> Any:
        if self.source == "cqt":
            fold = cq_to_chroma(
                n_bins=self._cqt.n_bins,
                bins_per_octave=self.bins_per_octave,
                n_chroma=_PITCH_CLASSES,
                fmin=self.fmin,
                base_c=True,
            )
            return fold, self._cqt._weights()
        filters = chroma_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_chroma=_PITCH_CLASSES,
            tuning=self.tuning,
            ctroct=5.0,
            octwidth=2.0,
            norm=2,
            base_c=True,
        )
        return filters, None

    def _energies(self, y: jax.Array, weights: Any) -> jax.Array:
        fold, filterbank = weights

        def classes(bins: jax.Array) -> jax.Array:
            # At default precision accelerators round the factors.
            chroma = jnp.matmul(bins, fold.T, precision="highest")
            return normalise_frames(chroma, norm=self.norm)

        if self.source == "cqt":
            return classes(self._cqt._energies(y, filterbank))
        return self._stft(y, lambda spectra: classes(dsp.spectrogram(spectra, power=2.0)))
