"""From energies to levels, and from levels to cepstra."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.ranges import require
from mgr_jax.audio.frontends.base import BinAxis, Layout
from mgr_jax.audio.frontends.parts import Count, Exponent, Part, Range, Size, one_of
from mgr_jax.errors import unknown_name

_PCEN = tuple(dsp.pcen.__kwdefaults__ or ())


@dataclasses.dataclass(frozen=True)
class Level(Part):
    """Levels of energies E: scales of the literature, of x = (energy_gain * E) ** energy_power.

    Attributes:
      scale: "linear": x; "db": decibel, as `librosa.power_to_db(x)`; "ln": the same as natural
        logarithm; "log10_1p": log10(1 + x); "pcen": as `librosa.pcen(x)`.
      energy_gain: factor of the energies; musicnn's log10(1 + 10000 E) has 10000, and librosa
        advises 2**31 for "pcen".
      energy_power: 2 squares them once more, as the input of Choi's released networks is.
      energy_dtype: "float16" rounds the energies, up to 65,504, as musicnn's input is; else
        "float32".
      ref: "db" and "ln": energy at level 0, or "max" for the maximum over `normalise_over`.
      amin: "db" and "ln": smallest energy told apart from silence.
      top_db: "db" and "ln": range below the maximum over `normalise_over`, in dB; None keeps all.
      pcen: settings of "pcen" that differ from librosa's.
    """

    scale: Annotated[str, one_of("linear", "db", "ln", "log10_1p", "pcen")] = "db"
    energy_gain: Size = 1.0
    energy_power: Exponent = 1.0
    energy_dtype: Annotated[str, one_of("float16", "float32")] = "float32"
    ref: Annotated[
        float | str,
        Range(
            lambda ref: ref == "max" if isinstance(ref, str) else ref > 0,
            "it must be a positive number or 'max'",
        ),
    ] = 1.0
    amin: Size = 1e-10
    top_db: Annotated[
        float | None, Range(lambda value: value is None or value > 0, "use a positive one, or None")
    ] = 80.0
    pcen: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, value in (self.pcen or {}).items():
            if setting not in _PCEN:
                raise unknown_name("setting of pcen", setting, _PCEN)
            number = isinstance(value, int | float) or value == "first"
            require(number, f"pcen's {setting}", value, "it must be a number")

    @property
    def uses_maximum(self) -> bool:
        """Whether a level depends on the largest x over `normalise_over`."""
        return self.scale in ("db", "ln") and (self.ref == "max" or self.top_db is not None)

    def scaled(self, energies: jax.Array) -> jax.Array:
        """x, what a maximum is taken of."""
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
        if self.scale == "linear":
            return x
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
    lifter: Annotated[float, Range(lambda value: value >= 0, "use 0 or more")] = 0.0
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
