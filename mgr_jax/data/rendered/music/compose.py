"""Composition: from a style and an artist to the notes of one track."""

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from mgr_jax.data.rendered.music.artists import Artist
from mgr_jax.data.rendered.music.grooves import FILLS, GROOVES
from mgr_jax.data.rendered.music.instruments import Note
from mgr_jax.data.rendered.music.styles import Style
from mgr_jax.data.rendered.music.theory import (
    NOTES,
    SCALES,
    STEPS,
    Chord,
    Event,
    parse_pattern,
    parse_progression,
    voice,
)

_BASS_LOW = 28  # MIDI pitch of the lowest root
_VELOCITY = {"X": 1.0, "o": 0.4}  # of the symbols in patterns; others have 0.75
_BASS_INTERVALS = {"R": (0,), "3": (3, 4), "5": (7, 6), "6": (9,), "7": (10, 11), "8": (12,)}
_HALF = STEPS // 2


@dataclasses.dataclass(frozen=True)
class Score:
    """The notes of a track.

    Attributes:
      tempo: in BPM.
      key: such as "A minor".
      groove: name of the drum pattern.
      sections: (start in seconds, name) of each section.
      notes: role → notes; drums apart.
      hits: drum → (start in seconds, velocity).
    """

    tempo: float
    key: str
    groove: str
    sections: tuple[tuple[float, str], ...]
    notes: Mapping[str, Sequence[Note]]
    hits: Mapping[str, Sequence[tuple[float, float]]]


