"""A classifier of files in PyTorch, in its users' way. Importing it imports torch.

The weights are copied from ours; networks that differ would not be compared.
"""

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from mgr_jax.audio.clips import segment_starts
from mgr_jax.benchmark.audio_peers import Read, read_with_librosa
from mgr_jax.benchmark.torch_frontend import NormedLogMel
from mgr_jax.benchmark.torch_networks import ChoiCRNN, load_variables
from mgr_jax.classifier import GenreClassifier
from mgr_jax.input_spec import InputSpec


class GRU(nn.Module):
    """The GRU of the paper: its reset gate acts before the product, that of `nn.GRU` after it."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        """Takes the parameters of a `mgr_jax.models.recurrent.GRU`."""
        super().__init__()
        gates = ("update", "reset", "candidate")
        self.to_gates = nn.Linear(*weights["update"]["kernel"].shape)
        kernels = np.concatenate([weights[gate]["kernel"] for gate in gates], 1)
        self.to_gates.weight = _parameter(kernels.T)
        self.to_gates.bias = _parameter(np.concatenate([weights[gate]["bias"] for gate in gates]))
        both = np.concatenate([weights["update_state"], weights["reset_state"]], 1)
        self.both, self.candidate = _parameter(both), _parameter(weights["candidate_state"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, steps, features] to the states [batch, steps, units]."""
        units = len(self.candidate)
        state, states = x.new_zeros(len(x), units), []
        for step in self.to_gates(x).unbind(1):
            gates = torch.sigmoid(step[:, : 2 * units] + state @ self.both)
            update, reset = gates.chunk(2, 1)
            candidate = torch.tanh(step[:, 2 * units :] + (reset * state) @ self.candidate)
            state = torch.lerp(candidate, state, update)
            states.append(state)
        return torch.stack(states, 1)


class FileClassifier(nn.Module):
    """Log-mel spectrogram, input normalisation and the network of `demo`."""

    def __init__(
        self, classifier: GenreClassifier, spec: InputSpec, variables: Mapping[str, Any]
    ) -> None:
        """Copies a classifier of `choi_crnn` on `log_mel`.

        Args:
          classifier: the classifier.
          spec: its input specification.
          variables: its variables.

        Raises:
          ValueError: it is another one, which is not written here.
        """
        super().__init__()
        if classifier.model.registered != "choi_crnn":
            raise ValueError(f"{classifier.model.registered} is not written in PyTorch here")
        self.spec, self.levels = spec, NormedLogMel(classifier, variables)
        self.network = ChoiCRNN(classifier.model, classifier.frontend.num_bins)
        load_variables(self.network, {kind: tree["model"] for kind, tree in variables.items()})
        self.network.gru = nn.Identity()
        weights = variables["params"]["model"]
        self.gru1, self.gru2 = (GRU(weights[name]) for name in ("gru1", "gru2"))
        self.eval()

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Probabilities [clips, classes] of [clips, samples]."""
        x = self.levels(clips)
        for name in self.network.names:
            x = getattr(self.network, name)(x)
        sequence = self.gru2(self.gru1(x.permute(0, 2, 3, 1).flatten(2)))
        return torch.softmax(self.network.head(sequence[:, -1]), 1)

    def cut(self, samples: np.ndarray) -> torch.Tensor:
        """The clips [clips, samples] that evaluation uses."""
        length = self.spec.clip_samples
        starts = segment_starts(len(samples), length, self.spec.eval_segments)
        filled = np.pad(samples, (0, max(0, length - len(samples))))
        return torch.from_numpy(np.stack([filled[start : start + length] for start in starts]))

    @torch.inference_mode()
    def classify(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities [classes] of a waveform [samples] float32."""
        return self(self.cut(samples)).mean(0).numpy()

    @torch.inference_mode()
    def classify_files(self, paths: Sequence[str], read: Read) -> list[np.ndarray]:
        """Probabilities [classes] of files that `read` reads, one after the other."""
        rate = round(self.spec.sample_rate)
        return [self.classify(read(path, rate)) for path in paths]


def choose_threads(twin: FileClassifier, samples: np.ndarray, most: int) -> int:
    """Finds and sets the fastest number of threads on a waveform: one, or one per core.

    Args:
      twin: the classifier.
      samples: the waveform.
      most: number of cores.

    Returns:
      The number.
    """

    def seconds(threads: int) -> float:
        torch.set_num_threads(threads)
        times = []
        for _ in range(10):
            start = time.perf_counter()
            twin.classify(samples)
            times.append(time.perf_counter() - start)
        return statistics.median(times[2:])

    best = min((1, most), key=seconds)
    torch.set_num_threads(best)
    return best


class Waveforms(torch.utils.data.Dataset):
    """Files that workers of a DataLoader load."""

    def __init__(self, paths: Sequence[str], sample_rate: int) -> None:
        """Stores the paths, and the rate in Hz to resample to."""
        self.paths, self.sample_rate = list(paths), sample_rate

    def __len__(self) -> int:
        """Number of files."""
        return len(self.paths)

    def __getitem__(self, row: int) -> np.ndarray:
        """The waveform of one file."""
        return read_with_librosa(self.paths[row], self.sample_rate)


def make_loader(paths: Sequence[str], sample_rate: int, workers: int) -> Any:
    """A DataLoader with persistent workers.

    Args:
      paths: the files.
      sample_rate: rate to resample to, in Hz.
      workers: number of workers.
    """
    return torch.utils.data.DataLoader(
        Waveforms(paths, sample_rate),
        batch_size=None,
        num_workers=workers,
        persistent_workers=True,
        prefetch_factor=4,
        multiprocessing_context="spawn",  # jax has threads, so a fork could deadlock
    )


def _parameter(values: Any) -> nn.Parameter:
    return nn.Parameter(torch.from_numpy(np.array(values, np.float32)), requires_grad=False)
