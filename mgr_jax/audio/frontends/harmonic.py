"""Harmonic filters: the input of the harmonic CNN."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Spectral, require_positive
from mgr_jax.audio.frontends.levels import Leveled
from mgr_jax.errors import UserError

_LOWEST_NOTE = 24  # MIDI number of C1


class Harmonic(Leveled, Spectral):
    """Data-driven harmonic filters (Won et al. 2020), by default as in the authors' released code.

    Triangles over the power spectrum at the first harmonics of a scale of fundamentals, stacked as
    channels. Bandwidths are (0.1079 f + 24.7) / Q Hz with one learnt Q. Filters between two bins of
    the spectrum are empty, as published: their levels are those of silence.

    The attributes are also those of `Spectral`, `Leveled` and `Standardised`.

    Attributes:
      n_harmonic: number of harmonics, the channels.
      semitone_scale: fundamentals per semitone, from C1 up to where the last harmonic reaches half
        the sample rate.
    """

    registered: ClassVar[str] = "harmonic"

    sample_rate: float = 16000
    n_fft: int = 512
    hop_length: int = 256
    pad_mode: str = "reflect"
    top_db: float | None = None
    n_harmonic: int = 6
    semitone_scale: int = 2

    def __post_init__(self):
        if self.normalise_over in ("track", "dataset"):
            raise UserError(
                f"Harmonic: normalise_over={self.normalise_over!r} would measure filters that are "
                "still to be learnt; use 'segment' or 'batch'"
            )
        super().__post_init__()
        require_positive(self, "n_harmonic", "semitone_scale")
        if self.num_bins < 1:
            raise UserError(
                f"Harmonic: n_harmonic={self.n_harmonic} harmonics of C1 do not fit sample_rate="
                f"{self.sample_rate}; use fewer"
            )

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        highest = 69 + 12 * np.log2(self.sample_rate / (2 * self.n_harmonic) / 440)
        return int(np.round(highest) - _LOWEST_NOTE) * self.semitone_scale

    @property
    def num_channels(self) -> int:
        """Channels per bin."""
        return self.n_harmonic

    @property
    def bin_axis(self) -> BinAxis:
        """The fundamentals."""
        notes = _LOWEST_NOTE + np.arange(self.num_bins) / self.semitone_scale
        return BinAxis("Hz", 440.0 * 2.0 ** ((notes - 69) / 12))

    def _weights(self) -> jax.Array:
        """Triangles [1 + n_fft // 2, num_bins * n_harmonic]."""
        Q = self.param("Q", nn.initializers.ones, ())  # noqa: N806
        centers = np.outer(self.bin_axis.values, np.arange(1, self.n_harmonic + 1)).ravel()
        bins = np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate)[:, None]
        # In half bandwidths at Q = 1.
        distance = np.abs(bins - centers) / (0.5 * (0.1079 * centers + 24.7))
        return jnp.maximum(0.0, 1.0 - jnp.abs(Q) * distance.astype(np.float32))

    def _energies(self, y: jax.Array, weights: jax.Array) -> jax.Array:
        def bands(spectra: jax.Array) -> jax.Array:
            # At default precision accelerators round the factors, which costs several dB.
            return jnp.matmul(dsp.spectrogram(spectra, power=2), weights, precision="highest")

        energies = self._stft(y, bands)
        return energies.reshape(*energies.shape[:2], self.num_bins, self.n_harmonic)
