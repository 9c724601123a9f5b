"""Features of a clip as pictures: their time axes, units and value limits."""

import dataclasses
from typing import Any

import numpy as np

from mgr_jax.audio.frontends import Frontend, Pipeline, Resampled, Stack
from mgr_jax.reports.gallery import Picture

COLUMNS = 1000  # most columns of a picture
_UNITS = {
    "chroma_cqt": "of the frame's maximum",
    "chroma_stft": "of the frame's maximum",
    "leaf": "PCEN",
    "sincnet": "absolute response",
    "tempogram": "autocorrelation",
    "waveform": "amplitude",
}
_SKEWED = ("absolute response", "energy", "magnitude", "PCEN")  # few large values, most near 0
_CLOSE_UP = 0.02  # seconds
_TEMPI = (30, 480)  # BPM


def features_picture(
    name: str,
    frontend: Frontend,
    features: np.ndarray,
    start: float,
    seconds: float,
    channels: tuple[str, ...] = (),
) -> Picture:
    """Makes a picture of the features of a clip, as fine as can be seen.

    Args:
      name: title of the picture.
      frontend: the front end that computed the features.
      features: [frames, bins] or [frames, bins, channels].
      start: second of its track at which the clip begins.
      seconds: length of the clip.
      channels: names of the channels; none: they are numbered.

    Returns:
      The picture.
    """
    label, bin_values = frontend.bin_axis.label, frontend.bin_axis.values
    if label == "BPM":
        counted = (_TEMPI[0] <= bin_values) & (bin_values <= _TEMPI[1])
        features, bin_values = features[:, counted], bin_values[counted]
    frames, bins = features.shape[:2]
    values, step = features.reshape(frames, bins, -1), 1 / frontend.frame_rate
    # Frames that are not centred on samples 0, hop_length, ... are spread evenly over the clip.
    inner = _inner(frontend)
    spread = inner.layout.frames.center is not True
    first = (seconds - (frames - 1) * step) / 2 if spread else 0.0
    left = start + first - step / 2
    if (merged := -(-frames // COLUMNS)) > 1:
        blocks = np.arange(0, frames, merged)
        highest, lowest = (extreme.reduceat(values, blocks) for extreme in (np.maximum, np.minimum))
        values, step = highest, merged * step
        if label == "amplitude":  # a line goes down and up once per block
            values = np.stack([lowest, highest], axis=1).reshape(-1, *highest.shape[1:])
            step /= 2
    unit = _unit(inner)
    numbered = tuple(f"{name} {number + 1}" for number in range(frontend.num_channels or 0))
    return Picture(
        name=name,
        values=values,
        span=(start, start + seconds),
        start=left,
        step=step,
        unit=unit,
        limits=value_limits(values, label),
        bin_label=label,
        bin_values=bin_values,
        channels=channels or numbered,
        gamma=0.5 if unit in _SKEWED else 1.0,
    )


def close_up(name: str, before: np.ndarray, after: np.ndarray, rate: int, start: float) -> Picture:
    """Makes a picture of two waveforms, for 20 ms around the loudest sample of the first.

    Args:
      name: name of the augmentation that changed the second waveform.
      before: [samples] float32.
      after: [samples] float32.
      rate: sample rate of both in Hz.
      start: second of their track at which they begin.

    Returns:
      The picture.
    """
    samples = min(round(_CLOSE_UP * rate), len(before))
    begin = int(np.clip(np.abs(before).argmax() - samples // 2, 0, len(before) - samples))
    values = np.stack([before, after], axis=-1)[begin : begin + samples, None]
    left = start + begin / rate
    return Picture(
        name="waveforms",
        values=values,
        span=(left, left + samples / rate),
        start=left - 0.5 / rate,
        step=1 / rate,
        unit="amplitude",
        limits=value_limits(1.5 * values, "amplitude"),  # the legend needs room
        bin_label="amplitude",
        bin_values=np.zeros(1),
        channels=("original", name),
        detail=f"{1000 * samples / rate:.0f} ms",
    )


def _inner(frontend: Frontend) -> Pipeline:
    """The pipeline that computes the features of a composed front end."""
    if isinstance(frontend, Resampled):
        return _inner(frontend.inner)
    if isinstance(frontend, Stack):
        return _inner(frontend.parts[0])
    assert isinstance(frontend, Pipeline)  # there is no other kind
    return frontend


def _unit(frontend: Pipeline) -> str:
    if frontend.standardise.standardise:
        return "standard deviations"
    level = frontend.level
    if frontend.registered in _UNITS or level is None:
        return _UNITS.get(frontend.registered, "value")
    ref = " re maximum" if level.ref == "max" else ""
    return {
        "db": f"dB{ref}",
        "ln": f"ln{ref}",
        "ln_offset": f"{level.level_gain:g} (ln(E + {level.amin:g}) + {level.level_offset:g})",
        "log10_1p": f"log10(1 + {level.energy_gain:g} E)",
        "pcen": "PCEN",
        "linear": "magnitude" if getattr(frontend.bands, "power", 2) == 1 else "energy",
    }[level.scale]


def value_limits(values: np.ndarray, label: str) -> tuple[float, float]:
    """The limits of the colour scale, which few values exceed; or of the amplitude axis.

    Args:
      values: the values to draw.
      label: name of their unit.

    Returns:
      The lower and the upper limit.
    """
    if label in ("amplitude", "coefficient"):
        # The first coefficients, loudness and brightness, would dominate the scale.
        high = float(np.percentile(np.abs(values), 100 if label == "amplitude" else 90))
        return min(-high, -1e-3), max(high, 1e-3)
    low, high = (float(x) for x in np.percentile(values, (1, 99.8)))
    return low, high if high > low else low + 1.0


def describe_settings(part: Any) -> str:
    """All settings of a front end, of its parts, and of the front ends in it."""
    texts = []
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        if dataclasses.is_dataclass(value) and not isinstance(value, Frontend):
            texts.append(describe_settings(value))
        elif field.name not in ("name", "parent", "axis_name", "registered"):
            texts.append(f"{field.name}={_text(value)}")
    return ", ".join(texts)


def _text(value: Any) -> str:
    if isinstance(value, Frontend):
        return f"{value.registered}({describe_settings(value)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    return f"{value:g}" if isinstance(value, float) else repr(value)
