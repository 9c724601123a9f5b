"""CLMR's SampleCNN (Spijkervet and Burgoyne 2021, arXiv 2103.09410), in PyTorch."""

import re

from mgr_jax.errors import UserError, some_names
from mgr_jax.interop.layers import torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_STEM = re.compile(r"(.*)sequential\.0\.0\.\w+")


def _clmr(tensors: Tensors, reading: str) -> Conversion:
    """A tagger if it has the layer `fc`; else an encoder from contrastive training."""
    prefix = _prefix(tensors)
    layers = tensors.count(f"{prefix}sequential.{{}}.0", first=0)
    shapes = [tensors.shape(f"{prefix}sequential.{n}.0.weight", 3) for n in range(layers)]
    kernels = [shape[2] for shape in shapes]
    base, pooled = kernels[0], kernels[1:-1]
    # Blocks pad one sample on each side, for any kernel.
    if not pooled or {*kernels} != {3}:
        raise UserError(
            f"{tensors.file}: the kernels of its layers are {', '.join(map(str, kernels))} samples "
            "wide, where CLMR's are 3; is it a file of this source?",
            code="weights.other_source",
        )
    leaves: list[Leaf] = []
    ours = ["stem", *(f"block{number}" for number in range(1, layers - 1)), "last"]
    for number, name in enumerate(ours):
        leaves += torch_layer(f"{prefix}sequential.{number}.0", name, "conv")
        leaves += torch_norm(f"{prefix}sequential.{number}.1", name, "norm")
    classes = 0
    if tensors.holds(f"{prefix}fc"):
        classes, _ = tensors.shape(f"{prefix}fc.weight", 2)
        leaves += torch_layer(f"{prefix}fc", "head")
    return Conversion(
        frontend={"name": "waveform", "kwargs": {}},
        model={
            "name": "clmr",
            "kwargs": {
                "depth": len(pooled),
                "layer_widths": tuple(shape[0] for shape in shapes),
            },
        },
        sample_rate=22_050,
        clip_samples=base ** (len(pooled) + 1),
        num_classes=classes,
        leaves=leaves,
        task="single_label" if reading == "genres" else "multi_label",
    )


def _prefix(tensors: Tensors) -> str:
    """The prefix of the encoder's arrays: "encoder." and the like, or nothing."""
    found = {match[1] for name in tensors if (match := _STEM.fullmatch(name))}
    if len(found) != 1:
        raise UserError(
            f"{tensors.file} has {len(found)} networks with an array …sequential.0.0.weight, where "
            f"one was expected; its arrays are {some_names(tensors, 5)}. Is it a file of this "
            "source?",
            code="weights.other_source",
        )
    return found.pop()


SOURCES = (
    Source(
        name="clmr",
        about="CLMR's SampleCNN: a tagger, or trained by contrast (.pt, .ckpt)",
        upstream="github.com/Spijkervet/CLMR, clmr/models/sample_cnn.py",
        license="Apache-2.0",
        convert=_clmr,
        ignored=(
            "*.num_batches_tracked",
            # Arrays that contrastive training needs beside the encoder, and its optimizer's.
            "projector.*", "*.projector.*", "optimizer_states.*",
        ),
        readings={
            "tags": "every output by itself, as for MagnaTagATune",
            "genres": "one output of all, as for GTZAN",
        },
    ),
)  # fmt: skip
