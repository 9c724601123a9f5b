"""musicnn and its VGG (Pons and Serra 2019), in TensorFlow 1, as in the wheel `musicnn`."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors, count_modules

_RATE, _BINS = 16_000, 96
_FRAMES, _HOP = 187, 256
# Slots of optimizers, Adam's powers, and step counters.
_IGNORED = (
    *("*/Adam", "*/Adam_1", "beta1_power", "beta2_power", "global_step"),
    *("*/Momentum", "*/RMSProp", "*/RMSProp_1"),
)
_MIDEND = 3  # the last convolutions, over time


def _numbered(kind: str, number: int) -> str:
    """TensorFlow's names of layers that were not given one: in the order of their creation."""
    return f"{kind}_{number}" if number else kind


def _params(*path: str) -> tuple[str, ...]:
    return ("params", "model", *path)


def _layer(theirs: str, name: str, squeeze: bool = False) -> Iterator[Leaf]:
    """A convolution or a dense layer; see `_without_bins` for `squeeze`."""
    convert = {"convert": _without_bins} if squeeze else {}
    yield Leaf(_params(name, "kernel"), (f"{theirs}/kernel",), **convert)
    yield Leaf(_params(name, "bias"), (f"{theirs}/bias",))


def _without_bins(kernel: np.ndarray) -> np.ndarray:
    """[frames, channels, 1, filters] as [frames, channels, filters].

    There, convolutions over time are two-dimensional: all channels are "bins".
    """
    return kernel[:, :, 0]


def _norm(number: int, name: str) -> Iterator[Leaf]:
    theirs = _numbered("batch_normalization", number)
    yield Leaf(_params(f"{name}_norm", "scale"), (f"{theirs}/gamma",))
    yield Leaf(_params(f"{name}_norm", "bias"), (f"{theirs}/beta",))
    yield Leaf(("batch_stats", "model", f"{name}_norm", "mean"), (f"{theirs}/moving_mean",))
    yield Leaf(("batch_stats", "model", f"{name}_norm", "var"), (f"{theirs}/moving_variance",))


def _share(height: int) -> float:
    """The roundest share of the bins for a kernel of this height: 38 of 96 are 0.4."""
    for digits in range(1, 5):
        share = math.ceil(height / _BINS * 10**digits) / 10**digits
        if int(share * _BINS) == height and share <= 1:
            return share
    return height / _BINS


def _one_width(tensors: Tensors, kernels: Sequence[str]) -> int:
    widths = {name: tensors.shape(name, 4)[3] for name in kernels}
    if len(set(widths.values())) != 1:
        told = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise UserError(
            f"{tensors.file} has layers side by side of different widths ({told}), which this "
            "network cannot have",
            code="weights.other_source",
        )
    return next(iter(widths.values()))


def _musicnn(tensors: Tensors, reading: str) -> Conversion:
    layers = count_modules(tensors, lambda number: _numbered("conv2d", number))
    kernels = [f"{_numbered('conv2d', number)}/kernel" for number in range(layers)]
    shapes = [tensors.shape(name, 4) for name in kernels or ["conv2d/kernel"]]
    front = max(0, layers - _MIDEND)
    timbres = sum(shape[1] > 1 for shape in shapes[:front])
    if not 0 < timbres < front:
        tensors.shape(f"{_numbered('conv2d', _MIDEND + 1)}/kernel")  # it is missing
    names = [f"timbre{number + 1}" for number in range(timbres)]
    names += [f"tempo{number + 1}" for number in range(front - timbres)]
    names += [f"midend{number + 1}" for number in range(_MIDEND)]
    leaves: list[Leaf] = [*_norm(0, "input")]
    for number, name in enumerate(names):
        midend = name.startswith("midend")
        leaves += _layer(_numbered("conv2d", number), name, squeeze=midend)
        leaves += _norm(number + 1, name)
    leaves += [*_norm(layers + 1, "summary"), *_layer("dense", "dense")]
    leaves += [*_norm(layers + 2, "dense"), *_layer("dense_1", "head")]
    _, classes = tensors.shape("dense_1/kernel", 2)
    return _conversion(
        "musicnn",
        {
            "heights": tuple(_share(shape[1]) for shape in shapes[:timbres]),
            "timbre": _one_width(tensors, kernels[:timbres]),
            "lengths": tuple(shape[0] for shape in shapes[timbres:front]),
            "tempo": _one_width(tensors, kernels[timbres:front]),
            "midend": _one_width(tensors, kernels[front:]),
            "dense_units": tensors.shape("dense/kernel", 2)[1],
        },
        classes,
        leaves,
    )


def _vgg(tensors: Tensors, reading: str) -> Conversion:
    layers = max(1, tensors.count("{}CNN"))
    leaves: list[Leaf] = [*_norm(0, "input")]
    for number in range(1, layers + 1):
        leaves += [*_layer(f"{number}CNN", f"conv{number}"), *_norm(number, f"conv{number}")]
    leaves += _layer("dense", "head")
    pooled, classes = tensors.shape("dense/kernel", 2)
    width = _one_width(tensors, [f"{number}CNN/kernel" for number in range(1, layers + 1)])
    # 96 bins become one, 187 frames two steps; for others, the fewest that leave any.
    steps = pooled // width
    frames = _FRAMES if steps == 2 else 64 * max(1, steps) + 2
    return _conversion("musicnn_vgg", {"width": width}, classes, leaves, frames)


def _conversion(
    model: str, kwargs: dict, classes: int, leaves: Sequence[Leaf], frames: int = _FRAMES
) -> Conversion:
    return Conversion(
        frontend={"name": "musicnn", "kwargs": {}},
        model={"name": model, "kwargs": kwargs},
        sample_rate=_RATE,
        clip_samples=(frames - 1) * _HOP,
        num_classes=classes,
        leaves=leaves,
        task="multi_label",
    )


def _source(name: str, about: str, convert) -> Source:
    return Source(
        name=name,
        about=f"{about} of Pons and Serra 2019 (the wheel musicnn 0.1.0, a checkpoint, .npz)",
        upstream="github.com/jordipons/musicnn, musicnn/models.py",
        license="ISC",
        convert=convert,
        ignored=_IGNORED,
    )


SOURCES = (
    _source("musicnn", "musicnn", _musicnn),
    _source("musicnn_vgg", "the VGG", _vgg),
)
