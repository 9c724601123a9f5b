"""PyTorch's training on audio, from int16 samples to the update. Importing this imports torch."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mgr_jax.benchmark.steps import Steps
from mgr_jax.benchmark.torch_frontend import NormedLogMel
from mgr_jax.benchmark.torch_networks import load_variables
from mgr_jax.benchmark.torch_steps import NETWORKS, device, make_step
from mgr_jax.classifier import GenreClassifier

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]  # int16 clips [batch, samples], targets


class AudioClassifier(nn.Module):
    """Log-mel spectrogram, input normalisation and network of a classifier."""

    def __init__(self, classifier: GenreClassifier, variables: Mapping[str, Any]) -> None:
        """Copies a classifier.

        Raises:
          ValueError: its front end or network is not written in PyTorch here.
        """
        super().__init__()
        self.levels = NormedLogMel(classifier, variables)
        self.network = NETWORKS[classifier.model.registered](
            classifier.model, classifier.frontend.num_bins
        )
        load_variables(self.network, {kind: tree["model"] for kind, tree in variables.items()})
        self.to(device(), memory_format=torch.channels_last)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Logits [clips, classes] of [clips, samples] int16."""
        with torch.autocast(device(), enabled=False):  # spectrograms are float32 in both
            images = self.levels(clips.float() / 2**15)
        return self.network(images.to(memory_format=torch.channels_last))

    @torch.inference_mode()
    def classify(self, clips: np.ndarray) -> np.ndarray:
        """Logits [clips, classes] of [clips, samples] int16, in evaluation mode."""
        self.eval()
        found = self(torch.from_numpy(np.array(clips)).to(device())).cpu().numpy()
        self.train()
        return found


def make_steps(
    classifier: GenreClassifier,
    variables: Mapping[str, Any],
    batches: Callable[[], Batches],
    *,
    compiled: bool = False,
) -> Steps:
    """The steps in bfloat16 on successive batches.

    Args:
      classifier: the classifier to copy.
      variables: its initial variables.
      batches: yields the batches, on the device.
      compiled: compile with torch.compile.
    """
    network = AudioClassifier(classifier, variables).train()
    forward = torch.compile(network) if compiled else network
    step, coming = make_step(forward, network.parameters(), "bfloat16"), batches()

    def make(steps: int) -> float:
        for _ in range(steps):
            loss = step(*next(coming))
        return loss.item()

    return make


def resident_batches(
    tracks: np.ndarray, targets: np.ndarray, *, batch: int, samples: int
) -> Batches:
    """The endless batches of random clips, cut on the device, where all tracks lie.

    Args:
      tracks: [tracks, samples] int16.
      targets: [tracks].
      batch: clips per batch.
      samples: length of a clip.
    """
    placed, labels = torch.from_numpy(tracks).to(device()), torch.from_numpy(targets).to(device())
    steps = torch.arange(samples, device=device())
    while True:
        rows = torch.randint(len(placed), (batch,), device=device())
        starts = torch.randint(placed.shape[1] - samples + 1, (batch,), device=device())
        yield placed[rows[:, None], starts[:, None] + steps], labels[rows]


class Clips(Dataset):
    """Random clips of a memory-mapped file, cut by workers of a DataLoader."""

    def __init__(self, file: Path, targets: np.ndarray, *, samples: int, count: int) -> None:
        """Takes a .npy file of [tracks, samples] int16, and how many clips there are."""
        self._file, self._targets, self._samples, self._count = file, targets, samples, count
        self._tracks: np.ndarray | None = None  # each worker maps it

    def __len__(self) -> int:
        """Number of clips."""
        return self._count

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """A clip and its target, drawn by the clip's number."""
        if self._tracks is None:
            self._tracks = np.load(self._file, mmap_mode="r")
        rng = np.random.default_rng(index)
        row = int(rng.integers(len(self._tracks)))
        start = int(rng.integers(self._tracks.shape[1] - self._samples + 1))
        return np.array(self._tracks[row, start : start + self._samples]), int(self._targets[row])


def loaded_batches(clips: Clips, *, batch: int, workers: int) -> Batches:
    """The endless batches of a DataLoader, copied to the device while it computes.

    Args:
      clips: the clips.
      batch: clips per batch.
      workers: workers of the DataLoader.
    """
    loader = DataLoader(
        clips,
        batch_size=batch,
        num_workers=workers,
        pin_memory=device() == "cuda",
        persistent_workers=True,
        prefetch_factor=4,
        drop_last=True,
        multiprocessing_context="spawn",  # jax has threads, so a fork could deadlock
    )
    while True:
        for inputs, targets in loader:
            yield inputs.to(device(), non_blocking=True), targets.to(device(), non_blocking=True)
