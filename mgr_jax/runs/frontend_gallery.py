"""What the pictures of reports are drawn from."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from mgr_jax.audio.augment import AUGMENTATIONS, example_keys, make_augment
from mgr_jax.audio.frontends import (
    PRESETS,
    Frontend,
    Leveled,
    Resampled,
    Stack,
    Standardised,
    create_frontend,
    extract_features,
    list_frontends,
    list_presets,
)
from mgr_jax.audio.io import resample
from mgr_jax.errors import UserError
from mgr_jax.reports.gallery import Picture

_WITHOUT_AUDIO = ("precomputed",)
# Front ends that are made of others, each by an example.
_WINDOWS = (512, 1024, 4096)
_COMPOSED: dict[str, Mapping[str, Any]] = {
    "resampled": {"target_rate": 16_000, "frontend": {"name": "log_mel"}},
    "stack": {
        "frontends": [
            {"name": "log_mel", "kwargs": {"n_fft": max(_WINDOWS), "win_length": length}}
            for length in _WINDOWS
        ]
    },
}
_CHANNELS = {"stack": tuple(f"win_length {length}" for length in _WINDOWS)}
_UNITS = {
    "ChromaCQT": "of the frame's maximum",
    "ChromaSTFT": "of the frame's maximum",
    "Leaf": "PCEN",
    "SincNet": "absolute response",
    "Tempogram": "autocorrelation",
    "Waveform": "amplitude",
}
_SKEWED = ("absolute response", "energy", "magnitude", "PCEN")  # few large values, most near 0
# Settings that make an effect plain, and what to call them; otherwise the defaults are shown.
_SHOWN: dict[str, tuple[dict[str, float], str]] = {
    "cutmix": ({"alpha": 50.0}, ""),
    "gain": ({"min_db": 6.0}, "6 dB louder"),
    "mixup": ({"alpha": 50.0}, ""),
    "noise": ({"max_snr_db": 10.0}, "10 dB below the clip"),
    "random_filter": ({"highpass_share": 0.0, "max_lowpass_hz": 2200.0}, "low-pass at 2200 Hz"),
    "reverb": ({"min_rt60": 1.0, "max_drr_db": 0.0}, "1 s, as loud as the clip"),
    "speed": ({"min_rate": 1.25, "max_rate": 1.25}, "1.25 times as fast"),
}
_COLUMNS = 1000  # of a picture, at most
_CLOSE_UP = 0.02  # seconds
_VISIBLE_DB = 0.1
_TEMPI = (30, 480)  # BPM


def frontend_gallery(
    waveform: np.ndarray, sample_rate: int, *, start: float = 0.0, progress: bool = False
) -> list[Picture]:
    """Computes the features of a clip by every front end, then by every preset.

    The clip is resampled to the rate of each; where there are more frames than can be seen, every
    column is the maximum of several. The clip counts as a whole track: nothing lies around it, and
    statistics of tracks are its own. Front ends that can be learnt are those before training.

    Args:
      waveform: [samples] float32 in [-1, 1].
      sample_rate: of the waveform in Hz.
      start: second of its track at which the clip begins, for the time axes.
      progress: show a progress bar.

    Raises:
      UserError: the clip is too short for one of them.
    """
    names = [name for name in list_frontends() if name not in _WITHOUT_AUDIO] + list_presets()
    pictures = []
    for name in tqdm(names, "front ends", disable=not progress):
        frontend = create_frontend(name, **_COMPOSED.get(name, {}))
        clip = _resampled(waveform, sample_rate, name, frontend)
        variables: Mapping = {}
        if not frontend.aux_shapes:  # what takes statistics of its track has no parameters
            shortest = np.zeros((1, frontend.min_samples + 2 * frontend.crop.context), np.float32)
            variables = frontend.init(jax.random.key(0), shortest)
        features = extract_features(frontend, clip, variables)
        picture = _picture(name, frontend, features, start, len(clip) / frontend.sample_rate)
        preset, merged = PRESETS.get(name), -(-len(features) // _COLUMNS)
        notes = [
            *(["before training"] if variables else []),
            *([f"preset of {preset.frontend}"] if preset else []),
            " × ".join(map(str, features.shape)),
        ]
        about = [
            *([preset.source] if preset else []),
            f"{picture.unit}, {frontend.frame_rate:.6g} frames per second",
            *([f"{merged} frames to a column"] if merged > 1 else []),
            _settings(frontend),
        ]
        pictures.append(
            dataclasses.replace(picture, detail=", ".join(notes), description="; ".join(about))
        )
    return pictures


def augment_gallery(
    waveform: np.ndarray,
    partner: np.ndarray,
    sample_rate: int,
    *,
    start: float = 0.0,
    progress: bool = False,
) -> list[Picture]:
    """Computes three mel spectrograms for every augmentation: clip, augmented clip, change.

    Where clips are mixed, the third is the other clip; where the levels do not change, it is a
    close-up of the waveforms. Settings are the defaults but for those that make effects plain.

    Args:
      waveform: [samples] float32 in [-1, 1].
      partner: [samples], the clip to mix with.
      sample_rate: of both in Hz.
      start: second of its track at which the clip begins, for the time axes.
      progress: show a progress bar.

    Raises:
      UserError: the clip is too short for a mel spectrogram.
    """
    frontend = create_frontend("log_mel")
    rate = int(frontend.sample_rate)
    clips = np.stack([_resampled(y, sample_rate, "log_mel", frontend) for y in (waveform, partner)])
    log_mel = jax.jit(lambda y: frontend.apply({}, y))
    before, other = np.asarray(log_mel(clips))
    keys = example_keys(0, jnp.arange(len(clips)))
    common = _limits(before, "Hz")

    def picture(name: str, levels: np.ndarray, **changes: Any) -> Picture:
        drawn = _picture(name, frontend, levels, start, clips.shape[1] / rate)
        return dataclasses.replace(drawn, **{"limits": common} | changes)

    pictures = []
    for name in tqdm(sorted(AUGMENTATIONS), "augmentations", disable=not progress):
        shown, detail = _SHOWN.get(name, ({}, ""))
        if name == "time_mask":  # which refuses clips shorter than its widest mask
            shown = {"max_frames": min(20, len(before))}
        augment = make_augment([{"name": name} | shown], sample_rate=rate)
        changed, mix = augment.inputs(keys, jnp.asarray(clips))
        after = np.asarray(augment.features(keys, log_mel(changed)))[0]
        change = after - before
        widest = float(np.clip(np.percentile(np.abs(change), 99), 12, 40))
        if mix is not None:
            detail = f"{100 * mix[1][0]:.0f} % of the original"
            third = picture("other clip", other)
        elif AUGMENTATIONS[name].kind == "waveform" and np.abs(change).max() < _VISIBLE_DB:
            third = _close_up(name, clips[0], np.asarray(changed)[0], rate, start)
        else:
            third = picture("change", change, limits=(-widest, widest))
        settings = [f"{key}={value}" for key, value in augment.specs[0].items() if key != "name"]
        middle = picture(name, after, detail=detail, description=", ".join(settings))
        pictures += [picture("original", before), middle, third]
    return pictures


def _resampled(waveform: np.ndarray, sample_rate: int, name: str, frontend: Frontend) -> np.ndarray:
    """The clip at the front end's rate, long enough for it."""
    rate = int(frontend.sample_rate)
    clip = resample(waveform, sample_rate, rate)
    if len(clip) < frontend.min_samples:
        raise UserError(
            f"the clip lasts {len(clip) / rate:.2g} s, but {name} needs "
            f"{frontend.min_samples / rate:.2g} s; choose a longer one"
        )
    return clip


