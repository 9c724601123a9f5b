"""Chords, scales and the small notations of the styles."""

import functools
import re
from typing import NamedTuple

STEPS = 16  # sixteenth notes in a bar of 4/4

NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic_minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "major_pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
}

_QUALITIES = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "5": (0, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "m7": (0, 3, 7, 10),
    "maj7": (0, 4, 7, 11),
    "9": (0, 4, 7, 10, 14),
    "m9": (0, 3, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "m7b5": (0, 3, 6, 10),
    "dim": (0, 3, 6),
}
_DEGREES = dict(zip(("I", "II", "III", "IV", "V", "VI", "VII"), SCALES["major"], strict=True))
_NUMERAL = re.compile(r"([b#]?)([IV]+|[iv]+)(.*)")


class Chord(NamedTuple):
    """Root in semitones above the tonic, and the chord's intervals above its root."""

    root: int
    intervals: tuple[int, ...]


class Event(NamedTuple):
    """One symbol of a pattern: where it starts and how long it lasts, in steps."""

    step: int
    length: int
    symbol: str


def parse_chord(text: str) -> Chord:
    """Reads a roman numeral: "ii7", "bVII", "Imaj7". Lower case is minor.

    Raises:
      ValueError: it is not a roman numeral.
    """
    match = _NUMERAL.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a roman numeral")
    accidental, numeral, quality = match.groups()
    root = _DEGREES[numeral.upper()] + {"b": -1, "": 0, "#": 1}[accidental]
    minor = numeral.islower() and quality != "dim"
    return Chord(root % 12, _QUALITIES["m" + quality if minor else quality])


@functools.cache
def parse_progression(text: str) -> tuple[tuple[Chord, ...], ...]:
    """Reads bars separated by spaces, the chords of one bar joined by hyphens."""
    return tuple(tuple(map(parse_chord, bar.split("-"))) for bar in text.split())


@functools.cache
def parse_pattern(text: str) -> tuple[Event, ...]:
    """Reads one character per step: "." is a rest, "-" prolongs the symbol before it."""
    return tuple(
        Event(match.start(), len(match.group()), match.group()[0])
        for match in re.finditer(r"[^.\-]-*", text)
    )


def voice(chord: Chord, tonic: int, centre: int) -> list[int]:
    """Voices a chord around a MIDI pitch, each note as near to it as possible.

    So neighbouring chords share their common notes and move the others by small steps.

    Args:
      chord: the chord.
      tonic: pitch class of the tonic.
      centre: the MIDI pitch.

    Returns:
      MIDI pitches.
    """
    low = centre - 6
    return sorted({low + (tonic + chord.root + i - low) % 12 for i in chord.intervals})
