"""EfficientAT: MobileNetV3 of Schmid, Koutini, Widmer 2023, trained on AudioSet, in PyTorch."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mgr_jax.audio.frontends.recipes import EFFICIENTAT
from mgr_jax.errors import UserError
from mgr_jax.interop.layers import torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors
from mgr_jax.models.efficientat import HIDDEN, ROWS, TAIL, Channels, block_channels, divisible

_AUDIOSET = 527
_MLP = "classifier.5"
_LAST = len(ROWS) + 1  # number of the last convolution; the stem is 0, the blocks lie between


class _Reading(NamedTuple):
    """Settings that arrays do not determine: of the front end and the network, and the task."""

    about: str
    mels: Mapping[str, Any] = {}
    strides: tuple[int, ...] = (2, 2, 2, 2)
    task: str = "multi_label"


# In the terms of released files' names, such as mn10_as_mels_64.
_READINGS = {
    "tags": _Reading("tags, of 128 mels every 10 ms, as AudioSet's and most others"),
    "classes": _Reading("the same mels, and one class for each clip", task="single_label"),
    **{
        f"hop_{ms}": _Reading(f"tags, of mels every {ms} ms", {"hop_length": 32 * ms})
        for ms in (5, 15, 20, 25)
    },
    **{f"mels_{n}": _Reading(f"tags, of {n} mels", {"n_mels": n}) for n in (40, 64, 256)},
    "s2221": _Reading("tags, the last stride is 1", strides=(2, 2, 2, 1)),
    "s2211": _Reading("tags, the last two strides are 1", strides=(2, 2, 1, 1)),
}


def _convert(tensors: Tensors, reading: str) -> Conversion:
    convolutional = tensors.holds("classifier.0") or tensors.holds("classifier.1")
    head = tensors.shape(*(("classifier.0.weight", 4) if convolutional else (f"{_MLP}.weight", 2)))
    classes = head[0]
    width, reduced_tail = _width(tensors)
    channels = block_channels(width, reduced_tail=reduced_tail)
    gates = _gates(tensors, channels)
    kwargs = {
        "width": width,
        "reduced_tail": reduced_tail,
        "se": "".join(sorted(gates)) or "none",
        "head": "fully_convolutional" if convolutional else "mlp",
    }
    read = _READINGS[reading]
    if read.strides != (2, 2, 2, 2):
        kwargs["strides"] = read.strides
    preset = {"name": "efficientat", "kwargs": {}}
    return Conversion(
        frontend={"name": "log_mel", "kwargs": {**EFFICIENTAT, **read.mels}}
        if read.mels
        else preset,
        model={"name": "efficientat", "kwargs": kwargs},
        sample_rate=32_000,
        clip_samples=320_000,
        num_classes=classes,
        leaves=[*_leaves(channels, gates), *_head(convolutional)],
        task=read.task,
        labels="audioset527" if classes == _AUDIOSET else "",
    )


def _width(tensors: Tensors) -> tuple[float, bool]:
    """The factor of all channels, and whether the tail's are halved.

    Several factors may give the same channels: the roundest is returned.
    """
    blocks = _told_blocks(tensors)
    last = max(blocks)
    hidden = tensors["classifier.2.weight"].shape[:1] if "classifier.2.weight" in tensors else ()
    for reduced_tail in (False, True):
        half = 2 if reduced_tail and last > len(ROWS) - TAIL else 1
        whole = ROWS[last - 1].outputs // half
        units = HIDDEN // (2 if reduced_tail else 1)
        # In thousandths; channels are multiples of 8.
        lowest, highest = (1000 * (blocks[last].outputs + off) // whole for off in (-16, 16))
        near = range(max(1, lowest), highest + 1)
        for width in sorted((each / 1000 for each in near), key=lambda width: len(str(width))):
            channels = block_channels(width, reduced_tail=reduced_tail)
            fits = all(channels[number - 1][1:] == block for number, block in blocks.items())
            if fits and hidden in ((), (divisible(units * width),)):
                return width, reduced_tail
    # Arrays that do not fit will be reported.
    return blocks[last].outputs / ROWS[last - 1].outputs, False


class _Block(NamedTuple):
    expanded: int
    outputs: int


def _told_blocks(tensors: Tensors) -> dict[int, _Block]:
    """Channels of the blocks by number, from the last convolution of each.

    A block without it is left out: the others determine the width as well.
    """
    found: dict[int, _Block] = {}
    for number in range(1, _LAST):
        parts = [f"features.{number}.block.{place}" for place in range(4)]
        last = next((part for part in reversed(parts) if tensors.holds(part)), parts[0])
        if f"{last}.0.weight" in tensors or (number == len(ROWS) and not found):
            out, expanded, *_ = tensors.shape(f"{last}.0.weight", 4)
            found[number] = _Block(expanded, out)
    return found


def _gates(tensors: Tensors, channels: list[Channels]) -> list[str]:
    """The axis of each branch of the gates, "c" or "f"."""
    prefix = f"features.{len(ROWS)}.block.2.conc_se_layers"
    found: list[str] = []
    while tensors.holds(f"{prefix}.{len(found)}"):
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


def _head(convolutional: bool) -> Iterator[Leaf]:
    if convolutional:
        yield from torch_layer("classifier.0", "head", "conv", bias=False)
        yield from torch_norm("classifier.1", "head", "norm")
    else:
        yield from torch_layer("classifier.2", "hidden")
        yield from torch_layer(_MLP, "head")


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
        readings={name: reading.about for name, reading in _READINGS.items()},
    ),
)
