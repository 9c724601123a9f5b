"""The networks that Choi et al. released for tags of the Million Song Dataset, in Keras 1."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.interop.keras_layers import IGNORED, Keras1, numbered_layers
from mgr_jax.interop.source import Conversion, Leaf, Source, Tensors, identity

_RATE, _HOP = 12_000, 256
_MEL = {"n_fft": 512, "hop_length": _HOP}
_FRAMES, _BINS, _PAD = 1366, 96, 37
_COMPACT_POOLS = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))
_RELEASED = "github.com/keunwoochoi/music-auto_tagging-keras, "
_READINGS = {
    "raw": "decibels, and running_std taken for a variance, as the released script does on "
    "TensorFlow: gives the published numbers, which are poor tags",
    "standardised": "every clip standardised, and running_std taken for a standard deviation, "
    "which the stored statistics fit: gives sensible tags",
}


def _levels(reading: str, bins: int) -> dict[str, Any]:
    """The front end: the preset "choi2016", or its settings with changes."""
    if reading == "raw" and bins == _BINS:
        return {"name": "choi2016", "kwargs": {}}
    settings = _MEL | {"n_mels": bins, "energy_power": 2.0, "pad_mode": "reflect"}
    if reading == "standardised":
        settings |= {"standardise": "all"}
    return {"name": "log_mel", "kwargs": settings}


def _input_axis(keras: Keras1, padding: int) -> tuple[str, int, int]:
    """Our name of the input's batch norm, and the frames and bins of the clips.

    The weights have a scale per frame; versions of the code have one per bin.
    """
    (size,) = keras.shape("bn_0_freq_gamma", 1)
    if size == _BINS:
        return "bin_norm", _FRAMES, size
    if size <= padding:
        raise UserError(
            f"{keras.tensors.file} normalises {size} frames, of which {padding} would be padding; "
            "is it a file of this source?",
            code="weights.other_source",
        )
    return "input_norm", size - padding, _BINS


def _require_layers(tensors: Tensors, layers: list[str], *counts: int) -> None:
    """Checks the number of convolutions, which determines the pooling (pooling has no arrays)."""
    if len(layers) not in counts:
        raise UserError(
            f"{tensors.file} holds {len(layers)} convolutions ({', '.join(layers) or 'none'}); "
            f"how networks of this source pool is known for {' or '.join(map(str, counts))} alone",
            code="weights.other_source",
        )


def _network(
    name: str,
    keras: Keras1,
    reading: str,
    *,
    convolutions: int,
    padding: int = 0,
    between: Iterable[Leaf] = (),
    **fields: Any,
) -> Conversion:
    """The convolutions, the layers `between` them and the output, and the output."""
    convs = numbered_layers(keras.names, "conv")
    _require_layers(keras.tensors, convs, convolutions)
    norm, frames, bins = _input_axis(keras, padding)
    variance = identity if reading == "raw" else np.square
    leaves = [*keras.norm("bn_0_freq", norm, variance=variance)]
    for number, conv in enumerate(convs, start=1):
        leaves += keras.conv(conv, f"block{number}", "conv")
        bn = conv.replace("conv", "bn")
        leaves += keras.norm(bn, f"block{number}", "norm", variance=variance)
    widths = tuple(keras.width(conv) for conv in convs)
    fields |= {"widths": widths, "input_norm": norm == "input_norm", "bin_norm": norm == "bin_norm"}
    if padding:
        fields["time_pad"] = frames + padding
    return Conversion(
        frontend=_levels(reading, bins),
        model={"name": name, "kwargs": fields},
        sample_rate=_RATE,
        clip_samples=(frames - 1) * _HOP,
        num_classes=keras.shape("output_W", 2)[1] if "output_W" in keras.names else 0,
        leaves=[*leaves, *between, *_head(keras, "output")],
        task="multi_label",
    )


def _head(keras: Keras1, layer: str) -> Iterable[Leaf]:
    return keras.dense(layer, "head") if f"{layer}_W" in keras.names else ()


def _cnn(tensors: Tensors, reading: str) -> Conversion:
    return _network("music_tagger_cnn", Keras1(tensors), reading, convolutions=5)


def _crnn(tensors: Tensors, reading: str) -> Conversion:
    keras = Keras1(tensors)
    grus = numbered_layers(keras.names, "gru")
    units, _ = keras.shape(f"{grus[0] if grus else 'gru1'}_U_z", 2)
    recurrent = [
        leaf for number, gru in enumerate(grus, start=1) for leaf in keras.gru(gru, f"gru{number}")
    ]
    return _network(
        "music_tagger_crnn",
        keras,
        reading,
        convolutions=4,
        padding=2 * _PAD,
        between=recurrent,
        units=units,
        layers=len(grus),
    )


def _compact(tensors: Tensors, reading: str) -> Conversion:
    keras = Keras1(tensors)
    convs = numbered_layers(keras.names, "convolution2d_")
    norms = numbered_layers(keras.names, "batchnormalization_")
    _require_layers(tensors, convs, *range(1, len(_COMPACT_POOLS) + 1))  # some frames are cut off
    leaves: list[Leaf] = []
    # A missing norm gets the name of its convolution.
    norms += [conv.replace("convolution2d", "batchnormalization") for conv in convs[len(norms) :]]
    for number, (conv, norm) in enumerate(zip(convs, norms, strict=False), start=1):
        leaves += keras.conv(conv, f"block{number}", "conv")
        leaves += keras.norm(norm, f"block{number}", "norm", variance=None)
    denses = numbered_layers(keras.names, "dense_")
    for dense in denses[:1]:
        leaves += keras.dense(dense, "head")
    filters = [array for name, array in tensors.items() if "melgram/" in name and array.ndim == 2]
    return Conversion(
        # Levels below the clip's own maximum: the authors computed features clip by clip.
        frontend={
            "name": "log_mel",
            "kwargs": _MEL
            | {"n_mels": filters[0].shape[1] if filters else _BINS, "center": "same", "ref": "max"},
        },
        model={
            "name": "compact_cnn",
            "kwargs": {
                "width": tuple(keras.width(conv) for conv in convs),
                "pools": _COMPACT_POOLS[: len(convs)],
                "normalise_over": "segment",
                "readout": "last" if denses else "means",
            },
        },
        sample_rate=_RATE,
        clip_samples=348_000,
        num_classes=keras.shape(f"{denses[0]}_W", 2)[1] if denses else 0,
        leaves=leaves,
        task="multi_label",
    )


SOURCES = (
    Source(
        name="choi_crnn",
        about="CRNN for tags of the Million Song Dataset, Choi et al. 2016 (.h5)",
        upstream=_RELEASED + "music_tagger_crnn.py, data/music_tagger_crnn_weights_tensorflow.h5",
        license="MIT",
        convert=_crnn,
        ignored=IGNORED,
        readings=_READINGS,
    ),
    Source(
        name="choi_cnn",
        about="CNN for tags of the Million Song Dataset, Choi et al. 2016 (.h5)",
        upstream=_RELEASED + "music_tagger_cnn.py, data/music_tagger_cnn_weights_tensorflow.h5",
        license="MIT",
        convert=_cnn,
        ignored=IGNORED,
        readings=_READINGS,
    ),
    Source(
        name="compact_cnn",
        about="Features of 5 x 32 values for other tasks, Choi et al. 2017 (.hdf5)",
        upstream=_RELEASED + "compact_cnn/models.py, compact_cnn/weights_tensorflow.hdf5",
        license="MIT",
        convert=_compact,
        # Its Fourier kernels and mel filters, equal to ours; statistics that were never updated.
        ignored=(*IGNORED, "*melgram/*", "*_running_mean*", "*_running_std*"),
    ),
)
