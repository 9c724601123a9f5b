"""A clip as seen by every front end and after every augmentation, as pages of pictures."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from mgr_jax.audio.augment import AUGMENTATIONS, example_keys, make_augment
from mgr_jax.audio.frontends import (
    FRONTENDS,
    Frontend,
    create_frontend,
    extract_features,
    list_frontends,
    list_presets,
)
from mgr_jax.audio.io import read_native, resample
from mgr_jax.errors import UserError
from mgr_jax.files import expand, require_folder
from mgr_jax.reports import require_matplotlib
from mgr_jax.reports.gallery import Picture, save_pages, write_gallery
from mgr_jax.runs.frontend_pictures import (
    COLUMNS,
    close_up,
    describe_settings,
    features_picture,
    value_limits,
)

# Longest clip: the finest front ends take some 15 MB of memory per second.
_LONGEST = 120.0
_WITHOUT_AUDIO = ("precomputed",)
# Front ends that are composed of others, with an example of each.
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
# Settings that make an effect visible, and their captions; others are shown with defaults.
_SHOWN: dict[str, tuple[dict[str, float], str]] = {
    "cutmix": ({"alpha": 50.0}, ""),
    "gain": ({"min_db": 6.0}, "6 dB louder"),
    "mixup": ({"alpha": 50.0}, ""),
    "noise": ({"max_snr_db": 10.0}, "10 dB below the clip"),
    "random_filter": ({"highpass_share": 0.0, "max_lowpass_hz": 2200.0}, "low-pass at 2200 Hz"),
    "reverb": ({"min_rt60": 1.0, "max_drr_db": 0.0}, "1 s, as loud as the clip"),
    "speed": ({"min_rate": 1.25, "max_rate": 1.25}, "1.25 times as fast"),
}
_VISIBLE_DB = 0.1


def draw_frontends(
    audio: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    start: float = 0.0,
    seconds: float = 10.0,
    progress: bool = True,
) -> Path:
    """Draws the features of a clip by every front end, and its changes by every augmentation.

        print(mgr_jax.draw_frontends("song.mp3", "gallery", seconds=5))

    Writes `report.md`, one picture of the front ends and one of the augmentations, and
    `report_data.npz`, which holds the drawn arrays.

    Args:
      audio: an audio file.
      out: the folder to write to; None: one named after the file, in the current folder.
      start: second of the file at which the clip begins.
      seconds: length of the clip, up to 120; it ends with the file at the latest.
      progress: show progress bars.

    Returns:
      The path of `report.md`.

    Raises:
      UserError: the file cannot be read, the clip lies beyond its end or is too short for a front
        end, matplotlib is missing, or the folder cannot be written.
    """
    if not 0 < seconds <= _LONGEST:
        raise UserError(
            f"the clip cannot last {seconds:g} s; give more than 0, up to {_LONGEST:g}",
            code="argument.out_of_range",
        )
    if not 0 <= start < float("inf"):
        raise UserError(
            f"the clip cannot start at {start:g} s; give the second to begin at, from 0",
            code="argument.out_of_range",
        )
    require_matplotlib()
    path = expand(audio)
    folder = expand(out or f"{path.stem}_frontends")
    clip, partner, rate = _read_clip(path, start, seconds)
    require_folder(folder)
    pages = {
        "Front ends": frontend_gallery(clip, rate, start=start, progress=progress),
        "Augmentations": augment_gallery(clip, partner, rate, start=start, progress=progress),
    }
    title = f"{path.name}, {start:g} to {start + len(clip) / rate:.4g} s"
    save_pages(folder / "report_data.npz", title, pages)
    return write_gallery(folder)


def _read_clip(path: Path, start: float, seconds: float) -> tuple[np.ndarray, np.ndarray, int]:
    """A clip of a file and another to mix it with, [samples] each, and the file's rate in Hz."""
    track, rate = read_native(path)
    first = round(start * rate)
    clip = track[first : first + max(1, round(seconds * rate))]
    if not len(clip):
        raise UserError(
            f"{path} lasts {len(track) / rate:.3g} s, but the clip is to start at {start:g} s; "
            "choose an earlier start",
            code="audio.starts_after_end",
        )
    # Half a track away, wrapping around its end.
    partner = np.take(track, first + np.arange(len(clip)) + len(track) // 2, mode="wrap")
    return clip, partner, rate


def frontend_gallery(
    waveform: np.ndarray, sample_rate: int, *, start: float = 0.0, progress: bool = False
) -> list[Picture]:
    """Computes the features of a clip by every front end, then by every preset.

    The clip is resampled to the rate of each front end. If there are too many frames to see, every
    column of the picture is the maximum of several frames. The clip counts as a whole track:
    nothing surrounds it, and track statistics are its own. Learnable front ends are shown before
    training.

    Args:
      waveform: [samples] float32 in [-1, 1].
      sample_rate: sample rate of the waveform in Hz.
      start: second of its track at which the clip begins, for the time axes.
      progress: show a progress bar.

    Returns:
      One picture per front end and preset.

    Raises:
      UserError: the clip is too short for one of them.
    """
    names = [name for name in list_frontends() if name not in _WITHOUT_AUDIO] + list_presets()
    pictures = []
    for name in tqdm(names, "front ends", disable=None if progress else True):
        frontend = create_frontend(name, **_COMPOSED.get(name, {}))
        clip = _resampled(waveform, sample_rate, name, frontend)
        variables: Mapping = {}
        if not frontend.aux_shapes:  # a front end that takes track statistics has no parameters
            shortest = np.zeros((1, frontend.min_samples + 2 * frontend.crop.context), np.float32)
            variables = frontend.init(jax.random.key(0), shortest)
        features = extract_features(frontend, clip, variables)
        seconds = len(clip) / frontend.sample_rate
        picture = features_picture(
            name, frontend, features, start, seconds, _CHANNELS.get(name, ())
        )
        recipe, merged = FRONTENDS.get(name), -(-len(features) // COLUMNS)
        preset = recipe and recipe.published
        notes = [
            *(["before training"] if variables else []),
            *([f"preset of {preset.frontend}"] if preset else []),
            " × ".join(map(str, features.shape)),
        ]
        about = [
            *([preset.source] if preset else []),
            f"{picture.unit}, {frontend.frame_rate:.6g} frames per second",
            *([f"{merged} frames to a column"] if merged > 1 else []),
            describe_settings(frontend),
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
    """Computes three pictures for every augmentation: clip, augmented clip, and their difference.

    The pictures are mel spectrograms. Where two clips are mixed, the third picture is the other
    clip. Where levels do not change, it is a close-up of the waveforms. Settings are the defaults,
    or stronger ones where the default effect would hardly be visible.

    Args:
      waveform: [samples] float32 in [-1, 1].
      partner: [samples], the clip to mix with.
      sample_rate: sample rate of both in Hz.
      start: second of its track at which the clip begins, for the time axes.
      progress: show a progress bar.

    Returns:
      The pictures.

    Raises:
      UserError: the clip is too short for a mel spectrogram.
    """
    frontend = create_frontend("log_mel")
    rate = int(frontend.sample_rate)
    clips = np.stack([_resampled(y, sample_rate, "log_mel", frontend) for y in (waveform, partner)])
    log_mel = jax.jit(lambda y: frontend.apply({}, y))
    before, other = np.asarray(log_mel(clips))
    keys = example_keys(0, jnp.arange(len(clips)))
    common = value_limits(before, "Hz")

    def picture(name: str, levels: np.ndarray, **changes: Any) -> Picture:
        drawn = features_picture(name, frontend, levels, start, clips.shape[1] / rate)
        return dataclasses.replace(drawn, **{"limits": common} | changes)

    pictures = []
    for name in tqdm(sorted(AUGMENTATIONS), "augmentations", disable=None if progress else True):
        shown, detail = _SHOWN.get(name, ({}, ""))
        if name == "time_mask":  # which refuses clips shorter than its widest mask
            shown = {"max_frames": min(20, len(before))}
        augment = make_augment([{"name": name} | shown], sample_rate=rate)
        changed, _, share = augment.inputs(keys, jnp.asarray(clips))
        after = np.asarray(augment.features(keys, log_mel(changed)))[0]
        change = after - before
        widest = float(np.clip(np.percentile(np.abs(change), 99), 12, 40))
        if share is not None:
            detail = f"{100 * share[0]:.0f} % of the original"
            third = picture("other clip", other)
        elif AUGMENTATIONS[name].kind == "waveform" and np.abs(change).max() < _VISIBLE_DB:
            third = close_up(name, clips[0], np.asarray(changed)[0], rate, start)
        else:
            third = picture("change", change, limits=(-widest, widest))
        settings = [f"{key}={value}" for key, value in augment.specs[0].items() if key != "name"]
        middle = picture(name, after, detail=detail, description=", ".join(settings))
        pictures += [picture("original", before), middle, third]
    return pictures


def _resampled(waveform: np.ndarray, sample_rate: int, name: str, frontend: Frontend) -> np.ndarray:
    """The clip at the front end's rate, if it is long enough for it."""
    rate = int(frontend.sample_rate)
    clip = resample(waveform, sample_rate, rate)
    if len(clip) < frontend.min_samples:
        raise UserError(
            f"the clip lasts {len(clip) / rate:.2g} s, but {name} needs "
            f"{frontend.min_samples / rate:.2g} s; choose a longer one",
            code="audio.too_short",
        )
    return clip
