"""EfficientAT: MobileNetV3 of Schmid, Koutini, Widmer 2023, trained on AudioSet, in PyTorch."""

from collections.abc import Iterator

from mgr_jax.errors import UserError
from mgr_jax.interop.layers import torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors
from mgr_jax.models.efficientat import HIDDEN, ROWS, Channels, block_channels

_AUDIOSET = 527
_LAST = len(ROWS) + 1  # number of the last convolution; the stem has 0, the blocks those between
_WIDTHS_TOLD = 1000  # in thousandths, as widths are given


def _convert(tensors: Tensors, reading: str) -> Conversion:
    classes, _ = tensors.shape("classifier.5.weight", 2)
    width, reduced_tail = _width(tensors)
    channels = block_channels(width, reduced_tail=reduced_tail)
    gates = _gates(tensors, channels)
    kwargs = {"width": width, "reduced_tail": reduced_tail, "se": "".join(sorted(gates)) or "none"}
    return Conversion(
        frontend={"name": "efficientat", "kwargs": {}},
        model={"name": "efficientat", "kwargs": kwargs},
        sample_rate=32_000,
        clip_samples=320_000,
        num_classes=classes,
        leaves=list(_leaves(channels, gates)),
        task="multi_label",
        labels="audioset527" if classes == _AUDIOSET else "",
    )


def _width(tensors: Tensors) -> tuple[float, bool]:
    """The factor of all channels, and whether those of the tail are halved."""
    hidden, _ = tensors.shape("classifier.2.weight", 2)
    outputs = [_outputs(tensors, number) for number in range(1, _LAST)]
    for reduced_tail in (False, True):
        whole = HIDDEN // 2 if reduced_tail else HIDDEN
        # Units are multiples of 8, so that several widths have as many.
        near = range((hidden - 8) * _WIDTHS_TOLD // whole, (hidden + 8) * _WIDTHS_TOLD // whole + 2)
        for width in (hidden / whole, *(each / _WIDTHS_TOLD for each in near if each > 0)):
            found = [block.outputs for block in block_channels(width, reduced_tail=reduced_tail)]
            if found == outputs:
                return width, reduced_tail
    return hidden / HIDDEN, False  # the arrays that do not fit will be named


def _outputs(tensors: Tensors, number: int) -> int:
    """Output channels of a block, whose last convolution has the highest number."""
    last = max(
        (j for j in range(4) if f"features.{number}.block.{j}.0.weight" in tensors), default=0
    )
    return tensors.shape(f"features.{number}.block.{last}.0.weight", 4)[0]


def _gates(tensors: Tensors, channels: list[Channels]) -> list[str]:
    """The axis of each branch of the gates, "c" or "f"."""
    prefix = f"features.{len(ROWS)}.block.2.conc_se_layers"
    found = []
    while f"{prefix}.{len(found)}.fc1.weight" in tensors:
        _, size = tensors.shape(f"{prefix}.{len(found)}.fc1.weight", 2)
        found.append("c" if size == channels[-1].expanded else "f")
    if sorted(found) not in ([], ["c"], ["f"], ["c", "f"]):
        raise UserError(
            f"{tensors.file} has {len(found)} gates in every block; networks with one over "
            "channels, one over frequencies, or both can be read",
            code="weights.other_source",
        )
    return found


def _leaves(channels: list[Channels], gates: list[str]) -> Iterator[Leaf]:
    yield from _convolution("features.0", "stem")
    for number, (row, sizes) in enumerate(zip(ROWS, channels, strict=True), start=1):
        module, block = f"features.{number}.block", f"block{number}"
        parts = ["expand"] if sizes.expanded != sizes.inputs else []
        parts += (
            ["depthwise", "gate", "project"] if row.gated and gates else ["depthwise", "project"]
        )
        for place, part in enumerate(parts):
            if part != "gate":
                yield from _convolution(f"{module}.{place}", block, part)
                continue
            for branch, axis in enumerate(gates):
                gate = "gate" if axis == "c" else "gate_bins"
                within = f"{module}.{place}.conc_se_layers.{branch}"
                yield from torch_layer(f"{within}.fc1", block, gate, "squeeze")
                yield from torch_layer(f"{within}.fc2", block, gate, "excite")
    yield from _convolution(f"features.{_LAST}", "last")
    yield from torch_layer("classifier.2", "hidden")
    yield from torch_layer("classifier.5", "head")


def _convolution(module: str, *path: str) -> Iterator[Leaf]:
    yield from torch_layer(f"{module}.0", *path, "conv", bias=False)
    yield from torch_norm(f"{module}.1", *path, "norm")


SOURCES = (
    Source(
        name="efficientat",
        about="MobileNetV3 of EfficientAT, mn01 to mn40 (.pt)",
        upstream="github.com/fschmid56/EfficientAT, models/mn/model.py",
        license="MIT, (c) 2022 Florian Schmid",
        convert=_convert,
        ignored=("*.num_batches_tracked",),
    ),
)
