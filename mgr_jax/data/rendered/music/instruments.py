"""Pitched instruments: a harmonic spectrum that changes over time, played from wavetables.

Plucked strings, organ pipes, filtered sawtooths and frequency modulation at an integer ratio differ
only in the amplitude of each harmonic over time. So one engine serves all: it samples these
amplitudes every few milliseconds, turns each into one period of sound, and reads the periods at the
note's frequency, blending from one to the next.
"""

import dataclasses
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import scipy.fft
import scipy.signal
import scipy.special

SAMPLE_RATE = 22_050

_TABLE = 1024  # points in a period
_HOP = 512  # samples between two wavetables
_HARMONICS = np.arange(1, 65)
# Schroeder, IEEE Trans. Inf. Theory 16(1), 1970: quadratic phases keep the peak low.
_PHASES = np.exp(1j * np.pi * _HARMONICS**2 / len(_HARMONICS))


class Note(NamedTuple):
    """A note: start and duration in seconds, MIDI pitch, velocity in [0, 1]."""

    start: float
    duration: float
    pitch: int
    velocity: float


@dataclasses.dataclass(frozen=True)
class Instrument:
    """The sound of a pitched instrument.

    Attributes:
      name: name in the tags.
      spectrum: amplitude of the harmonics, [64].
      cutoff: cutoff of the low-pass filter for middle C, in Hz; follows the pitch half-way.
      sweep: how far above `cutoff` the filter starts, as a factor of it.
      sweep_time: seconds in which the sweep falls to a third.
      attack: seconds.
      release: seconds.
      decay: seconds to fall by 60 dB; infinite for sustained sounds.
      damping: how much faster each further harmonic decays.
      detune: cents between the outer voices.
      voices: voices in unison.
      vibrato: depth in cents.
      drive: distortion of the whole part; 0 is clean.
    """

    name: str
    spectrum: np.ndarray = dataclasses.field(repr=False)
    cutoff: float = 3000.0
    sweep: float = 0.0
    sweep_time: float = 0.1
    attack: float = 0.004
    release: float = 0.06
    decay: float = np.inf
    damping: float = 0.0
    detune: float = 0.0
    voices: int = 1
    vibrato: float = 0.0
    drive: float = 0.0


def _saw() -> np.ndarray:
    return 1 / _HARMONICS


def _pulse(width: float) -> np.ndarray:
    return np.sin(np.pi * _HARMONICS * width) / _HARMONICS


def _plucked(position: float) -> np.ndarray:
    """A string plucked at a fraction of its length."""
    return np.sin(np.pi * _HARMONICS * position) / _HARMONICS**1.2


def _partials(amplitudes: dict[int, float]) -> np.ndarray:
    return np.array([amplitudes.get(k, 0.0) for k in range(1, len(_HARMONICS) + 1)])


def _modulated(ratio: int, index: float) -> np.ndarray:
    """A sine modulated by one at `ratio` times its frequency (Chowning, JAES 21(7), 1973)."""
    spectrum = np.zeros(len(_HARMONICS) + 1)
    for order in range(-8, 9):
        harmonic = 1 + order * ratio
        if abs(harmonic) < len(spectrum):
            spectrum[abs(harmonic)] += np.sign(harmonic) * scipy.special.jv(order, index)
    return spectrum[1:]


INSTRUMENTS = {
    instrument.name: instrument
    for instrument in (
        Instrument("piano", _plucked(0.12), 3500, 1.0, 0.2, decay=3.5, damping=0.12, release=0.1),
        Instrument("electric_piano", _modulated(1, 1.2), 2500, 1.5, 0.15, decay=3, damping=0.3),
        Instrument("organ", _partials({1: 1, 2: 0.8, 3: 0.7, 4: 0.5, 6: 0.3, 8: 0.3}), 6000),
        Instrument("vibraphone", _partials({1: 1, 4: 0.3, 10: 0.1}), 6000, decay=3, damping=0.4),
        Instrument("acoustic_guitar", _plucked(0.2), 4500, decay=2.2, damping=0.2),
        Instrument("electric_guitar", _plucked(0.3), 2500, 0.5, decay=4, damping=0.1),
        Instrument("distorted_guitar", _plucked(0.15), 3500, decay=8, damping=0.05, drive=6),
        Instrument(
            "strings", _saw(), 2200, attack=0.09, release=0.2, detune=14, voices=3, vibrato=8
        ),
        Instrument("brass", _saw(), 1400, 1.2, 0.25, attack=0.03, vibrato=6),
        Instrument("sax", _pulse(0.27), 1800, 0.6, 0.2, attack=0.03, vibrato=14),
        Instrument("flute", _partials({1: 1, 2: 0.35, 3: 0.12, 4: 0.05}), attack=0.05, vibrato=12),
        Instrument("synth_pad", _pulse(0.4), 1200, attack=0.15, release=0.3, detune=18, voices=3),
        Instrument("synth_lead", _saw(), 2500, 1.5, 0.12, detune=10, voices=2, vibrato=5),
        Instrument("upright_bass", _plucked(0.25), 900, 1.5, 0.06, decay=1.8, damping=0.4),
        Instrument("bass_guitar", _plucked(0.15), 1200, 1.5, 0.1, decay=3.5, damping=0.15),
        Instrument("synth_bass", _saw(), 600, 3.0, 0.15, detune=6, voices=2),
    )
}


