"""Constant-Q bands, and the pitch classes they add up to."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.ranges import require, require_positive
from mgr_jax.audio.frontends.bands import PITCH_CLASSES, Bands
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Frames


@dataclasses.dataclass(frozen=True)
class CQT(Bands):
    """Constant-Q bands, by default abs(librosa.cqt(y)); see `dsp.cqt`.

    A frame is as long as the longest filter.

    Attributes:
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      norm: of each filter before it is scaled by the root of its length: 1, 2, infinity or None.
      window: a periodic window by its name in `scipy.signal.get_window`.
      power: exponent of the magnitudes, at least 1.
      cut: where the frames lie.
    """

    fmin: float = dsp.C1
    n_bins: int = 84
    bins_per_octave: int = 12
    tuning: float = 0.0
    filter_scale: float = 1.0
    norm: float | None = 1.0
    window: str | tuple = "hann"
    power: float = 1.0
    cut: Frames = field(default_factory=Frames)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "n_bins")
        require(self.power >= 1, "power", self.power, "use 1 or more")
        center = self.cut.center
        require(isinstance(center, bool), "center", center, "it must be True or False")

    @property
    def _scale(self) -> dict[str, Any]:
        names = ("fmin", "n_bins", "bins_per_octave", "tuning")
        return {name: getattr(self, name) for name in names}

    @property
    def _filters(self) -> dict[str, Any]:
        names = ("sample_rate", "filter_scale", "window")
        return self._scale | {name: getattr(self, name) for name in names}

    @property
    def axis(self) -> BinAxis:
        """Centres of the bands."""
        return BinAxis("Hz", dsp.cqt_frequencies(**self._scale))

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return dsp.cqt_frame_length(dsp.cqt_lengths(**self._filters))

    def weights(self, param: Callable[..., jax.Array]) -> list[np.ndarray]:
        """Filters, one array [length, bins] for each octave."""
        return dsp.cqt_filterbank(**self._filters, norm=self.norm)

    def __call__(
        self, y: jax.Array, weights: list[np.ndarray], lengths: jax.Array | None
    ) -> jax.Array:
        """[batch, samples] to [batch, frames, n_bins], see `Bands`."""
        y, center = self.cut.padded(y, self.frame_samples, lengths)
        spectra = dsp.cqt(
            y, weights, hop_length=self.cut.hop_length, center=center, pad_mode=self.cut.pad_mode
        )
        return dsp.spectrogram(spectra, power=self.power)


@dataclasses.dataclass(frozen=True)
class ChromaCQT(Bands):
    """Constant-Q bands as pitch classes, as `librosa.feature.chroma_cqt` with a tuning given.

    Attributes:
      chroma_norm: of every frame: 1, 2 or infinity; None leaves magnitudes.
      cqt: the bands, a multiple of 12 per octave.
    """

    axis: ClassVar[BinAxis] = PITCH_CLASSES

    chroma_norm: float | None = math.inf
    cqt: CQT = CQT(n_bins=252, bins_per_octave=36)

    def __post_init__(self) -> None:
        super().__post_init__()
        per_octave = self.cqt.bins_per_octave
        multiple = per_octave % self.num_bins == 0
        require(multiple, "bins_per_octave", per_octave, "use a multiple of 12")

    @property
    def cut(self) -> Frames:
        """Where the frames lie."""
        return self.cqt.cut

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self.cqt.frame_samples

    def weights(self, param: Callable[..., jax.Array]) -> tuple[list[np.ndarray], np.ndarray]:
        """Filters of the bands, and the pitch classes they belong to [12, n_bins]."""
        fold = dsp.cq_to_chroma(
            n_bins=self.cqt.n_bins,
            bins_per_octave=self.cqt.bins_per_octave,
            n_chroma=self.num_bins,
            fmin=self.cqt.fmin,
            base_c=True,
        )
        return self.cqt.weights(param), fold

    def __call__(
        self,
        y: jax.Array,
        weights: tuple[list[np.ndarray], np.ndarray],
        lengths: jax.Array | None,
    ) -> jax.Array:
        """[batch, samples] to [batch, frames, 12], see `Bands`."""
        filters, fold = weights
        return dsp.fold(self.cqt(y, filters, lengths), fold, norm=self.chroma_norm)
