"""Layers that the networks of Won et al. 2020 share, by their PyTorch names."""

from collections.abc import Iterator, Sequence
from typing import Any

from mgr_jax.interop.layers import torch_layer, torch_norm
from mgr_jax.interop.source import Conversion, Leaf, Tensors
from mgr_jax.interop.torch_mel import Heard


def tagger(
    tensors: Tensors,
    *,
    head: str,
    heard: Heard,
    clip_samples: int,
    model: str,
    leaves: Sequence[Leaf],
    notes: tuple[str, ...] = (),
    **fields: Any,
) -> Conversion:
    """A network whose last layer has one sigmoid output per tag.

    Args:
      tensors: arrays of the file.
      head: the file's name of the last layer.
      heard: the network's input.
      clip_samples: samples of its clips.
      model: name of our network.
      leaves: all leaves except the last layer's.
      notes: facts that the file does not contain.
      **fields: fields of the network.
    """
    classes, _ = tensors.shape(f"{head}.weight", 2)
    return Conversion(
        frontend=heard.frontend,
        model={"name": model, "kwargs": fields},
        sample_rate=heard.sample_rate,
        clip_samples=clip_samples,
        num_classes=classes,
        leaves=[*leaves, *torch_layer(head, "head")],
        task="multi_label",
        notes=notes,
    )


def widths_of_layers(
    tensors: Tensors, conv: str, ndim: int, layers: int | None = None
) -> tuple[int, ...]:
    """The channels of layer1, layer2, …, from the convolution of this name in each.

    Args:
      tensors: arrays of the file.
      conv: name of the convolution in its layer.
      ndim: axes of its kernel.
      layers: the published number, if no other is known to work, as pooling leaves no trace in a
        file; None: any number.
    """
    count = layers or max(1, tensors.count(f"layer{{}}.{conv}"))  # else `shape` raises
    return tuple(tensors.shape(f"layer{n}.{conv}.weight", ndim)[0] for n in range(1, count + 1))


def convolution(module: str, name: str) -> Iterator[Leaf]:
    """A convolution and its norm, as a `layers.ConvBlock`."""
    yield from torch_layer(f"{module}.conv", name, "conv")
    yield from torch_norm(f"{module}.bn", name, "norm")


def residual(tensors: Tensors, module: str, name: str) -> Iterator[Leaf]:
    """Two convolutions, and if they exist a third in the shortcut and a gate.

    They become a `layers.ResidualBlock`.

    Args:
      tensors: arrays of the file.
      module: its name in the state dict.
      name: its name in our model.

    Yields:
      Its arrays.
    """
    for number in (1, 2):
        yield from torch_layer(f"{module}.conv_{number}", name, f"conv{number}")
        yield from torch_norm(f"{module}.bn_{number}", name, f"norm{number}")
    if tensors.holds(f"{module}.conv_3"):
        yield from torch_layer(f"{module}.conv_3", name, "shortcut")
        yield from torch_norm(f"{module}.bn_3", name, "shortcut_norm")
    if tensors.holds(f"{module}.dense1"):
        yield from torch_layer(f"{module}.dense1", name, "gate", "squeeze")
        yield from torch_layer(f"{module}.dense2", name, "gate", "excite")


def dense_block() -> Iterator[Leaf]:
    """The dense layer before the last, and its norm."""
    yield from torch_layer("dense1", "dense")
    yield from torch_norm("bn", "dense_norm")


def image_layers(widths: Sequence[int]) -> Iterator[Leaf]:
    """The norm of the spectrogram, and convolutions."""
    yield from torch_norm("spec_bn", "input_norm")
    for layer in range(1, len(widths) + 1):
        yield from convolution(f"layer{layer}", f"block{layer}")


def residual_image_layers(tensors: Tensors, widths: Sequence[int]) -> Iterator[Leaf]:
    """The norm of the spectrogram, and residual blocks."""
    yield from torch_norm("spec_bn", "input_norm")
    for layer in range(1, len(widths) + 1):
        yield from residual(tensors, f"layer{layer}", f"block{layer}")
