"""ResNets in torchvision's layout: ImageNet's, and those that were trained on mel bins."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from mgr_jax.interop.layers import torch_layer, torch_norm, transposed
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_READINGS = {
    "summed": "the kernels of three colours, if there are, are summed, as if the mel bins were "
    "each colour",
    "mean": "the kernels of three colours, if there are, are averaged: a third of that",
}
_IMAGENET = 1000  # classes, none of which is a genre


def _resnet(tensors: Tensors, reading: str) -> Conversion:
    prefix = _prefix(tensors)
    width, colours, *_ = tensors.shape(f"{prefix}conv1.weight", 4)
    blocks: list[int] = []
    while f"{prefix}layer{len(blocks) + 1}.0.conv1.weight" in tensors:
        blocks.append(_count(tensors, f"{prefix}layer{len(blocks) + 1}."))
    fc = _last_layer(tensors, prefix)
    classes, _ = tensors.shape(f"{fc}.weight", 2) if fc else (0, 0)
    imagenet = colours == 3 and classes == _IMAGENET
    return Conversion(
        frontend={"name": "gtzan_mel3", "kwargs": {}},
        model={
            "name": "resnet34" if blocks == [3, 4, 6, 3] else "resnet18",
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
    """What stands before all names, as "module." in a network that was on several devices."""
    stem = "conv1.weight"
    names = [name for name in tensors if name.endswith(stem) and ".0." not in name]
    return min(names, key=len, default=stem).removesuffix(stem)


def _count(tensors: Tensors, stage: str) -> int:
    blocks = 0
    while f"{stage}{blocks}.conv1.weight" in tensors:
        blocks += 1
    return blocks


def _last_layer(tensors: Tensors, prefix: str) -> str:
    """Name of the dense layer, which may stand behind dropout; empty: there is none."""
    names = (name for name in tensors if name.startswith(f"{prefix}fc."))
    return next((name.removesuffix(".weight") for name in names if name.endswith(".weight")), "")


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
            if f"{module}.downsample.0.weight" in tensors:
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
        convert=_resnet,
        ignored=("*num_batches_tracked",),
        readings=_READINGS,
    )
    for depth in (18, 34)
)
