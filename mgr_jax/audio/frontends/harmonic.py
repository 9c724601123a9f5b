"""Harmonic filters: the input of the harmonic CNN."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.ranges import require, require_positive
from mgr_jax.audio.frontends.bands import OfSpectra
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Fourier, Frames

_LOWEST_NOTE = 24  # MIDI number of C1


@dataclasses.dataclass(frozen=True)
class Harmonic(OfSpectra):
    """Data-driven harmonic filters (Won et al. 2020), by default as in the authors' released code.

    Triangles over the power spectrum at the first harmonics of a scale of fundamentals, stacked as
    channels. Bandwidths are (0.1079 f + 24.7) / Q Hz with one learnt Q. Filters between two bins of
    the spectrum are empty, as published: their levels are those of silence.

    Attributes:
      n_harmonic: number of harmonics, the channels.
      semitone_scale: fundamentals per semitone, from C1 up to where the last harmonic reaches half
        the sample rate.
    """

    # Of a track or a dataset, filters that are still to be learnt would be measured.
    measured_over: ClassVar[tuple[str, ...]] = ("segment", "batch")

    sample_rate: float = 16000
    fourier: Fourier = Fourier(n_fft=512, frames=Frames(hop_length=256, pad_mode="reflect"))
    n_harmonic: int = 6
    semitone_scale: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "n_harmonic", "semitone_scale")
        expected = f"so many harmonics of C1 do not fit sample_rate={self.sample_rate}; use fewer"
        require(self.num_bins > 0, "n_harmonic", self.n_harmonic, expected)

    @property
    def num_bins(self) -> int:
        """Fundamentals."""
        highest = 69 + 12 * np.log2(self.sample_rate / (2 * self.n_harmonic) / 440)
        return int(np.round(highest) - _LOWEST_NOTE) * self.semitone_scale

    @property
    def num_channels(self) -> int:
        """Harmonics."""
        return self.n_harmonic

    @property
    def axis(self) -> BinAxis:
        """The fundamentals."""
        notes = _LOWEST_NOTE + np.arange(self.num_bins) / self.semitone_scale
        return BinAxis("Hz", 440.0 * 2.0 ** ((notes - 69) / 12))

    def weights(self, param: Callable[..., jax.Array]) -> jax.Array:
        """Triangles [1 + n_fft // 2, num_bins * n_harmonic]."""
        Q = param("Q", nn.initializers.ones, ())  # noqa: N806
        centers = np.outer(self.axis.values, np.arange(1, self.n_harmonic + 1)).ravel()
        bins = np.fft.rfftfreq(self.fourier.n_fft, 1 / self.sample_rate)[:, None]
        # In half bandwidths at Q = 1.
        distance = np.abs(bins - centers) / (0.5 * (0.1079 * centers + 24.7))
        return jnp.maximum(0.0, 1.0 - jnp.abs(Q) * distance.astype(np.float32))

    def __call__(self, y: jax.Array, weights: jax.Array, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, frames, num_bins, n_harmonic], see `Bands`."""
        energies = super().__call__(y, weights, lengths)
        return energies.reshape(*energies.shape[:2], self.num_bins, self.n_harmonic)

    def of_spectra(self, spectra: jax.Array, weights: jax.Array) -> jax.Array:
        """[batch, frames, 1 + n_fft // 2] complex to [batch, frames, num_bins * n_harmonic]."""
        # At default precision accelerators round the factors, which costs several dB.
        return jnp.matmul(dsp.spectrogram(spectra, power=2), weights, precision="highest")
