"""Runs clips of many tracks through one network, in batches that tracks share."""

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from mgr_jax.audio.clips import cut_clip
from mgr_jax.classifier import GenreClassifier, classify
from mgr_jax.input_spec import InputSpec

BATCH = 16  # clips per batch: one compilation, and bounded memory for tracks of any length
_NONE = np.zeros(0, np.int64)

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class TrackClips:
    """The clips of a track to classify.

    Attributes:
      key: any object; it is returned with the outputs.
      track: [time steps, ...] of the spec's dtype; anything that slices like an array.
      starts: first time step of each clip; may be empty: the key is still returned in its turn.
      aux: further inputs of the track, see `InputSpec.aux` and `SideInputs.encode_track`.
    """

    key: Any
    track: Any = None
    starts: np.ndarray = field(default_factory=lambda: _NONE)
    aux: Mapping[str, np.ndarray] = field(default_factory=dict)


class ClipEngine:
    """Classifies clips. Batches are filled across tracks, and one is always in progress."""

    def __init__(
        self,
        classifier: GenreClassifier,
        variables: Mapping[str, Any],
        spec: InputSpec,
        batch_size: int = BATCH,
    ) -> None:
        """Puts the variables on the device; the first batch compiles.

        Args:
          classifier: front end and network.
          variables: parameters and statistics of the classifier.
          spec: input specification of the model.
          batch_size: clips per batch.
        """
        self._spec, self._batch_size = spec, batch_size
        self._variables = jax.device_put(variables)

        def apply(
            variables: Any,
            inputs: jax.Array,
            aux: Mapping[str, jax.Array],
            lengths: jax.Array | None,
        ) -> dict[str, jax.Array]:
            named = ("embedding",)
            return classify(
                classifier, variables, inputs, aux, lengths, task=spec.task, named=named
            )

        self._apply = jax.jit(apply)

    def with_batch_size(self, batch_size: int) -> "ClipEngine":
        """The same network, with the same variables, for batches of another size."""
        other = copy.copy(self)
        other._batch_size = batch_size
        return other

    def __call__(self, tracks: Iterable[TrackClips]) -> Iterator[tuple[Any, Outputs]]:
        """Classifies the clips of tracks; tracks are consumed as they are needed.

        Yields:
          (key, {"probabilities": [clips, classes], "embedding": [clips, dim]}) of each track, in
          order.
        """
        waiting: deque[_Waiting] = deque()
        batch, under_way = _Batch(self._spec, self._batch_size), None
        for clips in tracks:
            owner = _Waiting(clips.key, len(clips.starts))
            waiting.append(owner)
            for start in clips.starts:
                batch.add(owner, clips.track, start, clips.aux)
                if batch.is_full:
                    started = self._start(batch)
                    if under_way:
                        under_way.gather()
                    batch, under_way = _Batch(self._spec, self._batch_size), started
            while waiting and waiting[0].is_whole:
                yield waiting.popleft().result()
        for last in (under_way, self._start(batch) if batch.owners else None):
            if last:
                last.gather()
        while waiting:
            yield waiting.popleft().result()

    def _start(self, batch: "_Batch") -> "_Started":
        return _Started(batch.owners, self._apply(self._variables, *batch.arrays()))


class _Waiting:
    """A track with clips that are not classified yet."""

    def __init__(self, key: Any, clips: int) -> None:
        self._key, self._missing = key, clips
        self._parts: list[Outputs] = []

    @property
    def is_whole(self) -> bool:
        return not self._missing

    def add(self, part: Outputs, clips: int) -> None:
        self._parts.append(part)
        self._missing -= clips

    def result(self) -> tuple[Any, Outputs]:
        names = self._parts[0] if self._parts else ()
        return self._key, {n: np.concatenate([part[n] for part in self._parts]) for n in names}


@dataclass(frozen=True)
class _Started:
    """A batch that runs on the device."""

    owners: list[_Waiting]
    outputs: dict[str, jax.Array]

    def gather(self) -> None:
        """Waits for the batch, and gives each track its rows."""
        found = {name: np.asarray(values) for name, values in self.outputs.items()}
        first = 0
        for last in range(1, len(self.owners) + 1):
            if last == len(self.owners) or self.owners[last] is not self.owners[first]:
                part = {name: values[first:last] for name, values in found.items()}
                self.owners[first].add(part, last - first)
                first = last


class _Batch:
    """Clips that are collected on the host."""

    def __init__(self, spec: InputSpec, size: int) -> None:
        self._spec, self._size = spec, size
        self.owners: list[_Waiting] = []
        # New for each batch: the device may read them in place while the next is filled.
        self._inputs = np.zeros((size, *spec.shape), spec.dtype)
        self._aux: dict[str, np.ndarray] = {
            name: np.ones((size, *shape), np.float32) for name, shape in spec.aux.items()
        }
        self._aux |= spec.side.blank(size)
        self._lengths = np.full(size, spec.clip_samples, np.int32)

    @property
    def is_full(self) -> bool:
        return len(self.owners) == self._size

    def add(self, owner: _Waiting, track: Any, start: int, aux: Mapping[str, np.ndarray]) -> None:
        spec, row = self._spec, len(self.owners)
        self._inputs[row] = cut_clip(
            track, start, spec.clip_samples, short_clip=spec.short_clip, crop=spec.crop
        )
        self._lengths[row] = min(len(track), spec.clip_samples)
        for name, value in aux.items():
            self._aux[name][row] = value
        self.owners.append(owner)

    def arrays(self) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray | None]:
        """Inputs, aux, and lengths (None if no clip is padded)."""
        count = len(self.owners)
        # Copies fill up the batch, since a front end may not handle clips of zeros.
        rows = np.arange(self._size) % count
        if count < self._size:
            self._inputs, self._lengths = self._inputs[rows], self._lengths[rows]
            self._aux = {name: values[rows] for name, values in self._aux.items()}
        aux = self._aux | {"mask": np.arange(self._size) < count}
        # If no clip is padded, lengths are not needed.
        told = self._spec.mask_filling and (self._lengths < self._spec.clip_samples).any()
        return self._inputs, aux, self._lengths if told else None
