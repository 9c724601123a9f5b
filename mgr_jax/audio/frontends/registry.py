"""The front ends by name."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgr_jax._registry import Registry, build
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.audio.frontends.presets import PRESETS
from mgr_jax.audio.frontends.resampled import Resampled
from mgr_jax.audio.frontends.stack import Stack
from mgr_jax.errors import UserError, unknown_name

FRONTENDS: Registry[Frontend] = Registry("mgr_jax.audio.frontends")
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

    Most have no parameters: `frontend.apply({}, clips)`. "leaf", "sincnet" and "harmonic" do, and
    `frontend.init(jax.random.key(0), clips)` gives them. Whole tracks are what `extract_features`
    is for; with `whole_track` a clip alone lacks the samples around it.

    Args:
      name: one of `list_frontends()`, or of `list_presets()` for a published input.
      sample_rate: of the waveforms in Hz; None means the front end's default. A preset that was
        published at another rate resamples on the device, unless it uses whole tracks, as musicnn,
        prcnn_mel, fma_cqt and gtzan_mel3 do: these need audio at their own rate.
      axis_name: of the devices that share a batch, under pmap.
      **kwargs: fields of the module that differ from their defaults; a preset has none. "stack"
        takes `frontends`, a sequence of {"name", "kwargs"}; "resampled" takes `frontend`, one such
        dict, and `target_rate` in Hz.

    Raises:
      UserError: there is no such front end, it has no such field, or a value is out of range. Some
        values are checked only where they are used, when the front end is first called.
    """
    if name in PRESETS:
        return _preset(name, sample_rate, axis_name, kwargs)
    shared: dict[str, Any] = {} if sample_rate is None else {"sample_rate": sample_rate}
    if name in COMPOSED:
        for key in kwargs:
            if key not in COMPOSED[name]:
                raise unknown_name(f"argument of the front end {name}", key, COMPOSED[name])
        make = _stack if name == "stack" else _resampled
        return make(sample_rate, axis_name, **kwargs)
    if name not in FRONTENDS:
        raise unknown_name("front end", name, [*list_frontends(), *PRESETS])
    if "axis_name" in FRONTENDS[name].__dataclass_fields__:
        shared["axis_name"] = axis_name
    return build("front end", FRONTENDS, name, shared | kwargs)


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


def _stack(
    sample_rate: float | None, axis_name: str | None, frontends: Sequence[Any] = ()
) -> Frontend:
    if not frontends:
        raise UserError("stack needs front ends; give frontends=({'name': 'log_mel'}, …)")
    if isinstance(frontends, str | Mapping) or not isinstance(frontends, Sequence):
        raise UserError(f"stack: frontends is {frontends!r}; expected a sequence of dicts")
    parts = tuple(_nested(part, sample_rate, axis_name) for part in frontends)
    return Stack(parts=parts, sample_rate=parts[0].sample_rate)


def _resampled(
    sample_rate: float | None,
    axis_name: str | None,
    target_rate: float | None = None,
    frontend: Any = None,
) -> Frontend:
    if frontend is None or not isinstance(target_rate, int | float):
        raise UserError(
            "resampled needs a front end and its rate; give target_rate=16000, "
            "frontend={'name': 'log_mel'}"
        )
    inner = _nested(frontend, target_rate, axis_name)
    return Resampled(inner=inner, sample_rate=22050 if sample_rate is None else sample_rate)


def _nested(part: Any, sample_rate: float | None, axis_name: str | None) -> Frontend:
    """The front end that a dict of name and kwargs describes."""
    kwargs = part.get("kwargs", {}) if isinstance(part, Mapping) else None
    if not isinstance(kwargs, Mapping) or not {"name"} <= set(part) <= {"name", "kwargs"}:
        raise UserError(
            f"a front end within another is {part!r}; expected {{'name': …, 'kwargs': {{…}}}}"
        )
    if part["name"] == "precomputed":
        raise UserError("precomputed cannot be a front end within another; it takes no waveforms")
    if "sample_rate" in kwargs:
        raise UserError(
            f"the front end {part['name']} within another has a sample_rate; remove it, as it is "
            "that of the whole (of resampled, target_rate)"
        )
    return create_frontend(part["name"], sample_rate=sample_rate, axis_name=axis_name, **kwargs)


def list_frontends() -> list[str]:
    """Names of front ends for `create_frontend`; published inputs are in `list_presets()`."""
    return sorted([*FRONTENDS, *COMPOSED])
