"""ResNets in torchvision's layout: ImageNet's, and those trained on mel bins."""

import functools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.layers import torch_layer, torch_norm, transposed
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_READINGS = {
    "summed": "the kernels of three colours, if there are, are summed, as if the mel bins were "
    "each colour",
    "mean": "the kernels of three colours, if there are, are averaged: a third of that",
}
_STEM = re.compile(r"((?:[a-z_]\w*\.)*?)(?:conv1|bn1)\.\w+")
_BLOCKS = {"resnet18": [2, 2, 2, 2], "resnet34": [3, 4, 6, 3]}
_IMAGENET = 1000  # number of classes that are not genres


def _resnet(source: str, tensors: Tensors, reading: str) -> Conversion:
    prefix = _prefix(tensors)
    width, colours, *_ = tensors.shape(f"{prefix}conv1.weight", 4)
    blocks: list[int] = []
    for stage in range(1, tensors.count(f"{prefix}layer{{}}") + 1):
        blocks.append(tensors.count(f"{prefix}layer{stage}.{{}}", first=0))
    depth = next((name for name, known in _BLOCKS.items() if known == blocks), source)
    if depth != source:
        raise UserError(
            f"{tensors.file} is a {depth}, of {', '.join(map(str, blocks))} blocks",
            code="weights.other_source",
        )
    fc = _last_layer(tensors, prefix)
    classes, _ = tensors.shape(f"{fc}.weight", 2) if fc else (0, 0)
    imagenet = colours == 3 and classes == _IMAGENET
    return Conversion(
        frontend={"name": "gtzan_mel3", "kwargs": {}},
        model={
            "name": source,
            "kwargs": {"blocks": tuple(blocks), "width": width},
        },
        sample_rate=22_050,
        clip_samples=66_150,
        num_classes=classes,
        leaves=list(_leaves(tensors, prefix, blocks, fc, reading)),
        task="single_label",
        genres=not imagenet,
    )


def _prefix(tensors: Tensors) -> str:
    """The common prefix of all names, such as "module." of a network on several devices."""
    found = (match[1] for name in tensors if (match := _STEM.fullmatch(name)))
    return min(found, key=len, default="")


def _last_layer(tensors: Tensors, prefix: str) -> str:
    """Name of the dense layer, which may follow dropout; empty: there is none."""
    names = (name for name in tensors if name.startswith(f"{prefix}fc."))
    return next((name.rpartition(".")[0] for name in names), "")


def _leaves(
    tensors: Tensors, prefix: str, blocks: list[int], fc: str, reading: str
) -> Iterator[Leaf]:
    def stem(kernel: np.ndarray) -> Any:
        colours = kernel.mean(axis=1) if reading == "mean" else kernel.sum(axis=1)
        return transposed(colours[:, None])

    yield Leaf(
        ("params", "model", "stem", "block", "conv", "kernel"), (f"{prefix}conv1.weight",), stem
    )
    yield from torch_norm(f"{prefix}bn1", "stem", "block", "norm")
    for stage, count in enumerate(blocks, start=1):
        for number in range(count):
            module, ours = f"{prefix}layer{stage}.{number}", f"stage{stage}_block{number + 1}"
            for layer in (1, 2):
                yield from torch_layer(f"{module}.conv{layer}", ours, f"conv{layer}", bias=False)
                yield from torch_norm(f"{module}.bn{layer}", ours, f"norm{layer}")
            if tensors.holds(f"{module}.downsample"):
                yield from torch_layer(f"{module}.downsample.0", ours, "shortcut", bias=False)
                yield from torch_norm(f"{module}.downsample.1", ours, "shortcut_norm")
    if fc:
        yield from torch_layer(fc, "head")


SOURCES = tuple(
    Source(
        name=f"torchvision_resnet{depth}",
        about=f"ResNet-{depth} of torchvision, ImageNet's or trained on mel bins (.pth)",
        upstream="github.com/pytorch/vision, torchvision/models/resnet.py",
        license="BSD-3-Clause; what it was trained on has terms of its own",
        convert=functools.partial(_resnet, f"resnet{depth}"),
        ignored=("*num_batches_tracked",),
        readings=_READINGS,
    )
    for depth in (18, 34)
)
