"""Networks of mgr_jax written in PyTorch, in its users' way, for timing beside ours.

Importing this imports torch. A network is made from the Flax module of the same name, whose fields
give widths and numbers of layers; submodules have Flax's names. Activations are
[batch, channels, frames, bins], which PyTorch may store with channels last.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mgr_jax.models.choi import WIDTHS

Size = tuple[int, int]


class ConvBlock(nn.Module):
    """Convolution, batch norm, activation, max pooling, dropout."""

    def __init__(
        self,
        channels: Size,
        norm: dict[str, float],
        *,
        kernel: Size = (3, 3),
        stride: Size = (1, 1),
        padding: str | Size = "same",
        groups: int = 1,
        bias: bool = True,
        activation: Callable = functional.relu,
        pool: Size = (1, 1),
        dropout: float = 0.0,
    ) -> None:
        """Makes the layers; `channels` are those of the input and of the output."""
        super().__init__()
        self.conv = nn.Conv2d(*channels, kernel, stride, padding, groups=groups, bias=bias)
        self.norm = nn.BatchNorm2d(channels[1], **norm)
        self.activation, self.pool, self.dropout = activation, pool, nn.Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, channels, frames, bins] to the same, pooled."""
        x = self.activation(self.norm(self.conv(x)))
        if self.pool != (1, 1):
            x = functional.max_pool2d(x, self.pool)
        return self.dropout(x)


class SampleCNN(nn.Module):
    """With "basic" blocks, one level and no dense layer; kernels lie along the frames."""

    def __init__(self, model: Any, bins: int) -> None:
        """Makes the layers of a `mgr_jax.models.sample_cnn.SampleCNN` for waveforms of one bin."""
        super().__init__()
        first, middle, final = model.widths
        wide: dict[str, Any] = {"norm": norm_settings(model), "kernel": (model.base, 1)}
        self.stem = ConvBlock((bins, first), stride=(model.base, 1), padding=(0, 0), **wide)
        widths = [
            final if layer == model.depth else first if layer < 3 else middle
            for layer in range(1, model.depth + 1)
        ]
        self.names = [f"block{layer}" for layer in range(1, model.depth + 1)]
        for name, channels in zip(self.names, itertools.pairwise([first, *widths]), strict=True):
            self.add_module(name, ConvBlock(channels, pool=(model.base, 1), **wide))
        self.last = ConvBlock((final, final), norm_settings(model), kernel=(model.last_kernel, 1))
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(final, model.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of waveforms [batch, 1, samples, 1]."""
        x = self.stem(x)
        for name in self.names:
            x = getattr(self, name)(x)
        return self.head(self.dropout(self.last(x).amax(dim=(2, 3))))


class ChoiCRNN(nn.Module):
    """Four convolutions, two GRUs; the last state is classified.

    The GRUs are PyTorch's, for which cuDNN has one kernel. Unlike the paper's, their reset gate
    acts after the product with the state, and has a second bias.
    """

    def __init__(self, model: Any, bins: int) -> None:
        """Makes the layers of a `mgr_jax.models.choi.ChoiCRNN` for so many bins."""
        super().__init__()
        first, later, units = WIDTHS[model.budget]
        widths, units = model.widths or (first, later, later, later), model.units or units
        channels = itertools.pairwise((1, *widths))
        self.names = [f"block{layer}" for layer in range(1, len(widths) + 1)]
        for name, pair, pool in zip(self.names, channels, model.pools, strict=True):
            block = ConvBlock(
                pair,
                norm_settings(model),
                activation=functional.elu,
                pool=tuple(pool),
                dropout=model.conv_dropout,
            )
            self.add_module(name, block)
            bins //= pool[1]
        self.gru = nn.GRU(widths[-1] * bins, units, num_layers=model.layers, batch_first=True)
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(units, model.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of spectrograms [batch, 1, frames, bins]."""
        for name in self.names:
            x = getattr(self, name)(x)
        sequence, _ = self.gru(x.permute(0, 2, 3, 1).flatten(2))
        return self.head(self.dropout(sequence[:, -1]))


class ShortChunk(nn.Module):
    """Convolutions with small pooling, the maximum over what remains, a dense layer."""

    def __init__(self, model: Any, bins: int) -> None:
        """Makes the layers of a `mgr_jax.models.short_chunk.ShortChunk`."""
        super().__init__()
        del bins
        self.input_norm = nn.BatchNorm2d(1, **norm_settings(model))
        self.names = [f"block{layer}" for layer, _ in enumerate(model.widths, start=1)]
        channels = itertools.pairwise([1, *model.widths])
        for name, pair, pool in zip(self.names, channels, model.pools, strict=True):
            self.add_module(name, ConvBlock(pair, norm_settings(model), pool=tuple(pool)))
        width = model.widths[-1]
        self.dense = nn.Linear(width, width)
        self.dense_norm = nn.BatchNorm1d(width, **norm_settings(model))
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(width, model.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of spectrograms [batch, 1, frames, bins]."""
        x = self.input_norm(x)
        for name in self.names:
            x = getattr(self, name)(x)
        x = functional.relu(self.dense_norm(self.dense(x.amax(dim=(2, 3)))))
        return self.head(self.dropout(x))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, channels: Size, stride: int, norm: dict[str, float]) -> None:
        """Makes the layers; `channels` are those of the input and of the output."""
        super().__init__()
        first, width = channels
        self.conv1 = nn.Conv2d(first, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width, **norm)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width, **norm)
        self.projects = stride > 1 or first != width
        if self.projects:
            self.shortcut = nn.Conv2d(first, width, 1, stride, bias=False)
            self.shortcut_norm = nn.BatchNorm2d(width, **norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, channels, frames, bins] to the same, strided."""
        shortcut = self.shortcut_norm(self.shortcut(x)) if self.projects else x
        x = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(x)) + shortcut)


