"""From the parts to the record: levels, saturation, equaliser, reverb, noise."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy.fft

from mgr_jax.data.rendered.music.instruments import SAMPLE_RATE


@dataclasses.dataclass(frozen=True)
class Desk:
    """The mix of an artist's records.

    Attributes:
      levels: role → dB.
      drive: saturation of the sum.
      tilt: tilt of the equaliser, in dB per octave from 800 Hz.
      low_cut: in Hz.
      high_cut: in Hz, the bandwidth of the recording.
      reverb: level of the reverb relative to the dry sound.
      reverb_seconds: time to fall by 60 dB.
      noise: noise of the recording, in dB relative to the music.
      peak: peak of the finished record.
    """

    levels: Mapping[str, float]
    drive: float
    tilt: float
    low_cut: float
    high_cut: float
    reverb: float
    reverb_seconds: float
    noise: float
    peak: float


def mix(parts: Mapping[str, np.ndarray], desk: Desk, rng: np.random.Generator) -> np.ndarray:
    """Mixes parts [num_samples] to a mono record [num_samples], float32 in [-1, 1].

    Args:
      parts: role → sound.
      desk: the mix.
      rng: random generator.

    Returns:
      The record.
    """
    total = np.sum(
        [np.float32(10 ** (desk.levels[role] / 20)) * part for role, part in parts.items()], axis=0
    )
    total /= np.std(total)
    noise = rng.standard_normal(len(total), np.float32)
    total = np.tanh(np.float32(0.3 * desk.drive) * total) / np.float32(0.3 * desk.drive)
    total += np.float32(10 ** (desk.noise / 20)) * noise

    tail = round(desk.reverb_seconds * SAMPLE_RATE)
    size = scipy.fft.next_fast_len(len(total) + tail, real=True)
    spectrum = scipy.fft.rfft(total, size)
    hertz = scipy.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32)
    # Moorer, Computer Music Journal 3(2), 1979: decaying noise sounds like a room.
    room = rng.standard_normal(tail, np.float32)
    room *= np.logspace(0, -3, tail, dtype=np.float32)
    spectrum *= 1 + np.float32(desk.reverb) * scipy.fft.rfft(room / np.linalg.norm(room), size)
    spectrum *= _equaliser(desk, hertz)
    record = scipy.fft.irfft(spectrum, size)[: len(total)]

    fade = min(round(0.005 * SAMPLE_RATE), len(record))
    record[len(record) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return record * np.float32(desk.peak / np.max(np.abs(record)))


def _equaliser(desk: Desk, hertz: np.ndarray) -> np.ndarray:
    """Gain at each frequency; 0 at 0 Hz, so that there is no constant offset."""
    tilt = (np.maximum(hertz, 40) / 800) ** np.float32(desk.tilt / 6.02)
    low = (hertz / desk.low_cut) ** 4
    return tilt * np.sqrt(low / (1 + low) / (1 + (hertz / desk.high_cut) ** 8))
