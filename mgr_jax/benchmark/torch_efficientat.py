"""EfficientAT in PyTorch, to be timed beside ours. Importing this imports torch."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from mgr_jax.benchmark.torch_networks import ConvBlock, Size, norm_settings
from mgr_jax.models.efficientat import HIDDEN, ROWS, Channels, Row, block_channels, divisible


class SqueezeExcite(nn.Module):
    """A gate for every channel, from the means of all channels."""

    def __init__(self, channels: int, units: int) -> None:
        """Makes two dense layers, the hidden one of so many units."""
        super().__init__()
        self.squeeze, self.excite = nn.Linear(channels, units), nn.Linear(units, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scales the channels of [batch, channels, frames, bins]."""
        hidden = functional.relu(self.squeeze(x.mean(dim=(2, 3))))
        return x * torch.sigmoid(self.excite(hidden))[:, :, None, None]


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, gate, projection, shortcut."""

    def __init__(self, row: Row, sizes: Channels, stride: int, norm: dict[str, float]) -> None:
        """Makes the layers of a row of `mgr_jax.models.efficientat.ROWS`."""
        super().__init__()
        activation = functional.hardswish if row.hard_swish else functional.relu
        inputs, expanded, outputs = sizes
        self.expands, self.gated = expanded != inputs, row.gated
        if self.expands:
            self.expand = _convolution((inputs, expanded), 1, norm, activation=activation)
        self.depthwise = _convolution(
            (expanded, expanded),
            row.kernel,
            norm,
            stride=(stride, stride),
            groups=expanded,
            activation=activation,
        )
        if self.gated:
            self.gate = SqueezeExcite(expanded, divisible(expanded // 4))
        self.project = _convolution((expanded, outputs), 1, norm, activation=nn.Identity())
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [batch, channels, frames, bins] to the same, strided."""
        shortcut = x
        x = self.depthwise(self.expand(x) if self.expands else x)
        x = self.project(self.gate(x) if self.gated else x)
        return x + shortcut if self.adds else x


class EfficientAT(nn.Module):
    """With gates over channels and a head of two dense layers."""

    def __init__(self, model: Any, bins: int) -> None:
        """Makes the layers of a `mgr_jax.models.efficientat.EfficientAT`."""
        super().__init__()
        del bins
        norm, channels = norm_settings(model), block_channels(model.width)
        active: dict[str, Any] = {"norm": norm, "activation": functional.hardswish}
        self.stem = _convolution((1, channels[0].inputs), 3, stride=(2, 2), **active)
        self.names = [f"block{number}" for number in range(1, len(ROWS) + 1)]
        for name, row, sizes in zip(self.names, ROWS, channels, strict=True):
            stride = model.strides[row.stage - 1] if row.stage else 1
            self.add_module(name, InvertedResidual(row, sizes, stride, norm))
        final = channels[-1].outputs
        self.last = _convolution((final, 6 * final), 1, **active)
        units = divisible(HIDDEN * model.width)
        self.hidden = nn.Linear(6 * final, units)
        self.dropout = nn.Dropout(model.dropout)
        self.head = nn.Linear(units, model.num_classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of spectrograms [batch, 1, frames, bins]."""
        x = self.stem(x)
        for name in self.names:
            x = getattr(self, name)(x)
        hidden = functional.hardswish(self.hidden(self.last(x).mean(dim=(2, 3))))
        return self.head(self.dropout(hidden))


def _convolution(channels: Size, kernel: int, norm: dict[str, float], **settings: Any) -> ConvBlock:
    half = (kernel - 1) // 2
    return ConvBlock(
        channels, norm, kernel=(kernel, kernel), padding=(half, half), bias=False, **settings
    )