def _picture(
    name: str, frontend: Frontend, features: np.ndarray, start: float, seconds: float
) -> Picture:
    """Features [frames, bins] or [frames, bins, channels] of a clip, as fine as can be seen."""
    label, bin_values = frontend.bin_axis.label, frontend.bin_axis.values
    if label == "BPM":
        counted = (_TEMPI[0] <= bin_values) & (bin_values <= _TEMPI[1])
        features, bin_values = features[:, counted], bin_values[counted]
    frames, bins = features.shape[:2]
    values, step = features.reshape(frames, bins, -1), 1 / frontend.frame_rate
    # Frames that are not centred on samples 0, hop_length, ... are spread evenly over the clip.
    inner = _inner(frontend)
    spread = getattr(inner, "center", None) is not True
    first = (seconds - (frames - 1) * step) / 2 if spread else 0.0
    left = start + first - step / 2
    if (merged := -(-frames // _COLUMNS)) > 1:
        blocks = np.arange(0, frames, merged)
        highest, lowest = (extreme.reduceat(values, blocks) for extreme in (np.maximum, np.minimum))
        values, step = highest, merged * step
        if label == "amplitude":  # a line goes down and up once per block
            values = np.stack([lowest, highest], axis=1).reshape(-1, *highest.shape[1:])
            step /= 2
    unit = _unit(inner)
    channels = tuple(f"{name} {number + 1}" for number in range(frontend.num_channels or 0))
    return Picture(
        name=name,
        values=values,
        span=(start, start + seconds),
        start=left,
        step=step,
        unit=unit,
        limits=_limits(values, label),
        bin_label=label,
        bin_values=bin_values,
        channels=_CHANNELS.get(name, channels),
        gamma=0.5 if unit in _SKEWED else 1.0,
    )


def _close_up(name: str, before: np.ndarray, after: np.ndarray, rate: int, start: float) -> Picture:
    """Both waveforms [samples] around where the first is loudest."""
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
        limits=_limits(1.5 * values, "amplitude"),  # the legend needs room
        bin_label="amplitude",
        bin_values=np.zeros(1),
        channels=("original", name),
        detail=f"{1000 * samples / rate:.0f} ms",
    )


def _inner(frontend: Frontend) -> Frontend:
    """What makes the features of a front end that is made of others."""
    if isinstance(frontend, Resampled):
        return frontend.inner
    return frontend.parts[0] if isinstance(frontend, Stack) else frontend


def _unit(frontend: Frontend) -> str:
    if isinstance(frontend, Standardised) and frontend.standardise:
        return "standard deviations"
    name = type(frontend).__name__
    if name in _UNITS or not isinstance(frontend, Leveled):
        return _UNITS.get(name, "value")
    ref = " re maximum" if frontend.ref == "max" else ""
    return {
        "db": f"dB{ref}",
        "ln": f"ln{ref}",
        "log10_1p": f"log10(1 + {frontend.energy_gain:g} E)",
        "pcen": "PCEN",
        "linear": "magnitude" if getattr(frontend, "power", 2) == 1 else "energy",
    }[frontend.scale]


def _limits(values: np.ndarray, label: str) -> tuple[float, float]:
    """Where colours end, beyond which few values lie; or the axis of amplitudes."""
    if label in ("amplitude", "coefficient"):
        # The first coefficients, loudness and brightness, would outshine the others.
        high = float(np.percentile(np.abs(values), 100 if label == "amplitude" else 90))
        return min(-high, -1e-3), max(high, 1e-3)
    low, high = (float(x) for x in np.percentile(values, (1, 99.8)))
    return low, high if high > low else low + 1.0


def _settings(frontend: Frontend) -> str:
    """All fields of a module, and of the modules in it."""
    return ", ".join(
        f"{field.name}={_text(getattr(frontend, field.name))}"
        for field in dataclasses.fields(frontend)
        if field.name not in ("name", "parent", "axis_name")
    )


def _text(value: Any) -> str:
    if isinstance(value, Frontend):
        return f"{type(value).__name__}({_settings(value)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_text, value))})"
    return f"{value:g}" if isinstance(value, float) else repr(value)
