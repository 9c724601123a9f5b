"""A PyTorch project on FMA small: CNNs, CRNNs and a BBNN on constant-Q and mel bins."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.layers import torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_FRAMES, _HOP = 640, 1024
_CHROMA = {"n_fft": _HOP, "hop_length": _HOP, "pad_mode": "reflect", "whole_track": True}
_FRONTENDS = {  # by bins
    84: {"name": "fma_cqt", "kwargs": {}},
    128: {"name": "fma_mel", "kwargs": {}},
    12: {"name": "chroma_stft", "kwargs": _CHROMA},
}
_BINS = {"cqt": 84, "mel": 128}
_ALONG_TIME = ((4, 1), (4, 1), (4, 1), (6, 1))
_SQUARE = {  # pools (time, bins), by bins
    84: ((4, 2), (4, 2), (4, 3), (6, 5)),
    128: ((4, 2), (4, 2), (4, 3), (6, 6)),
    12: ((4, 2), (4, 2), (4, 2), (6, 1)),
}
_INCEPTION = {
    "conv1_2": "pool", "conv2_1": "three_in", "conv2_2": "three", "conv3_1": "five_in",
    "conv3_2": "five", "conv4_1": "one",
}  # fmt: skip
_GATES = {
    3: ("gru", ("reset", "update", "candidate")),
    4: ("lstm", ("input", "forget", "candidate", "output")),
}


class _Convolutions:
    """The blocks conv1, conv2, … below a prefix: their settings and leaves."""

    def __init__(self, tensors: Tensors, prefix: str = "") -> None:
        self.tensors, self.prefix = tensors, prefix
        first = tensors.shape(f"{prefix}conv1.conv1.weight", 4)
        self.fields: dict[str, Any] = {
            "widths": tuple(self._shape(number)[0] for number in self._numbers),
            "kernels": tuple(self._shape(number)[:1:-1] for number in self._numbers),
            "block": tuple(self._kind(number) for number in self._numbers),
        }
        self.rows = first[2]  # width of the first kernel
        self.along_time = self.rows == 1

    @property
    def _numbers(self) -> range:
        return range(1, len(_ALONG_TIME) + 1)  # the pooling of others is unknown

    def _shape(self, number: int) -> tuple[int, ...]:
        return self.tensors.shape(f"{self.prefix}conv{number}.conv1.weight", 4)

    def _kind(self, number: int) -> str:
        module = f"{self.prefix}conv{number}"
        if self.tensors.holds(f"{module}.conv_sc"):
            return "resnet"
        return "densenet" if self.tensors.holds(f"{module}.conv3") else "basic"

    def leaves(self) -> Iterator[Leaf]:
        for number, kind in zip(self._numbers, self.fields["block"], strict=True):
            module, ours = f"{self.prefix}conv{number}", f"block{number}"
            if kind == "basic":
                yield from torch_layer(f"{module}.conv1", ours, "conv")
                yield from torch_norm(f"{module}.bn1", ours, "norm")
                continue
            for layer in (1, 2) if kind == "resnet" else (1, 2, 3):
                yield from torch_layer(f"{module}.conv{layer}", ours, f"conv{layer}")
                yield from torch_norm(f"{module}.bn{layer}", ours, f"norm{layer}")
            if kind == "resnet":
                yield from torch_layer(f"{module}.conv_sc", ours, "shortcut")


def _from_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """[out, channels · bins] as [bins · channels, out]: our flattened images have channels last."""
    wide = kernel.reshape(len(kernel), channels, -1)
    return wide.transpose(2, 1, 0).reshape(-1, len(kernel))


def _flattened(module: str, channels: int, *path: str) -> Iterator[Leaf]:
    """A dense layer on flattened images; see `_from_channels`."""

    def convert(kernel: np.ndarray) -> np.ndarray:
        return _from_channels(kernel, channels)

    kernel, bias = torch_layer(module, *path)
    yield Leaf(kernel.path, kernel.names, convert)
    yield bias


def _dense(tensors: Tensors, channels: int = 0) -> tuple[dict[str, Any], int, list[Leaf]]:
    """Settings, number of classes and leaves of fc1, fc2, …; the last gives the logits.

    Args:
      tensors: arrays of the file.
      channels: channels of flattened images before them; 0: there are none.
    """
    count = tensors.count("fc{}")
    sizes = [tensors.shape(f"fc{n}.weight", 2)[0] for n in range(1, max(1, count) + 1)]
    leaves: list[Leaf] = []
    for number in range(1, len(sizes) + 1):
        ours = "head" if number == len(sizes) else f"dense{number}"
        first = channels and number == 1
        layer = _flattened(f"fc{number}", channels, ours) if first else None
        leaves += layer or torch_layer(f"fc{number}", ours)
    return {"dense_units": tuple(sizes[:-1])}, sizes[-1], leaves


def _recurrent(tensors: Tensors, channels: int = 0) -> tuple[dict[str, Any], list[Leaf]]:
    """Settings and leaves of "rnn": a GRU or an LSTM, in one or two directions."""
    gates, units = tensors.shape("rnn.weight_hh_l0", 2)
    cell, names = _GATES.get(gates // units, _GATES[4])
    both = any(re.fullmatch(r"rnn\.\w+_reverse", name) for name in tensors)
    leaves = []
    for direction, suffix in (("forward", ""), ("backward", "_reverse"))[: 1 + both]:
        for number, gate in enumerate(names):

            def part(array: np.ndarray, number: int = number) -> np.ndarray:
                return np.split(array, len(names))[number].transpose()

            def from_input(array: np.ndarray, number: int = number) -> np.ndarray:
                kernel = np.split(array, len(names))[number]
                return _from_channels(kernel, channels or kernel.shape[1])

            layer = ("params", "model", "rnn", direction)
            weight, bias = f"rnn.weight_{{}}_l0{suffix}", f"rnn.bias_{{}}_l0{suffix}"
            leaves += [
                Leaf((*layer, gate, "kernel"), (weight.format("ih"),), from_input),
                Leaf((*layer, gate, "bias"), (bias.format("ih"),), part),
                Leaf((*layer, f"{gate}_state"), (weight.format("hh"),), part),
                Leaf((*layer, f"{gate}_state_bias"), (bias.format("hh"),), part),
            ]
    return {"cell": cell, "units": units, "directions": 1 + both}, leaves


def _network(
    tensors: Tensors, name: str, bins: int, fields: dict[str, Any], classes: int, leaves: list[Leaf]
) -> Conversion:
    if bins not in _FRONTENDS:
        raise UserError(
            f"{tensors.file} is for {bins} bins; networks of this source are for 84 constant-Q, "
            "128 mel or 12 chroma bins",
            code="weights.other_source",
        )
    return Conversion(
        frontend=_FRONTENDS[bins],
        model={"name": name, "kwargs": fields},
        sample_rate=22_050,
        clip_samples=(_FRAMES - 1) * _HOP,
        num_classes=classes,
        leaves=leaves,
        task="single_label",
        eval_segments=1,
    )


def _cnn(tensors: Tensors, reading: str) -> Conversion:
    convs = _Convolutions(tensors)
    channels = convs.fields["widths"][-1]
    dense, classes, last = _dense(tensors, channels)
    bins, pools, leaves = _BINS[reading], _ALONG_TIME, list(convs.leaves())
    if convs.along_time:
        name, bins = "freq_cnn", tensors.shape("fc1.weight", 2)[1] // channels
    elif convs.rows > 3:  # one kernel for all bins, which are our channels
        name, bins = "temporal_cnn", convs.rows
        first, *others = leaves
        leaves = [Leaf(first.path, first.names, lambda kernel: kernel.transpose(3, 1, 2, 0))]
        leaves += others
        kernels = convs.fields["kernels"]
        convs.fields["kernels"] = ((kernels[0][0], 1), *kernels[1:])
    else:
        name = "square_cnn"
        bins = 12 if convs.fields["kernels"][-1][1] == 1 else bins
        pools = _SQUARE[bins]
    fields = convs.fields | dense | {"pools": pools}
    return _network(tensors, name, bins, fields, classes, [*leaves, *last])


def _crnn(tensors: Tensors, reading: str) -> Conversion:
    convs = _Convolutions(tensors, "cnn.")
    dense, classes, last = _dense(tensors)
    recurrent, leaves = _recurrent(tensors, convs.fields["widths"][-1])
    fields = convs.fields | recurrent | dense
    if convs.along_time:
        fields["pools"] = ((2, 1), (2, 1), (2, 1), (4, 1))
    return _network(tensors, "fma_crnn", 84, fields, classes, [*convs.leaves(), *leaves, *last])


def _parallel(tensors: Tensors, reading: str) -> Conversion:
    convs = _Convolutions(tensors, "cnn.")
    dense, classes, last = _dense(tensors)
    recurrent, leaves = _recurrent(tensors)
    _, bins = tensors.shape("rnn.weight_ih_l0", 2)
    fields = convs.fields | recurrent | dense | {"pools": _SQUARE.get(bins, ())}
    if convs.along_time:
        fields["pools"] = _ALONG_TIME
        fields["branch_units"], _ = tensors.shape("cnn.fc1.weight", 2)
        leaves += _flattened("cnn.fc1", convs.fields["widths"][-1], "branch")
    leaves = [*convs.leaves(), *leaves, *last]
    return _network(tensors, "fma_parallel", bins, fields, classes, leaves)


def _bbnn(tensors: Tensors, reading: str) -> Conversion:
    width = tensors.shape("conv1.weight", 4)[0]
    blocks = tensors.count("inception{}.conv1_2")
    leaves = [*torch_layer("conv1", "stem", "conv"), *torch_norm("bnI", "stem", "norm")]
    for block in range(1, blocks + 1):
        for conv, part in _INCEPTION.items():
            module, ours = f"inception{block}.", f"block{block}"
            leaves += torch_layer(f"{module}{conv}", ours, part)
            leaves += torch_norm(f"{module}{conv.replace('conv', 'bn')}", ours, f"{part}_norm")
    leaves += [*torch_norm("bnT", "transition_norm"), *torch_layer("convT", "transition")]
    leaves += [*torch_norm("bnF", "norm"), *torch_layer("fc", "head")]
    transition = tensors.shape("convT.weight", 4)[0]
    fields = {"width": width, "blocks": blocks, "transition": transition}
    classes = tensors.shape("fc.weight", 2)[0]
    return _network(tensors, "bbnn_cqt", 84, fields, classes, leaves)


def _source(name: str, about: str, file: str, convert: Any, **others: Any) -> Source:
    return Source(
        name=f"yijerjer_{name}",
        about=f"{about} (.pth)",
        upstream=f"github.com/yijerjer/music_genre_classification, {file}",
        license="not stated",
        convert=convert,
        ignored=("*num_batches_tracked", *others.pop("ignored", ())),
        **others,
    )


SOURCES = (
    _source("bbnn", "BBNN on constant-Q bins of FMA", "bbnn_models.py", _bbnn),
    _source(
        "cnn",
        "Freq, Temporal or Square CNN on FMA",
        "cnn_models.py",
        _cnn,
        readings={
            "cqt": "a square network is for constant-Q bins; others tell it themselves",
            "mel": "a square network is for mel bins; others tell it themselves",
        },
    ),
    _source("crnn", "Convolutions, then a GRU or LSTM, on FMA", "crnn_models.py", _crnn),
    _source(
        "crnn_parallel",
        "A CNN beside a GRU or LSTM, on FMA",
        "crnn_models.py",
        _parallel,
        ignored=("cnn.fc*",),  # dense layers of the inner CNN, which are not used
    ),
)
