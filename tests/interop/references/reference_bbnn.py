"""BBNN in PyTorch, with the arrays of Keras 2 by name.

Of github.com/CaifengLiu/music-genre-classification, GTZAN_2048_1/model/my_model.ipynb, whose
printed summary numbers the layers.
"""

import torch
from torch.nn import functional

State = dict[str, torch.Tensor]


class _Net:
    """Layers in the order of their numbers."""

    def __init__(self, state: State, path: str, first_conv: int, first_norm: int) -> None:
        self.state, self.path = state, path
        self.conv_number, self.norm_number = first_conv, first_norm

    def conv(self, x: torch.Tensor) -> torch.Tensor:
        name = self.path.format(f"conv2d_{self.conv_number}")
        self.conv_number += 1
        kernel = self.state[f"{name}/kernel:0"].permute(3, 2, 0, 1)
        return functional.conv2d(x, kernel, self.state[f"{name}/bias:0"], padding="same")

    def norm(self, x: torch.Tensor) -> torch.Tensor:
        name = self.path.format(f"batch_normalization_{self.norm_number}")
        self.norm_number += 1
        mean, variance, gamma, beta = (
            self.state[f"{name}/{array}:0"]
            for array in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    def pre(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(functional.relu(self.norm(x)))


def forward(
    state: State, features: torch.Tensor, path: str, blocks: int, first_conv: int, first_norm: int
) -> torch.Tensor:
    """Logits of [batch, frames, bins]."""
    net = _Net(state, path, first_conv, first_norm)
    x = functional.relu(net.norm(net.conv(features[:, None])))
    x = functional.max_pool2d(x, (4, 1))
    for _ in range(blocks):
        one = net.pre(x)
        three = net.pre(net.pre(x))
        five = net.pre(net.pre(x))
        pool = net.pre(functional.max_pool2d(x, 3, 1, 1))
        x = torch.cat([x, one, three, five, pool], 1)
    x = functional.avg_pool2d(net.pre(x), 2)
    x = functional.relu(net.norm(x)).mean((2, 3))
    head = path.format("dense_1")
    return x @ state[f"{head}/kernel:0"] + state[f"{head}/bias:0"]


def shapes(
    path: str, width: int, blocks: int, transition: int, classes: int, conv: int, norm: int
) -> dict:
    """Shapes of the arrays by name; conv and norm: numbers of the first of these layers."""
    found = {}

    def add_conv(size: int, before: int, after: int) -> None:
        nonlocal conv
        name = path.format(f"conv2d_{conv}")
        found[f"{name}/kernel:0"], found[f"{name}/bias:0"] = (size, size, before, after), (after,)
        conv += 1

    def add_norm(channels: int) -> None:
        nonlocal norm
        name = path.format(f"batch_normalization_{norm}")
        for array in ("gamma", "beta", "moving_mean", "moving_variance"):
            found[f"{name}/{array}:0"] = (channels,)
        norm += 1

    add_conv(3, 1, width)
    add_norm(width)
    channels = width
    for _ in range(blocks):
        for size, before in ((1, 0), (1, 0), (3, width), (1, 0), (5, width), (1, 0)):
            add_norm(before or channels)
            add_conv(size, before or channels, width)
        channels += 4 * width
    add_norm(channels)
    add_conv(1, channels, transition)
    add_norm(transition)
    head = path.format("dense_1")
    return found | {f"{head}/kernel:0": (transition, classes), f"{head}/bias:0": (classes,)}


def _case(path: str, width: int, blocks: int, transition: int, classes: int, conv: int, norm: int):
    return (
        shapes(path, width, blocks, transition, classes, conv, norm),
        (2, 50, 24),
        lambda state, x: forward(state, x, path, blocks, conv, norm),
    )


CASES = {
    "bbnn": _case("model_weights/{0}/{0}", 6, 3, 6, 10, 1, 1),
    # The second network of a session, saved without its optimizer.
    "bbnn@other": _case("{0}/{0}", 4, 2, 5, 13, 23, 24),
}