class _Bar(NamedTuple):
    section: str
    roles: tuple[str, ...]
    number: int  # within the section
    last: bool  # of the section
    chords: tuple[Chord, ...]

    def chord_at(self, step: int) -> Chord:
        return self.chords[step * len(self.chords) // STEPS]


def compose(style: Style, artist: Artist, rng: np.random.Generator, seconds: float) -> Score:
    """Composes a track: repeats the style's form, from one of its sections, until time is up.

    Args:
      style: the style.
      artist: the artist.
      rng: random generator.
      seconds: length of the track.

    Returns:
      The notes.
    """
    track = _Track(style, artist, rng, seconds)
    bars = track.song()
    bar = next(bars)
    sections = []
    for index in range(int(np.ceil(seconds / track.bar_seconds))):
        next_bar = next(bars)
        if bar.number == 0:
            sections.append((index * track.bar_seconds, bar.section))
        track.write(index, bar, next_bar.chords[0])
        bar = next_bar
    return Score(
        track.tempo,
        f"{NOTES[track.tonic]} {'minor' if track.minor else 'major'}",
        track.groove,
        tuple(sections),
        track.notes,
        track.hits,
    )


class _Track:
    """The constant choices of a track, and its notes, written bar by bar."""

    def __init__(self, style: Style, artist: Artist, rng: np.random.Generator, seconds: float):
        self.style, self.artist, self.rng, self.seconds = style, artist, rng, seconds
        self.tempo = float(np.clip(artist.tempo * rng.normal(1, 0.05), *style.tempo))
        self.bar_seconds = 4 * 60 / self.tempo
        self.minor = bool(rng.random() < style.minor_share)
        self.tonic = int(rng.choice(artist.keys))
        self.groove = str(rng.choice(style.grooves))
        self.bass = str(rng.choice(style.bass))
        names = sorted({section.name for section in style.form})
        progressions = style.minor if self.minor else style.major
        self.progressions = {name: str(rng.choice(progressions)) for name in names}
        self.comping = {name: str(rng.choice(style.chords)) for name in names}
        self.phrases = {name: self._invent_phrase() for name in names}
        self.notes: dict[str, list[Note]] = collections.defaultdict(list)
        self.hits: dict[str, list[tuple[float, float]]] = collections.defaultdict(list)

    def song(self) -> Iterator[_Bar]:
        """The bars of the form, over and over, from a random section on."""
        form = self.style.form
        first = int(self.rng.integers(len(form)))
        for section in itertools.cycle(form[first:] + form[:first]):
            progression = parse_progression(self.progressions[section.name])
            for number in range(section.bars):
                chords = progression[number % len(progression)]
                last = number == section.bars - 1
                yield _Bar(section.name, section.roles, number, last, chords)

    def write(self, index: int, bar: _Bar, next_chord: Chord) -> None:
        """Adds the notes of the bar that starts `index` bars into the track."""
        if "drums" in bar.roles:
            self._write_drums(index, bar)
        if "bass" in bar.roles:
            for event in parse_pattern(self.bass):
                pitch = self._bass_pitch(event.symbol, bar.chord_at(event.step), next_chord)
                self._add("bass", index, event, pitch)
        if "chords" in bar.roles:
            self._write_chords(index, bar)
        if "melody" in bar.roles:
            rhythm, degrees = self.phrases[bar.section][bar.number % 4]
            for event, degree in zip(parse_pattern(rhythm), degrees, strict=True):
                self._add("melody", index, event, self._melody_pitch(event, degree, bar))

    def _write_drums(self, index: int, bar: _Bar) -> None:
        groove = GROOVES[self.groove]
        fills = bar.last and "kick" in groove
        events = [
            (drum, event)
            for drum, pattern in groove.items()
            for event in parse_pattern(pattern)
            if not (fills and event.step >= _HALF)
        ]
        if fills:
            fill = FILLS[self.rng.integers(len(FILLS))]
            events += [(drum, event) for drum in fill for event in parse_pattern(fill[drum])]
        if bar.number == 0 and "kick" in groove:
            events.append(("crash", Event(0, 1, "x")))
        for drum, event in events:
            start, velocity = self._time(index, event.step), self._velocity(event)
            if start < self.seconds:
                self.hits[drum].append((start, velocity))

    def _write_chords(self, index: int, bar: _Bar) -> None:
        for event in parse_pattern(self.comping[bar.section]):
            chord = bar.chord_at(event.step)
            pitches = voice(chord, self.tonic, self.style.chord_centre)
            if event.symbol.isdigit():
                octave, number = divmod(int(event.symbol), len(pitches))
                self._add("chords", index, event, pitches[number] + 12 * octave)
            else:
                for number, pitch in enumerate(pitches):
                    self._add("chords", index, event, pitch, delay=number * self.artist.strum)

    def _bass_pitch(self, symbol: str, chord: Chord, next_chord: Chord) -> int:
        if symbol == "a":
            return _BASS_LOW + (self.tonic + next_chord.root - _BASS_LOW) % 12 - 1
        root = _BASS_LOW + (self.tonic + chord.root - _BASS_LOW) % 12
        wanted = _BASS_INTERVALS[symbol]
        return root + next((i for i in wanted if i in chord.intervals), wanted[0])

    def _invent_phrase(self) -> list[tuple[str, np.ndarray]]:
        """Four bars a b a c: the rhythm and scale degrees of each."""
        bars = []
        for _ in range(3):
            rhythm = str(self.rng.choice(self.style.melody))
            leaps = self.rng.normal(0, self.style.leap, len(parse_pattern(rhythm)))
            walk = np.cumsum(leaps)
            bars.append((rhythm, np.rint(walk - walk.mean() + self.rng.normal(0, 2)).astype(int)))
        first, second, third = bars
        return [first, second, first, third]

    def _melody_pitch(self, event: Event, degree: int, bar: _Bar) -> int:
        scale = SCALES[self.style.scales[self.minor]]
        centre = self.artist.melody_centre
        octave, number = divmod(int(degree), len(scale))
        pitch = centre - 6 + (self.tonic - centre + 6) % 12 + 12 * octave + scale[number]
        if event.step % _HALF == 0:  # strong beats get the nearest chord note
            return min(
                voice(bar.chord_at(event.step), self.tonic, pitch), key=lambda p: abs(p - pitch)
            )
        return pitch

    def _add(self, role: str, index: int, event: Event, pitch: int, delay: float = 0) -> None:
        start = self._time(index, event.step) + delay
        duration = event.length * self.bar_seconds / STEPS * self.artist.legato
        note = Note(start, duration, pitch, self._velocity(event))
        if start < self.seconds:
            self.notes[role].append(note)

    def _velocity(self, event: Event) -> float:
        return _VELOCITY.get(event.symbol, 0.75) * float(self.rng.uniform(0.85, 1))

    def _time(self, index: int, step: int) -> float:
        """Time of a step in seconds: with swing, and with the artist's looseness."""
        pair = 2 * self.style.swing_steps
        number, position = divmod(step, pair)
        swung = np.interp(position / pair, (0, 0.5, 1), (0, self.artist.swing, 1))
        bars = index + (number + swung) * pair / STEPS
        return max(bars * self.bar_seconds + self.rng.normal(0, self.artist.looseness), 0.0)
