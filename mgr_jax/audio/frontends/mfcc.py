"""Mel-frequency cepstral coefficients."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.levels import Statistics
from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.errors import UserError


class MFCC(LogMel):
    """Cepstra of the mel levels, by default as `librosa.feature.mfcc(y)`.

    The attributes are also those of `LogMel` and its bases.

    Attributes:
      n_mfcc: number of coefficients, the first ones of an orthonormal DCT-II.
      lifter: raises the middle coefficients, as librosa's `lifter`; 0 disables it.
      deltas: 1 appends the slopes over time to the bins, 2 the curvatures too
        (`librosa.feature.delta`).
      delta_width: frames that a slope is fitted to, an odd number from 3.
    """

    registered: ClassVar[str] = "mfcc"

    n_mfcc: int = 20
    lifter: float = 0.0
    deltas: int = 0
    delta_width: int = 9

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.n_mfcc <= self.n_mels:
            raise UserError(f"MFCC: n_mfcc is {self.n_mfcc}; use 1 to n_mels={self.n_mels}")
        if self.lifter < 0:
            raise UserError(f"MFCC: lifter is {self.lifter}; use 0 or more")
        if self.deltas not in (0, 1, 2):
            raise UserError(f"MFCC: deltas is {self.deltas}; use 0, 1 or 2")
        if self.delta_width < 3 or self.delta_width % 2 == 0:
            raise UserError(f"MFCC: delta_width is {self.delta_width}; use an odd number from 3")
        if self.deltas and self.whole_track:
            raise UserError("MFCC: whole_track=True has no deltas; set deltas=0")

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.n_mfcc * (1 + self.deltas)

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("coefficient", np.arange(self.num_bins, dtype=float))

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame, or the frames of a slope."""
        if not self.deltas:
            return super().min_samples
        frames = (self.delta_width - 1) * self.hop_length
        return max(super().min_samples, frames + (0 if self.center else self.n_fft))

    def statistic_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of each statistic that is used, by name: of cepstra, not of the mel energies."""
        del item_shape
        return super().statistic_shapes(self.item_shape)

    def _levels(self, energies: jax.Array, given: Statistics) -> jax.Array:
        levels = super()._levels(energies, given)
        basis = dsp.dct_basis(self.n_mels, self.n_mfcc)
        if self.lifter:
            basis = basis * dsp.lifter_weights(self.n_mfcc, self.lifter)
        cepstra = jnp.matmul(levels, basis.astype(np.float32), precision="highest")
        slopes = [
            dsp.delta(cepstra, width=self.delta_width, order=order)
            for order in range(1, self.deltas + 1)
        ]
        return jnp.concatenate([cepstra, *slopes], axis=-1)
