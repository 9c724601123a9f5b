"""BBNN of Liu et al. 2019 in its authors' files, in Keras 2."""

from collections.abc import Iterator

from mgr_jax.interop.keras_layers import IGNORED, Keras2
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors

_PARTS = (
    "one",
    "three_in",
    "three",
    "five_in",
    "five",
    "pool",
)  # of a block, in the order of creation


def _bbnn(tensors: Tensors, reading: str) -> Conversion:
    keras = Keras2(tensors)
    # Before the blocks: a convolution with its norm; after them: another one, and two norms.
    blocks = max(1, (len(keras.convs) - 2) // len(_PARTS))
    layers = len(_PARTS) * blocks
    keras.require_counts(convs=layers + 2, norms=layers + 3, denses=1)
    *_, width = keras.shape(keras.convs[0], "kernel", 4)
    *_, transition = keras.shape(keras.convs[-1], "kernel", 4)
    _, classes = keras.shape(keras.denses[0], "kernel", 2)
    return Conversion(
        frontend={"name": "bbnn", "kwargs": {}},
        model={
            "name": "bbnn",
            "kwargs": {"width": width, "blocks": blocks, "transition": transition},
        },
        sample_rate=22_050,
        clip_samples=661_794,
        num_classes=classes,
        leaves=list(_leaves(keras, blocks)),
        task="single_label",
    )


def _leaves(keras: Keras2, blocks: int) -> Iterator[Leaf]:
    convs, norms = iter(keras.convs), iter(keras.norms)
    yield from keras.layer(next(convs), "stem", "conv")
    yield from keras.norm(next(norms), "stem", "norm")
    for block in range(1, blocks + 1):
        for part in _PARTS:
            yield from keras.norm(next(norms), f"block{block}", f"{part}_norm")
            yield from keras.layer(next(convs), f"block{block}", part)
    yield from keras.norm(next(norms), "transition_norm")
    yield from keras.layer(next(convs), "transition")
    yield from keras.norm(next(norms), "norm")
    yield from keras.layer(keras.denses[0], "head")


SOURCES = (
    Source(
        name="bbnn",
        about="BBNN of Liu et al. 2019, for genres (.hdf5)",
        upstream="github.com/CaifengLiu/music-genre-classification, "
        "GTZAN_2048_1/model/my_model.ipynb",
        license="not stated",
        convert=_bbnn,
        ignored=IGNORED,
    ),
)
