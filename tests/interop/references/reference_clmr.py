"""CLMR's SampleCNN in PyTorch, as functions of a state dict.

Written from the published table and from the names that the authors' module gives its arrays
(github.com/Spijkervet/CLMR), not from our network.
"""

import torch
from torch.nn import functional as F  # noqa: N812

WIDTHS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512)


def clmr_shapes(widths=WIDTHS, classes=50, prefix="") -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays; classes 0: without the last layer."""
    shapes: dict[str, tuple[int, ...]] = {}
    for number, (into, out) in enumerate(zip((1, *widths), widths, strict=False)):
        shapes |= {f"{prefix}sequential.{number}.0.weight": (out, into, 3)}
        shapes |= {
            f"{prefix}sequential.{number}.{array}": (out,)
            for array in ("0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var")
        }
    if classes:
        shapes |= {f"{prefix}fc.weight": (classes, widths[-1]), f"{prefix}fc.bias": (classes,)}
    return shapes


def clmr(state: dict[str, torch.Tensor], waveforms: torch.Tensor, prefix="") -> torch.Tensor:
    """Logits, or the embedding where there is no last layer, of waveforms [batch, samples]."""
    x, layers = waveforms[:, None], sum(name.endswith(".1.running_var") for name in state)
    for number in range(layers):
        conv, norm = (f"{prefix}sequential.{number}.{part}" for part in "01")
        stem = number == 0
        x = F.conv1d(
            x, state[f"{conv}.weight"], state[f"{conv}.bias"], stride=3 if stem else 1,
            padding=0 if stem else 1,
        )  # fmt: skip
        arrays = (state[f"{norm}.{key}"] for key in ("running_mean", "running_var"))
        x = F.batch_norm(x, *arrays, state[f"{norm}.weight"], state[f"{norm}.bias"]).relu()
        if 0 < number < layers - 1:
            x = F.max_pool1d(x, 3)
    x = x.flatten(1)
    if f"{prefix}fc.weight" not in state:
        return x
    return F.linear(x, state[f"{prefix}fc.weight"], state[f"{prefix}fc.bias"])


_NARROW = (4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 16)
CASES = {
    "clmr": (clmr_shapes((4, 6, 8, 8), 3), (2, 27), clmr),
    "clmr@contrast": (
        clmr_shapes(_NARROW, 0, "encoder."), (2, 59_049),
        lambda state, waveforms: clmr(state, waveforms, "encoder."),
    ),
}  # fmt: skip
