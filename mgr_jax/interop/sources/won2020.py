"""Won et al. 2020, "Evaluation of CNN-based Automatic Music Tagging Models", in PyTorch.

Widths, layers, classes and the mel filters are read from the file. Pooling, strides and the number
of attention heads leave no trace in it; the published ones are used.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.layers import (
    torch_attention,
    torch_gru,
    torch_layer,
    torch_layer_norm,
    torch_norm,
)
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors
from mgr_jax.interop.torch_mel import Heard, htk_mel, require_hann
from mgr_jax.interop.won2020_layers import (
    convolution,
    dense_block,
    image_layers,
    residual,
    residual_image_layers,
    tagger,
    widths_of_layers,
)

_HEADS = 8
_IGNORED = (
    # The front end's own arrays, which are compared with ours.
    "spec.spectrogram.window", "spec.mel_scale.fb", "hstft.spec.window",
    "*.num_batches_tracked",
)  # fmt: skip


def _fcn(tensors: Tensors, reading: str) -> Conversion:
    widths = widths_of_layers(tensors, "conv", 4, layers=5)

    def from_bins(array: np.ndarray) -> np.ndarray:
        # With more mels the pooling leaves several bins, which are within the channels.
        classes, _ = array.shape
        return array.reshape(classes, widths[-1], -1).transpose().reshape(-1, classes)

    classes, _ = tensors.shape("dense.weight", 2)
    kernel, *others = torch_layer("dense", "head")
    heard = htk_mel(tensors, "spec", 96)
    return Conversion(
        frontend=heard.frontend,
        model={"name": "fcn", "kwargs": {"widths": widths}},
        sample_rate=heard.sample_rate,
        clip_samples=464_000,
        num_classes=classes,
        leaves=[
            *image_layers(widths), Leaf(kernel.path, kernel.names, from_bins), *others,
        ],
        task="multi_label",
    )  # fmt: skip


def _crnn(tensors: Tensors, reading: str) -> Conversion:
    widths = widths_of_layers(tensors, "conv", 4, layers=4)
    gru = f"layer{len(widths) + 1}"
    _, units = tensors.shape(f"{gru}.weight_hh_l0", 2)
    arrays = [f"{gru}.{kind}_{side}_l" for kind in ("weight", "bias") for side in ("ih", "hh")]
    layers = 1
    while any(f"{array}{layers}" in tensors for array in arrays):
        layers += 1
    leaves = [*image_layers(widths)]
    for layer in range(layers):
        leaves += torch_gru(gru, layer, f"gru{layer + 1}")
    return tagger(
        tensors,
        head="dense",
        heard=htk_mel(tensors, "spec", 96),
        clip_samples=464_000,
        model="won_crnn",
        leaves=leaves,
        widths=widths,
        units=units,
        layers=layers,
    )


def _over_one_bin(array: np.ndarray) -> np.ndarray:
    """[out, in, time] as [time, 1, in, out]."""
    return array.transpose(2, 1, 0)[:, None]


def _musicnn(tensors: Tensors, reading: str) -> Conversion:
    heard = htk_mel(tensors, "spec", 96)
    layers = max(1, tensors.count("layers.{}.conv", first=0))
    shapes = [tensors.shape(f"layers.{layer}.conv.weight") for layer in range(layers)]
    timbre = [shape for shape in shapes if len(shape) == 4]
    tempo = [shape for shape in shapes if len(shape) == 3]
    if not timbre or not tempo or [*timbre, *tempo] != shapes:
        raise UserError(
            f"{tensors.file}: layers are convolutions over {', '.join(map(str, shapes))}, where "
            "some over bins and time were expected, and then some over time alone",
            code="weights.other_source",
        )
    leaves = [*torch_norm("spec_bn", "input_norm"), *dense_block()]
    for number in range(len(shapes)):
        module, late = f"layers.{number}", number - len(timbre)
        name = f"timbre{number + 1}" if late < 0 else f"tempo{late + 1}"
        kernel, *others = torch_layer(f"{module}.conv", name)
        if late >= 0:
            kernel = Leaf(kernel.path, kernel.names, _over_one_bin)
        leaves += [kernel, *others, *torch_norm(f"{module}.bn", f"{name}_norm")]
    for layer in (1, 2, 3):
        leaves += torch_layer(f"layer{layer}.conv", f"midend{layer}")
        leaves += torch_norm(f"layer{layer}.bn", f"midend{layer}_norm")
    return tagger(
        tensors,
        head="dense2",
        heard=heard,
        clip_samples=48_000,
        model="musicnn_torch",
        leaves=leaves,
        # The middle of the shares that give these heights, for any rounding.
        heights=tuple(min(1.0, (shape[2] + 0.5) / heard.bins) for shape in timbre),
        timbre=timbre[0][0],
        lengths=tuple(shape[2] for shape in tempo),
        tempo=tempo[0][0],
        midend=tensors.shape("layer1.conv.weight", 3)[0],
        dense_units=tensors.shape("dense1.weight", 2)[0],
    )


def _samples(tensors: Tensors, conv: str) -> dict[str, Any]:
    """Fields of a SampleCNN: a strided layer, pooled layers, and a last one without pooling."""
    widths = widths_of_layers(tensors, conv, 3)
    kernels = [tensors.shape(f"layer{n}.{conv}.weight", 3)[2] for n in range(1, len(widths) + 1)]
    base, last, pooled = kernels[0], kernels[-1], kernels[1:-1]
    if base % 2 == 0 or {base} != {*pooled}:
        raise UserError(
            f"{tensors.file}: the kernels of its layers are {', '.join(map(str, kernels))} samples "
            "wide, where a strided layer, pooled ones of the same odd width and a last one were "
            "expected; is it a file of this source?",
            code="weights.other_source",
        )
    return {"base": base, "depth": len(pooled), "layer_widths": widths, "last_kernel": last}


def _names_of_layers(count: int) -> list[tuple[str, str]]:
    ours = ["stem", *(f"block{number}" for number in range(1, count - 1)), "last"]
    return [(f"layer{number}", name) for number, name in enumerate(ours, start=1)]


_WAVEFORM = Heard({"name": "waveform", "kwargs": {}}, 16_000)


def _sample_cnn(tensors: Tensors, reading: str) -> Conversion:
    fields = _samples(tensors, "conv")
    leaves: list[Leaf] = []
    for module, name in _names_of_layers(len(fields["layer_widths"])):
        leaves += convolution(module, name)
    return tagger(
        tensors,
        head="dense",
        heard=_WAVEFORM,
        clip_samples=fields["base"] ** (fields["depth"] + 1),
        model="won_sample_cnn",
        leaves=leaves,
        **fields,
    )


def _sample_cnn_se(tensors: Tensors, reading: str) -> Conversion:
    fields = _samples(tensors, "conv_1")
    hidden, width = tensors.shape("layer1.dense1.weight", 2)
    leaves = [*dense_block()]
    for module, name in _names_of_layers(len(fields["layer_widths"])):
        leaves += residual(tensors, module, name)
    return tagger(
        tensors,
        head="dense2",
        heard=_WAVEFORM,
        clip_samples=fields["base"] ** (fields["depth"] + 1),
        model="won_sample_cnn_se",
        leaves=leaves,
        gate_ratio=hidden / max(1, width),
        shortcut_kernel=fields["base"],
        dense_units=tensors.shape("dense1.weight", 2)[0],
        **fields,
    )


def _short_chunk(tensors: Tensors, reading: str) -> Conversion:
    widths = widths_of_layers(tensors, "conv", 4)
    return tagger(
        tensors,
        head="dense2",
        heard=htk_mel(tensors, "spec", 128),
        clip_samples=59_049,
        model="short_chunk",
        leaves=[*image_layers(widths), *dense_block()],
        widths=widths,
        pools=((2, 2),) * len(widths),
    )


def _short_chunk_res(tensors: Tensors, reading: str) -> Conversion:
    widths = widths_of_layers(tensors, "conv_1", 4)
    return tagger(
        tensors,
        head="dense2",
        heard=htk_mel(tensors, "spec", 128),
        clip_samples=59_049,
        model="short_chunk_res",
        leaves=[*residual_image_layers(tensors, widths), *dense_block()],
        widths=widths,
        pools=((2, 2),) * len(widths),
    )


def _harmonic_cnn(tensors: Tensors, reading: str) -> Conversion:
    (harmonics,) = tensors.shape("hstft_bn.weight", 1)
    require_hann(tensors, "hstft.spec.window", 512)
    leaves = [
        Leaf(("params", "frontend", "Q"), ("hstft.bw_Q",), lambda Q: Q.reshape(())),  # noqa: N803
        *torch_norm("hstft_bn", "input_norm"),
        *dense_block(),
    ]
    for layer in range(1, 8):
        module, name = f"layer{layer}", f"block{layer}"
        leaves += convolution(module, name) if layer in (1, 5) else residual(tensors, module, name)
    return tagger(
        tensors,
        head="dense2",
        heard=Heard({"name": "harmonic", "kwargs": {"n_harmonic": harmonics}}, 16_000),
        clip_samples=80_000,
        model="harmonic_cnn",
        leaves=leaves,
        width=tensors.shape("layer1.conv.weight", 4)[0],
    )


def _cnn_sa(tensors: Tensors, reading: str) -> Conversion:
    widths = widths_of_layers(tensors, "conv_1", 4)
    layers = max(1, tensors.count("encoder.layer.{}", first=0))
    hidden, _ = tensors.shape("encoder.layer.0.intermediate.dense.weight", 2)
    leaves = [*residual_image_layers(tensors, widths), *torch_layer("pooler.dense", "pooler")]
    for number in range(layers):
        module, path = f"encoder.layer.{number}", ("encoder", f"layer{number + 1}")
        for part in ("query", "key", "value"):
            name = f"{module}.attention.self.{part}"
            leaves += torch_attention(name, *path, "attention", part, heads=_HEADS)
        out = f"{module}.attention.output"
        leaves += torch_attention(f"{out}.dense", *path, "attention", "out", heads=_HEADS)
        leaves += torch_layer_norm(f"{out}.LayerNorm", *path, "attention_norm")
        leaves += torch_layer(f"{module}.intermediate.dense", *path, "dense1")
        leaves += torch_layer(f"{module}.output.dense", *path, "dense2")
        leaves += torch_layer_norm(f"{module}.output.LayerNorm", *path, "dense_norm")
    return tagger(
        tensors,
        head="dense",
        heard=htk_mel(tensors, "spec", 128),
        clip_samples=240_000,
        model="cnn_sa",
        leaves=leaves,
        widths=widths,
        pools=((2, 2),) * 3 + ((1, 2),) * (len(widths) - 3),
        layers=layers,
        hidden=hidden,
        heads=_HEADS,
        notes=(f"The file does not tell the number of attention heads: {_HEADS}, as published.",),
    )


def _source(name: str, about: str, convert: Callable[[Tensors, str], Conversion]) -> Source:
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
    _source("musicnn", "Musicnn", _musicnn),
    _source("sample_cnn", "SampleCNN", _sample_cnn),
    _source("sample_cnn_se", "SampleCNN with gates and shortcuts", _sample_cnn_se),
    _source("short_chunk", "Short-chunk CNN", _short_chunk),
    _source("short_chunk_res", "Short-chunk CNN with shortcuts", _short_chunk_res),
    _source("harmonic_cnn", "Harmonic CNN", _harmonic_cnn),
    _source("cnn_sa", f"CNN with self-attention of {_HEADS} heads", _cnn_sa),
)
