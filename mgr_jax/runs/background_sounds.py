"""Synthetic sounds that are not music: a background check is fitted on them.

None of them is a recording, so recordings remain for measuring the check.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

_PEAK = 32767


def make_background(
    rate: float, seconds: float, count: int, *, seed: int = 0, kinds: Sequence[str] = ()
) -> Iterator[tuple[str, np.ndarray]]:
    """Synthesises sounds, cycling through the kinds; every sound differs.

    Args:
      rate: sample rate in Hz.
      seconds: length of each sound.
      count: number of sounds.
      seed: seed of the random generator.
      kinds: some of `KINDS`; none: all.

    Yields:
      (kind, waveform [samples] int16), with peaks from -40 to -1 dB of full scale, except silence.
    """
    names = kinds or tuple(KINDS)
    for number in range(count):
        name = names[number % len(names)]
        rng = np.random.default_rng([seed, number])
        sound = KINDS[name](np.arange(round(rate * seconds)) / rate, rng)
        peak = 2 if name == "silence" else _PEAK * 10 ** (-rng.uniform(1, 40) / 20)
        scaled = sound * (peak / max(np.abs(sound).max(), 1e-9))
        # Dither of one unit, as in every converter.
        yield name, np.round(scaled + rng.uniform(-1, 1, len(sound))).astype(np.int16)


def _coloured(time: np.ndarray, rng: np.random.Generator, exponent: float) -> np.ndarray:
    """Noise whose power falls with frequency to this exponent."""
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    spectrum[1:] *= np.arange(1, len(spectrum)) ** (-exponent / 2)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, len(time))


def _noise(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise of a random colour, from slightly blue to brown."""
    return _coloured(time, rng, rng.uniform(-0.5, 2.5))


def _band(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Band-limited noise, like a fan or water."""
    rate = 1 / time[1]
    low, high = np.sort(np.exp(rng.uniform(np.log(60), np.log(rate / 2), 2)))
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    frequency = np.fft.rfftfreq(len(time), time[1])
    spectrum /= 1 + (frequency / max(high, low + 50)) ** 6
    spectrum *= frequency**4 / (frequency**4 + low**4)
    return np.fft.irfft(spectrum, len(time))


def _gusts(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise with a slow random envelope, like wind, waves and traffic."""
    knots = np.arange(0, time[-1] + 1, 0.5)
    slow = np.interp(time, knots, rng.uniform(0, 1, len(knots)))
    return _coloured(time, rng, rng.uniform(0, 2)) * slow ** rng.uniform(1, 4)


def _modulated(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise with 2 to 30 bursts or swells per second, like machines."""
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(2, 30) * time)
    return _coloured(time, rng, rng.uniform(-0.5, 2)) * swell ** rng.uniform(0.5, 8)


def _hum(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mains or engine hum: harmonics of a low tone, and a little noise."""
    low = rng.choice([50.0, 60.0, rng.uniform(25, 130)])
    total = 10 ** rng.uniform(-4, -1) * _coloured(time, rng, 1)
    for harmonic in range(1, rng.integers(3, 20)):
        phase = rng.uniform(0, 2 * np.pi)
        total += rng.uniform(0, 1) / harmonic * np.sin(2 * np.pi * low * harmonic * time + phase)
    return total


def _clicks(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Clicks like those of a scratched record, rain or a keyboard, over a little noise."""
    hits = np.zeros(len(time))
    many = max(1, int(rng.uniform(1, 60) * time[-1]))
    hits[rng.integers(0, len(time), many)] = rng.exponential(1, many) * rng.choice([-1, 1], many)
    ring = np.exp(-time[: min(len(time), 2000)] / rng.uniform(0.0003, 0.01))
    size = 2 ** int(np.ceil(np.log2(2 * len(time))))
    struck = np.fft.irfft(np.fft.rfft(hits, size) * np.fft.rfft(ring, size), size)[: len(time)]
    return struck + 10 ** rng.uniform(-4, -1.5) * _coloured(time, rng, 1)


def _tone(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A test tone, a repeated beep, or a tone that glides like a siren."""
    pitch = np.exp(rng.uniform(np.log(100), np.log(4000)))
    glide = rng.choice([0.0, rng.uniform(0.1, 1.0)])
    phase = time * pitch
    if glide:
        speed = rng.uniform(0.1, 4)
        phase = phase + pitch * glide / (2 * np.pi * speed) * np.sin(2 * np.pi * speed * time)
    on = (time * rng.uniform(0.5, 4)) % 1 < rng.choice([1.0, rng.uniform(0.2, 0.8)])
    return np.sin(2 * np.pi * phase) * on + 1e-3 * rng.standard_normal(len(time))


def _babble(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Voices without words, one or a few: pulses and noise through formants, in syllables."""
    return np.sum([_voice(time, rng) for _ in range(rng.choice([1, 1, 1, 2, 5]))], axis=0)


def _voice(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Source and filter, as in Klatt, Software for a cascade/parallel formant synthesizer, 1980."""
    rate, total, done = 1 / time[1], np.zeros(len(time)), 0
    base = rng.uniform(85, 260)
    while done < len(time):
        length = min(int(rng.uniform(0.08, 0.35) * rate), len(time) - done)
        at = np.arange(length) / rate
        if rng.uniform() < 0.2:  # a breath
            done += length
            continue
        voiced = rng.uniform() < 0.75
        glide = base * (1 + rng.uniform(-0.15, 0.15) + rng.uniform(-0.2, 0.2) * at / 0.3)
        source = np.diff(np.floor(np.cumsum(glide) / rate), prepend=0)
        source = source if voiced else 0.3 * rng.standard_normal(length)
        frequency = np.fft.rfftfreq(length, 1 / rate)
        shape = np.zeros(len(frequency))
        means = (500, 1500, 2500, 3500) if voiced else (2500, 4500, 5500, 6500)
        for strength, mean in zip((1, 0.6, 0.3, 0.15), means, strict=True):
            centre, width = mean * rng.uniform(0.6, 1.5), rng.uniform(60, 200)
            shape += strength / (1 + ((frequency - centre) / width) ** 2)
        syllable = np.fft.irfft(np.fft.rfft(source) * shape, length) * np.hanning(length + 2)[1:-1]
        level = rng.uniform(0.3, 1) / max(np.abs(syllable).max(), 1e-9)
        total[done : done + length] = level * syllable
        done += length
    return total + 10 ** rng.uniform(-4, -2) * _coloured(time, rng, 1)


def _silence(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return _coloured(time, rng, rng.uniform(0, 2))


KINDS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "noise": _noise,
    "babble": _babble,
    "silence": _silence,
    "modulated noise": _modulated,
    "hum": _hum,
    "band of noise": _band,
    "clicks": _clicks,
    "tone": _tone,
    "gusts": _gusts,
}
