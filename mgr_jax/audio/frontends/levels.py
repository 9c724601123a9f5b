"""From energies to levels: the scales and references of the literature."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import require_positive
from mgr_jax.audio.frontends.standardise import Standardised, Statistics
from mgr_jax.errors import UserError, unknown_name

_PCEN = tuple(dsp.pcen.__kwdefaults__ or ())
SCALES = ("linear", "db", "ln", "log10_1p", "pcen")


class Leveled(Standardised):
    """A front end whose energies E become levels: first x = (energy_gain * E) ** energy_power.

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

    scale: str = "db"
    energy_gain: float = 1.0
    energy_power: float = 1.0
    energy_dtype: str = "float32"
    ref: float | str = 1.0
    amin: float = 1e-10
    top_db: float | None = 80.0
    pcen: Mapping[str, float] | None = None

    def __post_init__(self):
        name = type(self).__name__
        if self.scale not in SCALES:
            raise UserError(
                f"{name}: scale is {self.scale!r}; it must be one of {', '.join(SCALES)}"
            )
        if self.energy_dtype not in ("float16", "float32"):
            raise UserError(
                f"{name}: energy_dtype is {self.energy_dtype!r}; it must be 'float16' or 'float32'"
            )
        for setting, value in (self.pcen or {}).items():
            if setting not in _PCEN:
                raise unknown_name("setting of pcen", setting, _PCEN)
            if not isinstance(value, int | float) and value != "first":
                raise UserError(f"{name}: pcen has {setting} {value!r}; it must be a number")
        for field in ("power", "energy_power"):
            if not getattr(self, field, 1) >= 1:  # roots have no finite slope in silence
                raise UserError(f"{name}: {field} is {getattr(self, field)}; use 1 or more")
        require_positive(self, "energy_gain")
        if self.top_db is not None and self.top_db <= 0:
            raise UserError(f"{name}: top_db is {self.top_db}; it must be positive, or None")
        if self.scale == "pcen" and self.normalise_over != "segment":
            raise UserError(
                f"{name}: scale='pcen' follows the frames of a clip, so that "
                f"normalise_over={self.normalise_over!r} is not offered; use 'segment'"
            )
        super().__post_init__()

    def statistic_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of each statistic that is used, by name."""
        maximum: dict[str, tuple[int, ...]] = {"maximum": ()} if self._uses_maximum else {}
        return maximum | super().statistic_shapes(item_shape)

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        return super().framewise and self.scale != "pcen"

    @property
    def _uses_maximum(self) -> bool:
        return self.scale in ("db", "ln") and (self.ref == "max" or self.top_db is not None)

    def _scaled(self, energies: jax.Array) -> jax.Array:
        if self.energy_dtype == "float16":
            highest = float(jnp.finfo(jnp.float16).max)
            energies = jnp.minimum(energies, highest).astype(jnp.float16).astype(jnp.float32)
        x = self.energy_gain * energies
        return x if self.energy_power == 1 else x**self.energy_power

    def _levels(self, energies: jax.Array, given: Statistics) -> jax.Array:
        x = self._scaled(energies)
        if self.scale == "linear":
            return x
        if self.scale == "log10_1p":
            return jnp.log10(1.0 + x)
        if self.scale == "pcen":
            return dsp.pcen(x, sample_rate=self.frame_rate, hop_length=1, **dict(self.pcen or {}))
        maximum = self._maximum(x, given) if self._uses_maximum else None
        level = dsp.power_to_db(
            x, ref=self.ref, amin=self.amin, top_db=self.top_db, maximum=maximum
        )
        return level if self.scale == "db" else level * np.float32(np.log(10) / 10)

    def _maximum(self, x: jax.Array, given: Statistics) -> jax.Array:
        """The maximum over `normalise_over`, of a shape that broadcasts against `x`."""
        if given:
            return given["maximum"]
        if self.normalise_over == "batch":
            return self._over_devices(x.max(keepdims=True), jnp.max)
        return x.max(axis=tuple(range(1, x.ndim)), keepdims=True)