def render_part(instrument: Instrument, notes: Iterable[Note], num_samples: int) -> np.ndarray:
    """Plays notes on an instrument: [num_samples] float32.

    Args:
      instrument: the instrument.
      notes: the notes.
      num_samples: length of the result.

    Returns:
      The sound.
    """
    out = np.zeros(num_samples, np.float32)
    tones: dict[tuple[int, int], np.ndarray] = {}  # most notes of a piece recur
    for note in notes:
        length = round(note.duration * SAMPLE_RATE)
        if (note.pitch, length) not in tones:
            tones[note.pitch, length] = _tone(instrument, note.pitch, length)
        add_at(out, note.start, tones[note.pitch, length], note.velocity)
    if instrument.drive:
        out = np.tanh(instrument.drive * out)
        # A guitar cabinet passes little above 4 kHz.
        out = scipy.signal.sosfilt(
            scipy.signal.butter(3, 4000, fs=SAMPLE_RATE, output="sos").astype(np.float32), out
        )
    return out


def add_at(out: np.ndarray, start: float, sound: np.ndarray, gain: float) -> None:
    """Adds a sound to `out` from `start` seconds on, cut at the end of `out`.

    Args:
      out: [samples], changed in place.
      start: in seconds.
      sound: [samples].
      gain: factor of the sound.
    """
    first = round(start * SAMPLE_RATE)
    target = out[first : first + len(sound)]
    target += np.float32(gain) * sound[: len(target)]


def _tone(instrument: Instrument, pitch: int, length: int) -> np.ndarray:
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    release = round(instrument.release * SAMPLE_RATE)
    tables = _wavetables(instrument, frequency, 2 + (length + release) // _HOP)
    sample = np.arange(length + release)
    frame = sample // _HOP
    blend = ((sample % _HOP) / _HOP).astype(np.float32)
    turns = sample * (frequency / SAMPLE_RATE)
    if instrument.vibrato:
        rate = 5.5
        depth = (2 ** (instrument.vibrato / 1200) - 1) * frequency / (2 * np.pi * rate)
        turns += depth * np.sin(2 * np.pi * rate / SAMPLE_RATE * sample)
    tone = np.zeros(len(sample), np.float32)
    for number in range(instrument.voices):
        cents = instrument.detune * (number / max(instrument.voices - 1, 1) - 0.5)
        voice_turns = turns * 2 ** (cents / 1200) + 0.381966 * number
        index = frame * _TABLE + (voice_turns * _TABLE).astype(np.int64) % _TABLE
        now = tables.take(index)
        tone += now + blend * (tables.take(index + _TABLE) - now)
    attack = min(round(instrument.attack * SAMPLE_RATE), length)
    tone[:attack] *= np.linspace(0, 1, attack, dtype=np.float32)
    tone[length:] *= np.linspace(1, 0, release, dtype=np.float32) ** 2
    return tone / np.float32(np.sqrt(instrument.voices))


def _wavetables(instrument: Instrument, frequency: float, frames: int) -> np.ndarray:
    """One period every _HOP samples: [frames * _TABLE] float32, of RMS 0.2 without decay."""
    harmonics = _HARMONICS[_HARMONICS * frequency < 0.45 * SAMPLE_RATE]
    time = np.arange(frames)[:, None] * (_HOP / SAMPLE_RATE)
    cutoff = instrument.cutoff * np.sqrt(frequency / 261.6)
    cutoff = cutoff * (1 + instrument.sweep * np.exp(-time / instrument.sweep_time))
    amplitudes = instrument.spectrum[: len(harmonics)] / (1 + (harmonics * frequency / cutoff) ** 2)
    amplitudes *= 0.2 * np.sqrt(2) / np.linalg.norm(amplitudes[0])
    rates = np.log(1000) / instrument.decay * (1 + instrument.damping * (harmonics - 1))
    amplitudes *= np.exp(-time * rates)
    spectrum = np.zeros((frames, _TABLE // 2 + 1), np.complex64)
    spectrum[:, harmonics] = amplitudes * _PHASES[: len(harmonics)] * (_TABLE / 2)
    return scipy.fft.irfft(spectrum, axis=1).reshape(-1)
