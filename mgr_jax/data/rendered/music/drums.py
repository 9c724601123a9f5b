"""Drums: a falling sine plus a burst of filtered noise."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.fft

from mgr_jax.data.rendered.music.instruments import SAMPLE_RATE, add_at


@dataclasses.dataclass(frozen=True)
class Drum:
    """The sound of a drum.

    Attributes:
      level: level of the whole drum.
      hertz: frequency of the sine at rest; 0: none.
      bend: factor of `hertz` at the start.
      ring: seconds in which the sine falls to a third.
      noise: level of the noise beside a sine of level 1.
      hiss: seconds in which the noise falls to a third.
      band: band of the noise in Hz.
      bursts: how often the noise starts again, 11 ms apart, as in hand claps.
    """

    level: float
    hertz: float = 0.0
    bend: float = 0.0
    ring: float = 0.1
    noise: float = 1.0
    hiss: float = 0.05
    band: tuple[float, float] = (300.0, 9000.0)
    bursts: int = 1


@dataclasses.dataclass(frozen=True)
class Kit:
    """A drum kit: factors on the pitch, length, noise and noise band of every drum."""

    name: str
    tune: float
    length: float
    noise: float
    brightness: float


DRUMS = {
    "kick": Drum(1.0, 52, bend=3.0, ring=0.11, noise=0.15, hiss=0.008, band=(500, 4000)),
    "snare": Drum(0.7, 185, bend=0.4, ring=0.06, noise=0.8, hiss=0.09),
    "rim": Drum(0.4, 820, ring=0.018, noise=0.5, hiss=0.008, band=(1000, 6000)),
    "clap": Drum(0.6, noise=1.0, hiss=0.07, band=(700, 4500), bursts=3),
    "hat": Drum(0.3, noise=0.8, hiss=0.025, band=(5000, 10_800)),
    "open_hat": Drum(0.3, noise=0.8, hiss=0.13, band=(4500, 10_800)),
    "ride": Drum(0.25, noise=0.8, hiss=0.2, band=(3000, 7000)),
    "crash": Drum(0.35, noise=0.9, hiss=0.5, band=(2000, 10_500)),
    "shaker": Drum(0.25, noise=0.8, hiss=0.035, band=(3500, 9500)),
    "tom": Drum(0.8, 105, bend=0.6, ring=0.14, noise=0.15, hiss=0.02),
    "conga": Drum(0.6, 230, bend=0.25, ring=0.09, noise=0.2, hiss=0.012, band=(500, 5000)),
}


def render_drums(
    kit: Kit,
    hits: Mapping[str, Sequence[tuple[float, float]]],
    num_samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Plays hits of each drum: [num_samples] float32.

    Args:
      kit: the drum kit.
      hits: (start in seconds, velocity) of each hit, by drum.
      num_samples: length of the result.
      rng: random generator.

    Returns:
      The sound.
    """
    out = np.zeros(num_samples, np.float32)
    for name, drum in DRUMS.items():
        sound = _sound(drum, kit, rng)  # drawn even if not played: the next one depends on it
        for start, velocity in hits.get(name, ()):
            add_at(out, start, sound, velocity)
    return out


def _sound(drum: Drum, kit: Kit, rng: np.random.Generator) -> np.ndarray:
    ring, hiss = drum.ring * kit.length, drum.hiss * kit.length
    length = round(SAMPLE_RATE * min(5 * max(ring * bool(drum.hertz), hiss) + 0.03, 1.2))
    time = np.arange(length) / SAMPLE_RATE
    low, high = np.array(drum.band) * kit.brightness
    spectrum = scipy.fft.rfft(rng.standard_normal(length))
    hertz = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum *= (hertz / low) ** 2 / (1 + (hertz / low) ** 2) / (1 + (hertz / high) ** 4)
    noise = scipy.fft.irfft(spectrum, n=length)
    noise /= 2 * np.std(noise)
    since = time - 0.011 * np.minimum(time // 0.011, drum.bursts - 1)
    sound = drum.noise * kit.noise * noise * np.exp(-since / hiss)
    if drum.hertz:
        fall = 0.03 * drum.bend * (1 - np.exp(-time / 0.03))
        sound += np.sin(2 * np.pi * drum.hertz * kit.tune * (time + fall)) * np.exp(-time / ring)
    sound *= drum.level * np.minimum(np.arange(length, 0, -1) / (0.02 * SAMPLE_RATE), 1)
    return sound.astype(np.float32)
