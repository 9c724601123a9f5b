"""Writes goldens/*.npz: layers of PyTorch with their weights, inputs and outputs.

They are kept in the repository, so that tests need no PyTorch. With `pip install 'mgr-jax[bench]'`:

    python tests/models/make_goldens.py
"""

from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).parent / "goldens"


class Residual(nn.Module):
    """The basic block of torchvision's ResNet, where it halves the image."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Conv2d(channels, width, 1, stride=2, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        main = self.norm2(self.conv2(self.norm1(self.conv1(x)).relu()))
        return (main + self.shortcut_norm(self.shortcut(x))).relu()


class DenseLayer(nn.Module):
    """A layer of torchvision's DenseNet: pre-activation, with a bottleneck."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        new = self.conv2(self.norm2(self.conv1(self.norm1(x).relu())).relu())
        return torch.cat([x, new], dim=1)


class Transition(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.conv(self.norm(x).relu()))


class Stem(nn.Module):
    def __init__(self, channels: int, width: int):
        super().__init__()
        conv = nn.Conv2d(channels, width, 7, stride=2, padding=3, bias=False)
        self.block = nn.ModuleDict({"conv": conv, "norm": nn.BatchNorm2d(width)})
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pool(self.block["norm"](self.block["conv"](x)).relu())


def prefixed(prefix: str, layer: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{prefix}/{name}": value.clone() for name, value in layer.state_dict().items()}


def save(name: str, **arrays: torch.Tensor) -> None:
    arrays = {key: value.detach().numpy() for key, value in arrays.items() if value.ndim}
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


def recurrent(name: str, kind: type[nn.RNNBase]) -> None:
    layer = kind(5, 4, num_layers=2, bidirectional=True, batch_first=True)
    x = torch.randn(3, 7, 5)
    output, last = layer(x)
    last = last[0] if kind is nn.LSTM else last
    save(name, input=x, output=output, last=last, **prefixed("weights", layer))


def transformer(name: str, norm_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(
        12, 3, 20, activation="gelu", batch_first=True, norm_first=norm_first
    )
    randomise(layer)
    x = torch.randn(2, 6, 12)
    save(name, input=x, output=layer.eval()(x), **prefixed("weights", layer))


def convolutional(name: str, layer: nn.Module, shape: tuple[int, ...]) -> None:
    randomise(layer)
    x = torch.randn(shape)
    weights = prefixed("weights", layer)
    output = layer.eval()(x)
    trained = layer.train()(x)
    updated = {key: value for key, value in prefixed("updated", layer).items() if "running" in key}
    save(name, input=x, output=output, train_output=trained, **weights, **updated)


def randomise(layer: nn.Module) -> None:
    """Draws what would start as ones and zeros, norms above all."""
    for name, value in layer.state_dict().items():
        if value.ndim == 1:
            nn.init.uniform_(value, 0.5, 1.5) if "var" in name else nn.init.normal_(value, 0.5)


if __name__ == "__main__":
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    recurrent("gru", nn.GRU)
    recurrent("lstm", nn.LSTM)
    transformer("transformer_norm_first", norm_first=True)
    transformer("transformer_norm_last", norm_first=False)
    # Odd sizes show on which side a stride pads.
    convolutional("residual", Residual(4, 6), (2, 4, 9, 8))
    convolutional("stem", Stem(2, 4), (2, 2, 21, 18))
    layers = {"layer1": DenseLayer(6, 4), "layer2": DenseLayer(10, 4), "transition": Transition(14)}
    convolutional("dense", nn.Sequential(OrderedDict(layers)), (2, 6, 5, 6))
