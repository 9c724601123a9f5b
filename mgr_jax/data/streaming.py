"""The streaming loader: batches of int16 clips from the cache, the same for the same step."""

from collections.abc import Iterator
from typing import Any

import grain
import numpy as np

from mgr_jax.audio.clips import fit_length, segment_starts
from mgr_jax.data.cache import Waveforms

Batch = dict[str, np.ndarray]


class StreamingLoader:
    """Cuts clips on the host; those for training in threads that run ahead of the device.

    Batches hold this process's rows of the global batch:
      inputs: [batch, clip_samples] int16.
      targets: [batch] int32 classes, or [batch, tags] uint8 for a multi_label task.
      index: [batch] int64, the example's number in the whole run (training), or the number of
        its segment (evaluation).
      mask: [batch] bool (evaluation), False in the rows that fill up the last batch.
    """

    def __init__(
        self,
        waveforms: Waveforms,
        *,
        clip_samples: int,
        batch_size: int,
        task: str = "single_label",
        short_clip: str = "zero_pad",
        process_index: int = 0,
        process_count: int = 1,
    ) -> None:
        """Makes a loader.

        Args:
          waveforms: the split to read.
          clip_samples: length of a clip.
          batch_size: of the global batch; divisible by the number of processes.
          task: "single_label" (targets are the label) or "multi_label" (the tags).
          short_clip: how a track shorter than a clip is filled: "zero_pad" or "repeat".
          process_index: this process among `process_count`.
          process_count: processes that share the global batch.
        """
        self.waveforms = waveforms
        self._clip_samples = clip_samples
        self._local_batch = batch_size // process_count
        self._targets = waveforms.label if task == "single_label" else waveforms.tags
        self._short_clip = short_clip
        self._process = slice(process_index, None, process_count)

    def train_batches(self, *, seed: int, first_step: int = 0) -> Iterator[Batch]:
        """Yields batches of random crops without end.

        Every track comes once per epoch, in a new order with a new crop. Batch `n` depends on
        (seed, n) alone, whatever the number of processes and wherever the iteration starts.
        """
        examples = grain.MapDataset.range(len(self.waveforms)).seed(seed).shuffle().repeat()
        crops = examples.map_with_index(lambda index, track: (index, track)).random_map(self._crop)
        batches = crops[self._process].batch(self._local_batch)
        iterator = iter(
            batches.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4))
        )
        iterator.set_state({"next_index": first_step})
        return iterator

    def _crop(self, example: tuple[int, int], rng: np.random.Generator) -> Batch:
        index, track = example
        spare = max(0, int(self.waveforms.length[track]) - self._clip_samples)
        return self._example(index, track, int(rng.integers(spare + 1)))

    def _example(self, index: int, track: int, start: int) -> Batch:
        samples = self.waveforms.read(track, start, self._clip_samples)
        return {
            "inputs": fit_length(samples, self._clip_samples, self._short_clip),
            "targets": self._targets[track],
            "index": np.int64(index),
        }

    def segments(self, per_track: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Lists the evaluation segments of all tracks: (track, first sample), both [segments]."""
        starts = [segment_starts(n, self._clip_samples, per_track) for n in self.waveforms.length]
        tracks = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        return tracks, np.concatenate(starts)

    def eval_batches(self, per_track: int = 0) -> Iterator[Batch]:
        """Yields every evaluation segment once; the last batch is filled up, with a mask.

        All processes yield the same number of batches; put side by side in the order of the
        processes, their rows are in the order of `segments`.
        """
        tracks, starts = self.segments(per_track)
        global_batch = self._local_batch * self._process.step
        offset = self._process.start * self._local_batch
        for first in range(0, len(tracks), global_batch):
            rows = np.arange(first + offset, first + offset + self._local_batch)
            real = rows < len(tracks)
            examples = [self._example(row, tracks[row], starts[row]) for row in rows * real]
            yield _stack(examples) | {"mask": real}


def _stack(examples: list[Batch]) -> dict[str, Any]:
    return {name: np.stack([example[name] for example in examples]) for name in examples[0]}
