"""Sound, and files of it by encoders that are not the project's."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile


def tune(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A tone with noise [samples] float32, of the same peak whatever the length."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.3 * np.sin(2 * np.pi * 440 * time) + 0.03 * noise).astype(np.float32)


def by_soundfile(samples: np.ndarray, rate: int, form: str, subtype: str | None = None) -> bytes:
    """[samples] or [samples, channels] as libsndfile writes them."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, subtype=subtype)
    return buffer.getvalue()


def by_ffmpeg(
    samples: np.ndarray,
    rate: int,
    form: str,
    codec: str,
    *,
    path: str | None = None,
    seekable: bool = True,
    **options: str,
) -> bytes:
    """[samples] as FFmpeg muxes and encodes them.

    Args:
      samples: mono.
      rate: in Hz.
      form: container.
      codec: encoder.
      path: to write to, where the container reads what it has written.
      seekable: False for a pipe, whose header cannot be completed.
      **options: of the container.
    """
    buffer = io.BytesIO()
    target: Any = path or buffer
    if not seekable:
        target = type("Pipe", (), {"write": lambda self, data: buffer.write(data)})()
    with av.open(target, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        context = stream.codec_context
        context.layout, context.format = "mono", context.codec.audio_formats[0]
        context.open()
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        size = context.frame_size or 1024
        resampler = av.AudioResampler(context.format.name, "mono", rate, frame_size=size)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
    if path:
        with open(path, "rb") as file:
            return file.read()
    return buffer.getvalue()
