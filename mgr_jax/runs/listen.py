"""Classifies sound while it arrives: a file, or raw samples from a recorder."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mgr_jax.audio.decoder import Decoder
from mgr_jax.audio.gate import AudioError, AudioWarning, Limits, LimitsLike
from mgr_jax.decisions import Rules
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.prediction.live import LivePrediction, LiveStream
from mgr_jax.prediction.predictor import Predictor, load

FORMATS = {"s16le": "<i2", "f32le": "<f4"}  # FFmpeg's names
_MOST_CHANNELS = 64
_READ = 1 << 16  # most bytes per read; available bytes are taken at once
# First bytes of files, which are not raw samples.
_FILES = {b"RIFF": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file", b"ID3": "an mp3"}


def listen(
    model: str | os.PathLike[str],
    source: str | os.PathLike[str] | BinaryIO,
    *,
    sample_rate: int = 44_100,
    channels: int = 1,
    format: str = "s16le",
    hop: float = 1.0,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    checkpoint: str | int = "best",
    limits: LimitsLike = None,
) -> Iterator[LivePrediction]:
    """Classifies sound while it is read; see `Predictor.stream`.

        for prediction in mgr_jax.listen("runs/a", sys.stdin.buffer, sample_rate=48_000):
            print(prediction.describe())

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      source: the path of an audio file of any kind; or a binary stream of raw samples, such as a
        pipe, which is read as samples arrive.
      sample_rate: rate of raw samples in Hz.
      channels: number of interleaved channels of raw samples.
      format: of raw samples: "s16le" (16-bit integers) or "f32le" (floats in [-1, 1]), little
        endian.
      hop: seconds between windows.
      rules: how predictions are decided; see `Rules`.
      checkpoint: "best" by validation score, "latest", or a step.
      limits: which files and rates are refused; see `audio.io.Limits`.

    Yields:
      The prediction of each window as soon as the window is complete; at the end, those of the
      rest.

    Raises:
      UserError: there is no such model, it cannot be used on a stream, the file cannot be read, or
        the input is not raw samples: empty, not finite, or a file of some format.
    """
    limits = Limits.of(limits)
    if format not in FORMATS or not 1 <= channels <= _MOST_CHANNELS:
        raise UserError(
            f"raw samples are described by `format`={format!r} and `channels`={channels}; give "
            f"{' or '.join(FORMATS)}, and 1 to {_MOST_CHANNELS} channels",
            code="argument.out_of_range",
        )
    predictor = load(model, checkpoint=checkpoint)
    predictor.description.require_classes(model)
    blocks: Iterator[tuple[float, np.ndarray]]
    if isinstance(source, str | os.PathLike):
        name, blocks = str(source), _file_blocks(expand(source), limits)
    else:
        name, blocks = "the input", _raw_blocks(source, sample_rate, channels, FORMATS[format])
        predictor.stream(sample_rate, hop=hop, rules=rules, limits=limits)  # before it is read
    return _predictions(predictor, blocks, name, hop, rules, limits)


def _predictions(
    predictor: Predictor,
    blocks: Iterator[tuple[float, np.ndarray]],
    name: str,
    hop: float,
    rules: Rules,
    limits: Limits,
) -> Iterator[LivePrediction]:
    stream: LiveStream | None = None
    for rate, block in blocks:
        if stream is None:
            stream = predictor.stream(rate, hop=hop, rules=rules, limits=limits)
        stream.set_rate(rate)
        yield from stream.push(block)
    if stream is None:
        raise AudioError(
            f"{name} holds no audio samples; check the program that sends them",
            code="audio.no_samples",
        )
    yield from stream.close()


def _file_blocks(path: Path, limits: Limits) -> Iterator[tuple[float, np.ndarray]]:
    decoder = Decoder(path, None, limits)
    for rate, block in decoder:
        yield rate, block.T
    if decoder.missing:
        warnings.warn(
            f"{path} is cut short or damaged: {decoder.describe()}; that was listened to",
            AudioWarning,
            stacklevel=2,
        )


def _raw_blocks(
    file: BinaryIO, sample_rate: int, channels: int, dtype: str
) -> Iterator[tuple[float, np.ndarray]]:
    size = channels * np.dtype(dtype).itemsize
    read = getattr(file, "read1", file.read)  # what is there, without waiting for more
    rest, is_first = b"", True
    while data := read(_READ):
        rest += data
        if is_first and len(rest) >= 4:
            _require_raw(rest)
            is_first = False
        whole = len(rest) - len(rest) % size
        if whole:
            block = np.frombuffer(rest[:whole], dtype).reshape(-1, channels)
            yield sample_rate, block.astype(dtype.replace("<", "="), copy=False)
        rest = rest[whole:]
    if rest:
        warnings.warn(
            f"the input ends within a sample: {len(rest)} bytes of {size} are left over; unless a "
            "recorder was stopped, correct the format or the number of channels",
            AudioWarning,
            stacklevel=2,
        )


def _require_raw(begin: bytes) -> None:
    for magic, kind in _FILES.items():
        if begin.startswith(magic):
            raise UserError(
                f"the input is {kind}, where raw samples were expected; give the path of the file, "
                "or extract its samples (ffmpeg -i FILE -f s16le -ac 1 -)",
                code="live.not_raw",
            )
