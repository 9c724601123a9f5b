"""Won et al. 2020, "Evaluation of CNN-based Automatic Music Tagging Models", in PyTorch."""

from collections.abc import Iterator

from mgr_jax.interop.layers import torch_gru, torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_RATE = 16_000
# The front end's own, which ours computes; and what counts updates.
_IGNORED = ("spec.*", "*.num_batches_tracked")


def _convolutions(layers: int) -> Iterator[Leaf]:
    yield from torch_norm("spec_bn", "input_norm")
    for layer in range(1, layers + 1):
        yield from torch_layer(f"layer{layer}.conv", f"block{layer}", "conv")
        yield from torch_norm(f"layer{layer}.bn", f"block{layer}", "norm")


def _fcn(tensors: Tensors, reading: str) -> Conversion:
    layers = tensors.count("layer{}.conv.weight")
    widths = tuple(tensors.shape(f"layer{n}.conv.weight", 4)[0] for n in range(1, layers + 1))
    classes, _ = tensors.shape("dense.weight", 2)
    return Conversion(
        frontend={"name": "won2020_96", "kwargs": {}},
        model={"name": "fcn", "kwargs": {"widths": widths}},
        sample_rate=_RATE,
        clip_samples=464_000,
        num_classes=classes,
        leaves=[*_convolutions(layers), *torch_layer("dense", "head")],
        task="multi_label",
    )


def _crnn(tensors: Tensors, reading: str) -> Conversion:
    layers = tensors.count("layer{}.conv.weight")
    widths = tuple(tensors.shape(f"layer{n}.conv.weight", 4)[0] for n in range(1, layers + 1))
    gru = f"layer{layers + 1}"
    recurrent = 0
    while f"{gru}.weight_hh_l{recurrent}" in tensors:
        recurrent += 1
    _, units = tensors.shape(f"{gru}.weight_hh_l0", 2)
    classes, _ = tensors.shape("dense.weight", 2)
    leaves = [*_convolutions(layers), *torch_layer("dense", "head")]
    for layer in range(recurrent):
        leaves += torch_gru(gru, layer, f"gru{layer + 1}")
    return Conversion(
        frontend={"name": "won2020_96", "kwargs": {}},
        model={
            "name": "won_crnn",
            "kwargs": {"widths": widths, "units": units, "layers": recurrent},
        },
        sample_rate=_RATE,
        clip_samples=464_000,
        num_classes=classes,
        leaves=leaves,
        task="multi_label",
    )


def _source(name: str, about: str, convert) -> Source:
    return Source(
        name=f"won2020_{name}",
        about=f"{about} of Won et al. 2020 (.pth)",
        upstream="github.com/minzwon/sota-music-tagging-models, training/model.py",
        license="MIT",
        convert=convert,
        ignored=_IGNORED,
    )


SOURCES = (
    _source("fcn", "FCN", _fcn),
    _source("crnn", "CRNN", _crnn),
)
