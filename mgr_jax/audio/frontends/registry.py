"""The front ends by name."""

from collections.abc import Mapping
from typing import Any

from mgr_jax import _registry
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.audio.frontends.chroma import Chroma
from mgr_jax.audio.frontends.cqt import CQT
from mgr_jax.audio.frontends.harmonic import Harmonic
from mgr_jax.audio.frontends.leaf import Leaf
from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.audio.frontends.mfcc import MFCC
from mgr_jax.audio.frontends.precomputed import Precomputed
from mgr_jax.audio.frontends.presets import PRESETS
from mgr_jax.audio.frontends.resampled import Resampled
from mgr_jax.audio.frontends.sincnet import SincNet
from mgr_jax.audio.frontends.stack import Stack
from mgr_jax.audio.frontends.stft import STFT
from mgr_jax.audio.frontends.tempogram import Tempogram
from mgr_jax.audio.frontends.waveform import Waveform
from mgr_jax.errors import UserError, unknown_name

FRONTENDS: dict[str, type[Frontend]] = {
    "chroma": Chroma,
    "cqt": CQT,
    "harmonic": Harmonic,
    "leaf": Leaf,
    "log_mel": LogMel,
    "mfcc": MFCC,
    "precomputed": Precomputed,
    "sincnet": SincNet,
    "stft": STFT,
    "tempogram": Tempogram,
    "waveform": Waveform,
}
# Front ends made of others, and what `create_frontend` takes for them.
COMPOSED = {"stack": ("frontends",), "resampled": ("target_rate", "frontend")}


def create_frontend(
    name: str,
    *,
    sample_rate: float | None = None,
    axis_name: str | None = None,
    **kwargs: Any,
) -> Frontend:
    """A front end: a Flax module from waveforms [batch, samples] to features, see `Frontend`.

    Args:
      name: one of `list_frontends()`, or of `list_presets()` for a published input.
      sample_rate: of the waveforms in Hz; None means the front end's default. A preset that was
        published at another rate resamples on the device.
      axis_name: of the devices that share a batch, under pmap.
      **kwargs: fields of the module that differ from their defaults; a preset has none. "stack"
        takes `frontends`, a sequence of {"name", "kwargs"}; "resampled" takes `frontend`, one such
        dict, and `target_rate` in Hz.

    Raises:
      UserError: there is no such front end, it has no such field, or a value is out of range.
    """
    if name in PRESETS:
        return _preset(name, sample_rate, axis_name, kwargs)
    shared: dict[str, Any] = {} if sample_rate is None else {"sample_rate": sample_rate}
    if name in COMPOSED:
        for key in kwargs:
            if key not in COMPOSED[name]:
                raise unknown_name(f"argument of the front end {name}", key, COMPOSED[name])
        if name == "stack":
            parts = kwargs.get("frontends", ())
            made = tuple(_nested(part, axis_name=axis_name, **shared) for part in parts)
            return Stack(parts=made, **shared)
        inner = None
        if "frontend" in kwargs:
            rate = kwargs.get("target_rate")
            inner = _nested(kwargs["frontend"], sample_rate=rate, axis_name=axis_name)
        return Resampled(inner=inner, **shared)  # type: ignore[arg-type]
    if name not in FRONTENDS:
        raise unknown_name("front end", name, [*list_frontends(), *PRESETS])
    if "axis_name" in FRONTENDS[name].__dataclass_fields__:
        shared["axis_name"] = axis_name
    return _registry.build("front end", FRONTENDS, name, shared | kwargs)


def _preset(
    name: str, sample_rate: float | None, axis_name: str | None, kwargs: Mapping[str, Any]
) -> Frontend:
    preset = PRESETS[name]
    if kwargs:
        raise UserError(
            f"{name} is a published input, which has no settings such as {sorted(kwargs)[0]}; use "
            f"the front end {preset.frontend} to change some"
        )
    frontend = create_frontend(
        preset.frontend, sample_rate=preset.sample_rate, axis_name=axis_name, **preset.kwargs
    )
    if sample_rate in (None, preset.sample_rate):
        return frontend
    return Resampled(inner=frontend, sample_rate=sample_rate)


def _nested(part: Any, **shared: Any) -> Frontend:
    if not isinstance(part, Mapping) or not {"name"} <= set(part) <= {"name", "kwargs"}:
        raise UserError(
            f"a front end within another is {part!r}; expected {{'name': …, 'kwargs': {{…}}}}"
        )
    return create_frontend(part["name"], **shared, **dict(part.get("kwargs", {})))


def list_frontends() -> list[str]:
    """Names of front ends for `create_frontend`; published inputs are in `list_presets()`."""
    return sorted([*FRONTENDS, *COMPOSED])
