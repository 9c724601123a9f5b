"""Runs front ends over whole tracks, chunk by chunk: statistics and features."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import read_window
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.errors import UserError

# Frames at a time: one compilation, and bounded memory for tracks of any length.
_FRAMES = 1024
# Gives tracks anew for each reading.
Tracks = Callable[[], Iterable[np.ndarray]]


class TrackMeter:
    """Measures the statistics of tracks that a front end needs; see `Standardise`."""

    def __init__(self, frontend: Frontend) -> None:
        """Wraps a front end; most use no statistics, and then nothing is computed."""
        shapes = frontend.aux_shapes or frontend.dataset_shapes((1,))
        self._frontend = frontend
        self.names = tuple(shapes)
        self._everything = shapes.get("mean") == ()

        def measure(steps: jax.Array, frames: jax.Array, known: Mapping) -> Any:
            return frontend.apply({}, dsp.to_float(steps), frames, known, method="measure")

        self._measure = jax.jit(measure)

    def __call__(self, tracks: Tracks) -> dict[str, np.ndarray]:
        """Measures tracks together, as one.

        Args:
          tracks: an iterable that can be read up to three times; each track is [samples] int16 or
            float32, or stored features [frames, bins, ...].

        Returns:
          float32 arrays by name; {} where the front end uses none.
        """
        known: dict[str, np.ndarray] = {}
        if "maximum" in self.names:
            found = [part["maximum"] for _, part in self._parts(tracks, known)]
            known["maximum"] = np.asarray(np.max(np.asarray(found)), np.float32)
        if "mean" in self.names:
            known["mean"] = self._mean(tracks, known, "sum")
            variance = self._mean(tracks, known, "squares")
            known["std"] = np.sqrt(variance)
        return {name: np.asarray(value, np.float32) for name, value in known.items()}

    def _mean(self, tracks: Tracks, known: Mapping, name: str) -> np.ndarray:
        """Mean over all frames of what `measure` sums up, and over bins too if all are one."""
        parts = list(self._parts(tracks, known))
        total = np.sum([np.asarray(part[name], np.float64) for _, part in parts], axis=0)
        mean = total / sum(frames for frames, _ in parts)
        return np.asarray(np.mean(mean) if self._everything else mean, np.float32)

    def measure_track(self, track: np.ndarray) -> dict[str, np.ndarray]:
        """Measures one track."""
        return self(lambda: [track])

    def _parts(self, tracks: Tracks, known: Mapping) -> Iterator[tuple[int, dict]]:
        for track in tracks():
            for chunk, frames in _chunks(self._frontend, track):
                yield frames, self._measure(chunk, frames, known)


class FeatureExtractor:
    """Computes the features of whole tracks."""

    def __init__(self, frontend: Frontend, variables: Mapping | None = None) -> None:
        """Wraps a front end that takes waveforms.

        Args:
          frontend: one with `whole_track` works through a track in chunks, unless its frames depend
            on each other; to others a track is one clip, and each new length is compiled anew.
          variables: of the front end, where it has any.
        """
        self._frontend = frontend
        self._meter = TrackMeter(frontend) if frontend.aux_shapes else None

        def apply(steps: jax.Array, aux: Mapping) -> Any:
            return frontend.apply(variables or {}, dsp.to_float(steps)[None], aux)

        self._apply = jax.jit(apply)

    def __call__(self, track: np.ndarray) -> np.ndarray:
        """Features [frames, bins] or [frames, bins, channels] float32.

        Args:
          track: [samples] int16 or float32, at least `frontend.min_samples`.

        Raises:
          UserError: something else than a finite waveform.
        """
        track = _waveform(track)
        aux = self._meter.measure_track(track) if self._meter else {}
        rows = {name: value[None] for name, value in aux.items()}
        context = self._frontend.crop.context
        if not context or not self._frontend.framewise:
            padding = self._frontend.crop.padding
            whole = read_window(track, -context, len(track) + context, padding)
            return np.asarray(self._apply(whole, rows))[0]
        chunks = _chunks(self._frontend, track)
        return np.concatenate(
            [np.asarray(self._apply(chunk, rows))[0, :frames] for chunk, frames in chunks]
        )


def _waveform(track: np.ndarray) -> np.ndarray:
    """A track in a form that can be moved to the device."""
    samples = np.asarray(track)
    is_float = np.issubdtype(samples.dtype, np.floating)
    if samples.ndim != 1 or not (is_float or samples.dtype == np.int16):
        raise UserError(
            f"the track has shape {samples.shape} and type {samples.dtype}; give one waveform "
            "[samples] of floats in [-1, 1] or int16",
            code="audio.not_a_waveform",
        )
    if is_float and not np.isfinite(samples).all():
        raise UserError(
            "the track holds samples that are not finite numbers; check its source",
            code="audio.not_finite",
        )
    return samples.astype(np.float32) if is_float else samples


def extract_features(
    frontend: Frontend, track: np.ndarray, variables: Mapping | None = None
) -> np.ndarray:
    """Features of one track; for several, make a `FeatureExtractor`, which compiles once.

    Args:
      frontend: one that takes waveforms.
      track: [samples] at the front end's sample rate, floats in [-1, 1] or int16.
      variables: of a front end that has parameters, as its `init` returns them.

    Returns:
      [frames, bins] or [frames, bins, channels] float32.
    """
    return FeatureExtractor(frontend, variables)(track)


def _chunks(frontend: Frontend, track: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Stretches of a track, all of one length, and how many frames of each count."""
    crop, total = frontend.crop, frontend.num_frames(len(track))
    for first in range(0, total, _FRAMES):
        start = first * crop.step - crop.context
        stop = (first + _FRAMES - 1) * crop.step + 1 + crop.context
        yield read_window(track, start, stop, crop.padding), min(_FRAMES, total - first)
