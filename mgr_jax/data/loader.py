"""The part that all loaders share: which part of which track comes when."""

import abc
from collections.abc import Iterator, Mapping
from typing import Any

import grain
import jax
import numpy as np

from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop, segment_starts
from mgr_jax.data.cache import Tracks
from mgr_jax.data.draws import Draws
from mgr_jax.errors import UserError

Batch = dict[str, Any]

SAMPLINGS = ("shuffle", "balanced")


class Loader(abc.ABC):
    """Batches of clips; in subclasses the host or the device cuts the clips.

    Batches hold this process's rows of the global batch:
      targets: [batch] int32 classes, or [batch, tags] uint8 for a multi_label task.
      index: [batch] int64, the example's number in the whole run (training), or the number of
        its segment (evaluation).
      mask: [batch] bool (evaluation), False in the padded rows of the last batch.
      aux: statistics of the examples' tracks by name, [batch, ...] each, if there are any.
      lengths: [batch] int32, time steps of the clips without padding, if they are asked for and
        some track of the split is shorter than a clip.
    and the data from which `inputs` makes the clips.

    Attributes:
      tracks: the split that is read.
      batch_size: size of the global batch.
    """

    def __init__(
        self,
        tracks: Tracks,
        *,
        clip_samples: int,
        batch_size: int,
        task: str = "single_label",
        short_clip: str = "zero_pad",
        mask_filling: bool = False,
        sampling: str = "shuffle",
        crop: Crop = WITHOUT_CONTEXT,
        aux: Mapping[str, np.ndarray] | None = None,
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Makes a loader.

        Args:
          tracks: the split to read.
          clip_samples: length of a clip in time steps (samples, or frames of features).
          batch_size: size of the global batch; divisible by the number of processes.
          task: "single_label" (targets are the label) or "multi_label" (the tags).
          short_clip: how a track shorter than a clip is padded: "zero_pad" or "repeat".
          mask_filling: give the lengths of clips that are padded with zeros.
          sampling: sampling of training examples: "shuffle" (every track once per epoch) or
            "balanced" (every class equally often).
          crop: how clips are cut from their tracks.
          aux: statistics of the tracks by name, [tracks, ...] each.
          process_index: number of this process among `process_count`.
          process_count: processes that share the global batch.

        Raises:
          UserError: balanced sampling of a multi_label task, where a track has many classes.
        """
        if sampling == "balanced" and task != "single_label":
            raise UserError(
                "config.sampling=balanced is for single_label tasks; use shuffle with "
                "config.class_weights=balanced",
                code="task.needs_single_label",
            )
        self.tracks = tracks
        self._clip_samples = clip_samples
        self.batch_size = batch_size
        self._local_batch = batch_size // process_count
        self._targets = tracks.label if task == "single_label" else tracks.tags
        self._short_clip = short_clip
        self._tells_lengths = mask_filling and bool((tracks.length < clip_samples).any())
        self._crop = crop
        self._aux = dict(aux or {})
        self._sampling = sampling
        self._process = slice(process_index, None, process_count)

    @property
    def data(self) -> Any:
        """Host arrays that must be on every device while batches are used; {} if none."""
        return {}

    @abc.abstractmethod
    def inputs(self, data: Any, batch: dict[str, jax.Array]) -> jax.Array:
        """The clips of a batch with their context; called inside jitted steps.

        Args:
          data: `self.data`, as it lies on the device.
          batch: as the iterators yield it.

        Returns:
          [batch, context + clip_samples + context, ...].
        """

    @abc.abstractmethod
    def _clips(self, tracks: np.ndarray, starts: np.ndarray) -> Batch:
        """The part of a batch that `inputs` needs."""

    def _batch(self, index: np.ndarray, tracks: np.ndarray, starts: np.ndarray) -> Batch:
        batch = self._clips(tracks, starts) | {
            "targets": self._targets[tracks],
            "index": index.astype(np.int64),
        }
        if self._tells_lengths:  # only tracks shorter than a clip are padded
            lengths = np.minimum(self.tracks.length[tracks], self._clip_samples)
            batch["lengths"] = lengths.astype(np.int32)
        if self._aux:
            batch["aux"] = {name: values[tracks] for name, values in self._aux.items()}
        return batch

    def train_batches(self, *, seed: int, first_step: int = 0) -> Iterator[Batch]:
        """Yields an endless sequence of batches of random crops.

        With sampling "shuffle" every track comes once per epoch, in a new order with a new crop.
        Batch `n` depends only on (seed, n), not on the loader, the number of processes or the step
        at which the iteration starts. Concatenated over the processes, rows are in the order of one
        process.

        Args:
          seed: seed of the draws.
          first_step: number of the first batch.
        """
        draws = Draws(
            self.tracks,
            sampling=self._sampling,
            clip_samples=self._clip_samples,
            crop_step=self._crop.step,
            batch_size=self.batch_size,
            process_index=self._process.start,
            process_count=self._process.step,
            seed=seed,
        )
        batches = grain.MapDataset.source(draws).map(lambda drawn: self._batch(*drawn))
        options = grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)
        return iter(batches[first_step:].to_iter_dataset(options))

    def segments(self, per_track: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """The evaluation segments of all tracks: (track, first time step), [segments]."""
        starts = [
            segment_starts(n, self._clip_samples, per_track, step=self._crop.step)
            for n in self.tracks.length
        ]
        tracks = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        return tracks, np.concatenate(starts)

    def eval_batches(self, per_track: int = 0) -> Iterator[Batch]:
        """Yields every evaluation segment once; the last batch is padded, with a mask.

        All processes yield the same number of batches. Concatenated over the processes, rows are in
        the order of `segments`. Padded rows are copies of rows of the same global batch, in turn,
        so that its maximum does not change.
        """
        tracks, starts = self.segments(per_track)
        global_batch = self._local_batch * self._process.step
        offset = self._process.start * self._local_batch
        for first in range(0, len(tracks), global_batch):
            places = offset + np.arange(self._local_batch)
            count = min(global_batch, len(tracks) - first)
            real, rows = places < count, first + places % count
            yield self._batch(rows, tracks[rows], starts[rows]) | {"mask": real}


def stack_batches(batches: list[Batch], *, axis: int) -> Batch:
    """Stacks equal trees of arrays along a new axis; a single one is not copied."""
    if len(batches) == 1:
        return jax.tree.map(lambda array: np.expand_dims(array, axis), batches[0])
    return jax.tree.map(lambda *arrays: np.stack(arrays, axis=axis), *batches)
