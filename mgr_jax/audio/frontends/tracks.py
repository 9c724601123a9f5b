"""Front ends on whole tracks, chunk by chunk: their statistics, and their features."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import read_window
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.audio.frontends.standardise import Standardised

# Frames at a time: one compilation, and bounded memory for tracks of any length.
_FRAMES = 1024
_SUMS = ("sum", "squares")  # of the levels, as Standardised.measure gives them


class TrackMeter:
    """Measures the statistics of tracks that a front end uses; see `Standardised`."""

    def __init__(self, frontend: Frontend) -> None:
        """Wraps a front end; most use no statistics, and then nothing is computed."""
        used = isinstance(frontend, Standardised) and frontend.normalise_over in (
            "track", "dataset",
        )  # fmt: skip
        self._frontend = frontend
        self.names = tuple(frontend.statistic_shapes(())) if used else ()
        self._everything = getattr(frontend, "standardise", None) == "all"

        def measure(steps: jax.Array, frames: jax.Array, known: Mapping | None) -> Any:
            return frontend.apply({}, dsp.to_float(steps), frames, known, method="measure")

        self._measure = jax.jit(measure)

    def __call__(self, tracks: Callable[[], Iterable[np.ndarray]]) -> dict[str, np.ndarray]:
        """Measures tracks together, as one.

        Args:
          tracks: gives them anew for each reading, of which there are up to two; of each [samples]
            int16 or float32, or stored features [frames, bins, ...].

        Returns:
          float32 arrays by name; {} where the front end uses none.
        """
        result: dict[str, np.ndarray] = {}
        if "maximum" in self.names:
            highest = max(float(part["maximum"]) for _, part in self._parts(tracks, None))
            result["maximum"] = np.array(highest, np.float32)
        if "mean" in self.names:
            parts = list(self._parts(tracks, result or None))
            sums = [[np.asarray(part[name], np.float64) for name in _SUMS] for _, part in parts]
            moments = np.sum(sums, axis=0) / sum(frames for frames, _ in parts)
            if self._everything:
                moments = moments.reshape(2, -1).mean(axis=1)
            mean, power = moments
            result["mean"] = np.array(mean, np.float32)
            result["std"] = np.array(np.sqrt(np.maximum(power - mean**2, 0.0)), np.float32)
        return result

    def measure_track(self, track: np.ndarray) -> dict[str, np.ndarray]:
        """Measures one track."""
        return self(lambda: [track])

    def _parts(
        self, tracks: Callable[[], Iterable[np.ndarray]], known: Mapping | None
    ) -> Iterator[tuple[int, dict]]:
        for track in tracks():
            for chunk, frames in _chunks(self._frontend, track):
                yield frames, self._measure(chunk, frames, known)


class FeatureExtractor:
    """Computes the features of whole tracks."""

    def __init__(self, frontend: Frontend, variables: Mapping | None = None) -> None:
        """Wraps a front end that takes waveforms.

        Args:
          frontend: one with `whole_track` works through a track in chunks; to others a track is one
            clip, and each new length is compiled anew.
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
        """
        aux = self._meter.measure_track(track) if self._meter else {}
        rows = {name: value[None] for name, value in aux.items()}
        if not self._frontend.crop.context:
            return np.asarray(self._apply(track, rows))[0]
        chunks = _chunks(self._frontend, track)
        return np.concatenate(
            [np.asarray(self._apply(chunk, rows))[0, :frames] for chunk, frames in chunks]
        )


def extract_features(
    frontend: Frontend, track: np.ndarray, variables: Mapping | None = None
) -> np.ndarray:
    """Features of one track; for several, make a `FeatureExtractor`, which compiles once."""
    return FeatureExtractor(frontend, variables)(track)


def _chunks(frontend: Frontend, track: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Stretches of a track, all of one length, and how many frames of each count."""
    crop, total = frontend.crop, frontend.num_frames(len(track))
    for first in range(0, total, _FRAMES):
        start = first * crop.step - crop.context
        stop = (first + _FRAMES - 1) * crop.step + 1 + crop.context
        yield read_window(track, start, stop, crop.padding), min(_FRAMES, total - first)