class ResNet18(nn.Module):
    """torchvision's layout."""

    def __init__(self, model: Any, bins: int) -> None:
        """Makes the layers of a `mgr_jax.models.resnet.ResNet18`."""
        super().__init__()
        del bins
        norm, width = norm_settings(model), model.width
        block = ConvBlock(
            (1, width), norm, kernel=(7, 7), stride=(2, 2), padding=(3, 3), bias=False
        )
        self.stem = nn.ModuleDict({"block": block})
        self.names = []
        for stage, count in enumerate(model.blocks):
            for number in range(count):
                channels = (width, model.width * 2**stage)
                self.names.append(f"stage{stage + 1}_block{number + 1}")
                stride = 2 if stage and not number else 1
                self.add_module(self.names[-1], ResidualBlock(channels, stride, norm))
                width = channels[1]
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(width, model.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of spectrograms [batch, 1, frames, bins]."""
        x = functional.max_pool2d(self.stem["block"](x), 3, 2, padding=1)
        for name in self.names:
            x = getattr(self, name)(x)
        return self.head(self.dropout(x.mean(dim=(2, 3))))


def norm_settings(model: Any) -> dict[str, float]:
    """Arguments of PyTorch's batch norm for the fields of a Flax module."""
    return {"eps": model.epsilon, "momentum": 1 - model.momentum}


def load_variables(network: nn.Module, variables: Mapping[str, Any]) -> None:
    """Copies the variables of a Flax module into the corresponding network.

    Raises:
      RuntimeError: they do not fit the network.
    """
    state = {name: torch.from_numpy(value) for name, value in _renamed(variables).items()}
    network.load_state_dict(state)


def _renamed(variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Flax's variables under PyTorch's names."""
    names = {"kernel": "weight", "scale": "weight", "bias": "bias"}
    names |= {"mean": "running_mean", "var": "running_var"}
    state = {}
    for tree in variables.values():
        for path, value in jax.tree_util.tree_flatten_with_path(tree)[0]:
            *layers, last = (key.key for key in path)
            if layers[0].startswith("gru"):
                continue
            axes = {4: (3, 2, 0, 1), 3: (2, 1, 0), 2: (1, 0), 1: (0,)}[value.ndim]
            moved = np.transpose(value, axes)
            moved = moved[..., None] if value.ndim == 3 else moved  # kernels lie along the frames
            state[".".join([*layers, names[last]])] = np.array(moved, np.float32, order="C")
    for number, gru in enumerate(g for k, g in variables["params"].items() if k.startswith("gru")):
        gates = ("reset", "update", "candidate")
        state[f"gru.weight_ih_l{number}"] = np.concatenate([gru[g]["kernel"].T for g in gates])
        state[f"gru.weight_hh_l{number}"] = np.concatenate([gru[f"{g}_state"].T for g in gates])
        state[f"gru.bias_ih_l{number}"] = bias = np.concatenate([gru[g]["bias"] for g in gates])
        state[f"gru.bias_hh_l{number}"] = np.zeros_like(bias)
    return state


def count_parameters(network: nn.Module) -> int:
    """Trainable values, without the second bias of the GRUs, which the paper's lack."""
    named = network.named_parameters()
    return sum(value.numel() for name, value in named if "bias_hh" not in name)
