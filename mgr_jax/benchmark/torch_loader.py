"""Random crops by PyTorch's DataLoader, in its users' way. Importing it imports PyTorch."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Crops(torch.utils.data.Dataset):
    """Crops of a memory-mapped array."""

    def __init__(
        self, file: Path, shape: tuple[int, int], places: np.ndarray, samples: int
    ) -> None:
        """Stores their positions.

        Args:
          file: int16 samples, one track after the other.
          shape: tracks and samples of a track.
          places: (track, start) of every crop, [crops, 2].
          samples: length of a crop.
        """
        self.file, self.shape, self.places, self.samples = file, shape, places, samples
        self._tracks: np.ndarray | None = None  # each worker maps them: they cannot be sent

    def __len__(self) -> int:
        """Number of crops."""
        return len(self.places)

    def __getitem__(self, row: int) -> torch.Tensor:
        """One crop, [samples] int16."""
        if self._tracks is None:
            self._tracks = np.memmap(self.file, np.int16, mode="r", shape=self.shape)
        track, start = self.places[row]
        return torch.from_numpy(np.array(self._tracks[track, start : start + self.samples]))


def source(crops: Crops, batch: int, workers: int) -> Callable[[str], Iterator[torch.Tensor]]:
    """For an element type, the batches of a DataLoader, which starts again at its end.

    Args:
      crops: the crops, loaded in order.
      batch: crops per batch.
      workers: processes; 0: this one loads.
    """
    options: dict[str, Any] = {}
    if workers:  # "spawn", as jax has threads, so a fork could deadlock
        options = {"persistent_workers": True, "multiprocessing_context": "spawn"}

    def batches(dtype: str) -> Iterator[torch.Tensor]:
        loader = torch.utils.data.DataLoader(crops, batch, num_workers=workers, **options)
        while True:
            for clips in loader:
                yield clips.float() / 2**15 if dtype == "float32" else clips

    return batches


def choose_threads(crops: Crops, batch: int, most: int) -> int:
    """Finds and sets the faster number of threads for this process: one, or one per core.

    With each, a batch is stacked and converted to float32.

    Args:
      crops: the crops.
      batch: crops per batch.
      most: number of cores.

    Returns:
      The number.
    """

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        batches = source(crops, batch, 0)("float32")
        times = []
        for _ in range(8):
            start = time.perf_counter()
            next(batches)
            times.append(time.perf_counter() - start)
        return sorted(times)[len(times) // 2]

    best = min((1, most), key=seconds)
    torch.set_num_threads(best)
    return best
