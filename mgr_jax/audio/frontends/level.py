"""Converts energies to features: levels, cepstra, and z-scores."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mgr_jax._registry import fits
from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Layout
from mgr_jax.audio.frontends.parts import FINITE, Count, Exponent, Part, Range, Size, one_of
from mgr_jax.errors import require, unknown_name

_SCALES = ("linear", "db", "ln", "ln_offset", "log10_1p", "pcen")
OVER = ("segment", "track", "batch", "dataset")
# Deviations below this share of the mean are rounding: the clip is constant, its z-score 0.
_ROUNDING = 1e-6
_PCEN = tuple(dsp.pcen.__kwdefaults__ or ())


@dataclasses.dataclass(frozen=True)
class Level(Part):
    """Levels of energies E: scales of the literature, of x = (energy_gain * E) ** energy_power.

    Attributes:
      scale: "linear": x; "db": decibel, as `librosa.power_to_db(x)`; "ln": the same as natural
        logarithm; "ln_offset": ln(x + amin); "log10_1p": log10(1 + x); "pcen": as
        `librosa.pcen(x)`.
      energy_gain: factor of the energies; musicnn's log10(1 + 10000 E) has 10000, and librosa
        advises 2**31 for "pcen".
      energy_power: 2 squares them once more, as the input of Choi's released networks is.
      energy_dtype: "float16" rounds the energies, up to 65,504, as musicnn's input is; else
        "float32".
      ref: "db" and "ln": energy at level 0, or "max" for the maximum over `normalise_over`.
      amin: "db" and "ln": smallest energy told apart from silence; "ln_offset": what is added.
      top_db: "db" and "ln": range below the maximum over `normalise_over`, in dB; None keeps all.
      pcen: settings of "pcen" that differ from librosa's.
      level_offset: is added to the levels.
      level_gain: factor of that sum.
    """

    scale: Annotated[str, one_of(*_SCALES)] = "db"
    energy_gain: Size = 1.0
    energy_power: Exponent = 1.0
    energy_dtype: Annotated[str, one_of("float16", "float32")] = "float32"
    ref: Annotated[
        float | str,
        Range(
            lambda ref: ref == "max" if isinstance(ref, str) else 0 < ref < math.inf,
            "it must be a positive, finite number or 'max'",
        ),
    ] = 1.0
    amin: Size = 1e-10
    top_db: Annotated[
        float | None,
        Range(lambda value: value is None or 0 < value < math.inf, "use a positive one, or None"),
    ] = 80.0
    pcen: Mapping[str, float] | None = None
    level_offset: Annotated[float, FINITE] = 0.0
    level_gain: Size = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, value in (self.pcen or {}).items():
            if setting not in _PCEN:
                raise unknown_name("setting of pcen", setting, _PCEN)
            number = fits(value, float) and math.isfinite(value)
            first = setting == "initial" and value == "first"
            require(number or first, f"pcen's {setting}", value, "it must be a finite number")

    @property
    def uses_maximum(self) -> bool:
        """Whether a level depends on the largest x over `normalise_over`."""
        return self.scale in ("db", "ln") and (self.ref == "max" or self.top_db is not None)

    def scaled(self, energies: jax.Array) -> jax.Array:
        """The scaled energies x, of which the maximum is taken."""
        if self.energy_dtype == "float16":
            highest = float(jnp.finfo(jnp.float16).max)
            energies = jnp.minimum(energies, highest).astype(jnp.float16).astype(jnp.float32)
        x = self.energy_gain * energies
        return x if self.energy_power == 1 else x**self.energy_power

    def __call__(self, x: jax.Array, maximum: jax.Array | None, frame_rate: float) -> jax.Array:
        """Levels of x [batch, frames, ...].

        Args:
          x: from `scaled`.
          maximum: that of x where it is used, of a shape that broadcasts against x.
          frame_rate: frames per second.
        """
        level = self._unshifted(x, maximum, frame_rate)
        if (self.level_offset, self.level_gain) == (0.0, 1.0):
            return level
        return (level + self.level_offset) * self.level_gain

    def _unshifted(self, x: jax.Array, maximum: jax.Array | None, frame_rate: float) -> jax.Array:
        if self.scale == "linear":
            return x
        if self.scale == "ln_offset":
            return jnp.log(x + self.amin)
        if self.scale == "log10_1p":
            return jnp.log10(1.0 + x)
        if self.scale == "pcen":
            return dsp.pcen(x, sample_rate=frame_rate, hop_length=1, **dict(self.pcen or {}))
        level = dsp.power_to_db(
            x, ref=self.ref, amin=self.amin, top_db=self.top_db, maximum=maximum
        )
        return level if self.scale == "db" else level * np.float32(np.log(10) / 10)


@dataclasses.dataclass(frozen=True)
class Cepstra(Part):
    """Cepstra of levels, by default as `librosa.feature.mfcc(y)` has them of mel levels.

    Attributes:
      n_mfcc: number of coefficients, the first ones of an orthonormal DCT-II.
      lifter: raises the middle coefficients, as librosa's `lifter`; 0 disables it.
      deltas: 1 appends the slopes over time to the bins, 2 the curvatures too
        (`librosa.feature.delta`).
      delta_width: frames that a slope is fitted to, an odd number from 3.
    """

    n_mfcc: Count = 20
    lifter: Annotated[
        float, Range(lambda value: 0 <= value < math.inf, "use a finite one from 0")
    ] = 0.0
    deltas: Annotated[int, one_of(0, 1, 2)] = 0
    delta_width: Annotated[
        int, Range(lambda width: width >= 3 and width % 2 == 1, "use an odd number from 3")
    ] = 9

    def layout(self, levels: Layout) -> Layout:
        """That of the cepstra of levels of a layout: coefficients, frames of a slope."""
        axis = BinAxis("coefficient", np.arange(float(self.n_mfcc * (1 + self.deltas))))
        shortest = self.delta_width if self.deltas else 1
        return dataclasses.replace(levels, axis=axis, min_frames=shortest)

    def __call__(self, levels: jax.Array, frames: jax.Array | None) -> jax.Array:
        """Levels [batch, frames, bands], of which [batch] frames count, to cepstra."""
        basis = dsp.dct_basis(levels.shape[-1], self.n_mfcc)
        if self.lifter:
            basis = basis * dsp.lifter_weights(self.n_mfcc, self.lifter)
        cepstra = jnp.matmul(levels, basis.astype(np.float32), precision="highest")
        slopes = [
            dsp.delta(cepstra, width=self.delta_width, order=order, frames=frames)
            for order in range(1, self.deltas + 1)
        ]
        return jnp.concatenate([cepstra, *slopes], axis=-1)


@dataclasses.dataclass(frozen=True)
class Standardise(Part):
    """Z-scores of features, and the data that the statistics are taken over.

    "segment": the statistics of the clip itself, so that a result depends on nothing else. "track":
    they are measured in advance on the whole track and come with every clip as `aux`. "dataset":
    they are measured on the training split, given to `init` as `aux` and then kept as variables.
    Both need `whole_track`. "batch": every result depends on its neighbours, also on rows that only
    fill up the last batch; published recipes use it.

    Attributes:
      standardise: subtract the mean and divide by the standard deviation: of "all" features
        together, of each of the "bins" separately, or not at all (None).
      normalise_over: "segment", "track", "batch" or "dataset".
    """

    standardise: Annotated[str | None, one_of(None, "all", "bins")] = None
    normalise_over: Annotated[str, one_of(*OVER)] = "segment"

    @property
    def is_given(self) -> bool:
        """Whether the statistics are measured in advance."""
        return self.normalise_over in ("track", "dataset")

    def shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of the mean and the deviation of frames of this shape, where there are any."""
        if self.standardise is None:
            return {}
        shape = item_shape if self.standardise == "bins" else ()
        return {"mean": shape, "std": shape}

    def maximum(self, x: jax.Array, valid: jax.Array | None, axis_name: str | None) -> jax.Array:
        """The maximum of [batch, frames, ...] over a segment or a batch, kept as broadcastable.

        Args:
          x: not negative.
          valid: [batch, frames, 1, ...] bool of the frames that count; None: all.
          axis_name: of the devices that share the batch.
        """
        if valid is not None:
            x = jnp.where(valid, x, 0.0)
        if self.normalise_over == "batch":
            return _over_devices(x.max(keepdims=True), axis_name, jnp.max)
        return x.max(axis=tuple(range(1, x.ndim)), keepdims=True)

    def z_score(
        self,
        features: jax.Array,
        given: Mapping[str, jax.Array],
        counts: jax.Array | None,
        axis_name: str | None,
    ) -> jax.Array:
        """Scales features to mean 0 and standard deviation 1.

        Args:
          features: [batch, frames, ...].
          given: "mean" and "std" that were measured beforehand, ready to broadcast; or nothing.
          counts: [batch, frames or 1, 1, ...] bool of what is measured; None: everything.
          axis_name: of the devices that share the batch.

        Returns:
          The z-scores, of the shape of `features`.
        """
        if self.standardise is None:
            return features
        if given:
            mean, variance = given["mean"], jnp.square(given["std"])
        else:
            stop = 2 if self.standardise == "bins" else features.ndim
            axes = tuple(range(0 if self.normalise_over == "batch" else 1, stop))
            over = axis_name if self.normalise_over == "batch" else None
            mean = _mean(features, axes, counts, over)
            variance = _mean(jnp.square(features - mean), axes, counts, over)
        varies = variance > jnp.square(_ROUNDING * mean)
        # Not a root of 0, which has no gradient.
        return (features - mean) / jnp.sqrt(jnp.where(varies, variance, 1.0))


def _mean(
    x: jax.Array, axes: tuple[int, ...], counts: jax.Array | None, axis_name: str | None
) -> jax.Array:
    """The mean over axes and devices of what counts."""
    if counts is None:
        return _over_devices(x.mean(axis=axes, keepdims=True), axis_name, jnp.mean)
    total, count = (
        _over_devices((counts * y).sum(axis=axes, keepdims=True), axis_name, jnp.sum)
        for y in (x, jnp.ones_like(x))
    )
    return total / count


def _over_devices(value: jax.Array, axis_name: str | None, reduce: Callable) -> jax.Array:
    """What a statistic of this device's part of a batch is over all of it."""
    # lax.pmax has no gradient.
    return value if axis_name is None else reduce(lax.all_gather(value, axis_name), axis=0)
