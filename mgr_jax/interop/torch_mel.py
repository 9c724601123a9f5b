"""Finds the front end for the mel spectrogram in a PyTorch file."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mgr_jax.audio.dsp.mel import mel_filterbank
from mgr_jax.errors import UserError
from mgr_jax.interop.source import Tensors

# The first one that gives a file's filters is used. Upstream's upper edge is 8 kHz at any rate.
_RATES = (16_000, 8_000, 11_025, 12_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_EDGE = 8_000.0
# Single precision rounds the slopes of narrow filters, by 1.1e-5 in released files; networks may
# also be stored in half precision, or bfloat16, which has nine bits.
_TOLERANCE = 2e-3


class Heard(NamedTuple):
    """The input of a network.

    Attributes:
      frontend: {"name", "kwargs"}, see `create_frontend`.
      sample_rate: sample rate of the audio in Hz.
      bins: bins of the front end.
    """

    frontend: Mapping[str, Any]
    sample_rate: int
    bins: int = 1


def htk_mel(tensors: Tensors, module: str, n_mels: int) -> Heard:
    """A `MelSpectrogram` of torchaudio in dB.

    Bins, mels and rate are found from the filters, if the file holds them. The hop is half a frame,
    torchaudio's default.

    Args:
      tensors: arrays of the file.
      module: name of the `MelSpectrogram` in the state dict.
      n_mels: number of mels for a file without filters.

    Returns:
      The front end.

    Raises:
      UserError: our front end cannot compute these filters or this window.
    """
    name, n_fft = f"{module}.mel_scale.fb", 512
    rate, fmax = _RATES[0], _EDGE
    if name in tensors and tensors[name].size:  # torchaudio before 0.8 made it with the first clip
        bins, n_mels = tensors.shape(name, 2)
        n_fft = 2 * (bins - 1)
        rate, fmax = _told_by_filters(tensors, name, n_fft, n_mels)
    require_hann(tensors, f"{module}.spectrogram.window", n_fft)
    if (n_fft, rate, fmax) == (512, 16_000, _EDGE) and n_mels in (96, 128):
        return Heard({"name": f"won2020_{n_mels}", "kwargs": {}}, rate, n_mels)
    settings = {
        "n_fft": n_fft, "hop_length": n_fft // 2, "n_mels": n_mels, "fmax": fmax, "htk": True,
        "norm": None, "pad_mode": "reflect", "top_db": None,
    }  # fmt: skip
    return Heard({"name": "log_mel", "kwargs": settings}, rate, n_mels)


def _told_by_filters(tensors: Tensors, name: str, n_fft: int, n_mels: int) -> tuple[int, float]:
    """The sample rate and the upper edge in Hz that give these filters."""
    filters = tensors[name]
    for rate in _RATES if n_fft else ():
        for fmax in sorted({min(_EDGE, rate / 2), rate / 2}):
            ours = mel_filterbank(
                sample_rate=rate, n_fft=n_fft, n_mels=n_mels, fmin=0.0, fmax=fmax, htk=True,
                norm=None,
            )  # fmt: skip
            if np.allclose(filters, ours.T, rtol=0, atol=_TOLERANCE):
                return rate, fmax
    raise UserError(
        f"{tensors.file}: the {n_mels} mel filters {name} are none of torchaudio's default ones "
        f"(HTK scale, equal height, from 0 Hz to {_EDGE:.0f} Hz or half the sample rate) at "
        f"{', '.join(f'{rate}' for rate in _RATES)} Hz; the network would get another input than "
        "it was trained on",
        code="weights.other_front_end",
    )


def require_hann(tensors: Tensors, name: str, n_fft: int) -> None:
    """Checks the window of a file, if there is one.

    Args:
      tensors: arrays of the file.
      name: name of the window.
      n_fft: length of a frame in samples.

    Raises:
      UserError: it is not the periodic Hann window over a whole frame.
    """
    if name not in tensors:
        return
    ours = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
    given = tensors[name]
    if given.shape != ours.shape or not np.allclose(given, ours, rtol=0, atol=_TOLERANCE):
        raise UserError(
            f"{tensors.file}: {name} of {given.shape} is not the periodic Hann window of {n_fft} "
            "samples; the network would get another input than it was trained on",
            code="weights.other_front_end",
        )
