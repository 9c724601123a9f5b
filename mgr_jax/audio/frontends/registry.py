"""Makes front ends by name."""

import math
from collections.abc import Mapping
from typing import Any

from mgr_jax._registry import check_arguments
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.audio.frontends.composed import Resampled, Stack
from mgr_jax.audio.frontends.pipeline import Pipeline
from mgr_jax.audio.frontends.recipes import FRONTENDS
from mgr_jax.errors import UserError, require, unknown_name

# Front ends made of others, and what `create_frontend` takes for them.
COMPOSED: dict[str, dict[str, Any]] = {
    "resampled": {"target_rate": float, "frontend": Mapping},
    "stack": {"frontends": tuple},
}


def create_frontend(
    name: str,
    *,
    sample_rate: float | None = None,
    axis_name: str | None = None,
    **kwargs: Any,
) -> Frontend:
    """A front end: a Flax module from waveforms [batch, samples] to features, see `Frontend`.

    Most front ends have no parameters: `frontend.apply({}, clips)`. "leaf", "sincnet" and
    "harmonic" have some; `frontend.init(jax.random.key(0), clips)` makes them. For whole tracks use
    `extract_features`. With `whole_track` a clip alone lacks the samples around it.

    Args:
      name: one of `list_frontends()`, or of `list_presets()` for a published input.
      sample_rate: of the waveforms in Hz; None means the front end's default. A preset that was
        published at another rate resamples on the device, unless it uses whole tracks, as musicnn,
        prcnn_mel, fma_cqt and gtzan_mel3 do: these need audio at their own rate.
      axis_name: of the devices that share a batch, under pmap.
      **kwargs: settings that differ from the defaults: fields of the parts that `FRONTENDS` has
        for this name; a preset has none. "stack" takes `frontends`, a sequence of {"name",
        "kwargs"}; "resampled" takes `frontend`, one such dict, and `target_rate` in Hz.

    Raises:
      UserError: there is no such front end, it has no such setting, or a value is out of range.
        Some values are checked only where they are used, when the front end is first called.
    """
    if sample_rate is not None:
        _check_rate(name, "sample_rate", sample_rate)
    if name in COMPOSED:
        check_arguments("front end", name, COMPOSED[name], kwargs)
        if name == "resampled":
            return _resampled(sample_rate, axis_name, **kwargs)
        parts = kwargs.get("frontends", ())
        return Stack(parts=tuple(_nested(part, sample_rate, axis_name) for part in parts))
    if name not in FRONTENDS:
        raise unknown_name("front end", name, [*FRONTENDS, *COMPOSED])
    recipe, rate = FRONTENDS[name], {} if sample_rate is None else {"sample_rate": sample_rate}
    if recipe.published is None:
        check_arguments("front end", name, recipe.arguments(), rate | kwargs)
        preset = kwargs.get("preset")
        if preset is not None and preset not in list_presets():
            raise unknown_name("preset", preset, list_presets())
    elif kwargs:
        raise UserError(
            f"{name} is a published input, which has no settings such as {sorted(kwargs)[0]}; use "
            f"the front end {recipe.published.frontend} to change some",
            code="frontend.preset_has_no_settings",
        )
    settings = {} if recipe.published else rate | kwargs
    try:
        parts = recipe.with_settings(settings).parts()
        frontend = Pipeline(registered=name, axis_name=axis_name, **parts)
    except UserError as error:  # parts do not know the name of their front end
        raise UserError(f"{name}: {error}", code=error.code) from error
    if sample_rate in (None, frontend.sample_rate):
        return frontend
    return Resampled(inner=frontend, sample_rate=sample_rate)


def _resampled(
    sample_rate: float | None,
    axis_name: str | None,
    target_rate: float | None = None,
    frontend: Any = None,
) -> Frontend:
    if frontend is None or target_rate is None:
        raise UserError(
            "resampled needs a front end and its rate; give target_rate=16000, "
            "frontend={'name': 'log_mel'}",
            code="frontend.nothing_resampled",
        )
    _check_rate("resampled", "target_rate", target_rate)
    inner = _nested(frontend, target_rate, axis_name)
    return Resampled(inner=inner, sample_rate=22050 if sample_rate is None else sample_rate)


def _check_rate(name: str, setting: str, rate: Any) -> None:
    """A UserError unless this setting of the front end of this name is a rate in Hz."""
    check_arguments("front end", name, {setting: float}, {setting: rate})
    require(0 < rate < math.inf, f"{name}: {setting}", rate, "it must be positive and finite")


def _nested(part: Any, sample_rate: float | None, axis_name: str | None) -> Frontend:
    """The front end that a dict of name and kwargs describes."""
    match part:
        case {"name": str(name), "kwargs": Mapping() as kwargs} if len(part) == 2:
            pass
        case {"name": str(name)} if len(part) == 1:
            kwargs = {}
        case _:
            raise UserError(
                f"a front end within another is {part!r}; expected {{'name': …, 'kwargs': {{…}}}}",
                code="frontend.not_a_description",
            )
    if name == "precomputed" or not kwargs.keys().isdisjoint(("name", "sample_rate", "axis_name")):
        raise UserError(
            f"a front end within another is {part!r}; choose one of waveforms, and leave name, "
            "sample_rate and axis_name out of its kwargs: the latter two are those of the whole "
            "(of resampled, target_rate)",
            code="frontend.not_within_another",
        )
    return create_frontend(name, sample_rate=sample_rate, axis_name=axis_name, **kwargs)


def list_frontends() -> list[str]:
    """Names of front ends for `create_frontend`; published inputs are in `list_presets()`."""
    return sorted(
        [*COMPOSED, *(name for name, recipe in FRONTENDS.items() if not recipe.published)]
    )


def list_presets() -> list[str]:
    """Names of published inputs, for `create_frontend` and config.frontend.name."""
    return sorted(name for name, recipe in FRONTENDS.items() if recipe.published)
