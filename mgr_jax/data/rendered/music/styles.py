"""The genres, as data.

A bar is sixteen sixteenth notes, one character each; "." rests and "-" prolongs. Bass: "R" root,
"3", "5", "6", "7" notes above it, "8" octave, "a" a semitone below the next root. Chords: "X", "x"
or "o" the whole chord, a digit one note of it, counted from the lowest. Melodies: "x" a note.
Progressions: roman numerals, see `theory.parse_progression`. Drums: see `grooves`.
"""

import dataclasses
from collections.abc import Mapping

ROLES = ("drums", "bass", "chords", "melody")


@dataclasses.dataclass(frozen=True)
class Section:
    """A named stretch of a song and the roles that play in it."""

    name: str
    roles: tuple[str, ...] = ROLES
    bars: int = 4


@dataclasses.dataclass(frozen=True)
class Style:
    """The definition of a genre; each artist and track draws from it.

    Attributes:
      tempo: range in BPM.
      grooves: names of drum patterns.
      bass: patterns.
      chords: accompaniment patterns.
      melody: rhythms.
      major: chord progressions of tracks in major.
      minor: chord progressions of tracks in minor.
      instruments: role → names of instruments, or of kits for drums.
      form: sections of the song, repeated.
      swing: range of the position of the off-beat between two beats; 0.5 is straight.
      swing_steps: steps to the off-beat: 2 swings eighth notes, 1 sixteenth notes.
      minor_share: share of tracks in minor.
      scales: scales of the melody in major and in minor.
      leap: typical size of melodic steps, in degrees of the scale.
      chord_centre: MIDI pitch around which chords lie.
    """

    tempo: tuple[float, float]
    grooves: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[str, ...]
    melody: tuple[str, ...]
    major: tuple[str, ...]
    minor: tuple[str, ...]
    instruments: Mapping[str, tuple[str, ...]]
    form: tuple[Section, ...]
    swing: tuple[float, float] = (0.5, 0.5)
    swing_steps: int = 2
    minor_share: float = 0.5
    scales: tuple[str, str] = ("major", "minor")
    leap: float = 1.5
    chord_centre: int = 60


_RHYTHM = ("drums", "bass", "chords")
_SONG = (
    Section("intro", _RHYTHM),
    Section("verse"),
    Section("chorus"),
    Section("verse"),
    Section("break", ("bass", "chords", "melody")),
    Section("chorus"),
)
_DANCE = (
    Section("intro", ("drums", "chords")),
    Section("groove", _RHYTHM),
    Section("theme"),
    Section("theme"),
    Section("break", ("drums", "bass")),
)
_JAM = (Section("head"), Section("solo"), Section("comping", _RHYTHM), Section("solo"))

STYLES: dict[str, Style] = {
    "blues": Style(
        tempo=(60, 125),
        swing=(0.62, 0.68),
        grooves=("shuffle", "slow_blues"),
        bass=("R-R-3-3-5-5-6-5-", "R-8-7-5-R-8-7-5-", "R---3---5---6---"),
        chords=("X-....x.X-....x.", "..x...x...x...x.", "x-x-x-x-x-x-x-x-", "X---......x-x-.."),
        melody=("..x-x-x-x-----..", "x-x-x---........", "....x-x-x-x-x---", "x-----x-x-x-----"),
        major=("I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7"),
        minor=("i7 i7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",),
        minor_share=0.25,
        scales=("blues", "blues"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("bass_guitar", "upright_bass"),
            "chords": ("electric_guitar", "piano", "organ"),
            "melody": ("electric_guitar", "sax", "distorted_guitar"),
        },
        form=(Section("chorus", bars=12), Section("solo", bars=12)),
        chord_centre=57,
    ),
    "bossa_nova": Style(
        tempo=(110, 150),
        grooves=("bossa", "samba"),
        bass=("R-----5-5-----R-", "R-----5-R-----5-"),
        chords=("X-.x--.x--.x-.x-", "x--x--x...x--x--", "..x-.x-...x-.x-."),
        melody=("..x--x--x--x----", "x-----x--x--x---", "...x--x-----x---", "x--x--x---------"),
        major=("Imaj9 II7 ii7 V7", "Imaj7 vi7 ii9 V9", "Imaj7 bIII7 ii7 V7", "iii7 VI7 ii7 V9"),
        minor=("i6 i6 ii7b5 V7", "i9 iv7 bVII9 bIIImaj7"),
        minor_share=0.35,
        scales=("major", "dorian"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("upright_bass", "bass_guitar"),
            "chords": ("acoustic_guitar", "piano", "electric_piano"),
            "melody": ("flute", "sax", "vibraphone", "piano"),
        },
        form=_JAM,
        leap=1.8,
    ),
    "classical": Style(
        tempo=(66, 144),
        grooves=("none", "timpani"),
        bass=("R---------------", "R-------5-------", "R---R---5---5---"),
        chords=("0-2-1-2-0-2-1-2-", "0-1-2-3-2-1-2-1-", "0121012101210121", "X-------X-------"),
        melody=("x---x-x-x---x---", "x-----x-x-x-x-x-", "x-------x---x---", "xxxxx-x-x---x---"),
        major=("I V7 I IV I V7 I I", "I vi ii V", "I IV ii V7 I vi V7 I", "I-IV V-I I-ii7 V7-I"),
        minor=("i iv V7 i", "i bVI iv V7 i iv-V7 i i", "i-V7 i iv-V7 i"),
        minor_share=0.4,
        scales=("major", "harmonic_minor"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("strings", "upright_bass", "piano"),
            "chords": ("strings", "piano", "acoustic_guitar"),
            "melody": ("flute", "strings", "piano", "brass"),
        },
        form=(
            Section("theme", ("bass", "chords", "melody")),
            Section("tutti"),
            Section("duo", ("chords", "melody")),
            Section("tutti"),
            Section("bridge", ("bass", "chords")),
        ),
        leap=1.3,
        chord_centre=62,
    ),
    "country": Style(
        tempo=(90, 155),
        swing=(0.5, 0.58),
        grooves=("train_beat", "two_beat"),
        bass=("R---....5---....", "R---....5---..a-", "R---R---5---5---"),
        chords=("....x-......x-..", "0...x-..1...x-x.", "0-1-2-1-0-1-2-3-", "x---x-x-x---x-x-"),
        melody=("x---x-x-x---....", "x-x-x---x-x-x---", "..x-x-x-x-x-x-x-", "x-------x-x-x---"),
        major=("I I IV I V V I I", "I IV I V", "I V IV I", "I vi IV V7"),
        minor=("i bVII i V", "i iv i V7"),
        minor_share=0.12,
        scales=("major_pentatonic", "minor"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("upright_bass", "bass_guitar"),
            "chords": ("acoustic_guitar", "electric_guitar", "piano"),
            "melody": ("electric_guitar", "acoustic_guitar", "strings"),
        },
        form=_SONG,
    ),
    "disco": Style(
        tempo=(110, 132),
        grooves=("four_on_the_floor", "sixteenths"),
        bass=("R.8.R.8.R.8.R.8.", "R..R..8.R..R8.7.", "R-R.8.R.R-R.8.5."),
        chords=("..x...x...x...x.", "x..x..x...x.x...", "xoxx.xx.xoxx.xx.", "X-------x--x----"),
        melody=("x--x--x-x--x--x-", "x.x.x--x--x-----", "x-----x-x---....", "........x.x.x--x"),
        major=("Imaj7 vi7 ii7 V7", "IVmaj7 iii7 ii7 V7", "I IV vi V"),
        minor=("i7 IV7", "i bVII bVI bVII", "i7 iv7 bVII9 bIIImaj7"),
        minor_share=0.6,
        scales=("major", "dorian"),
        instruments={
            "drums": ("drum_kit", "drum_machine"),
            "bass": ("bass_guitar", "synth_bass"),
            "chords": ("electric_guitar", "electric_piano", "strings"),
            "melody": ("strings", "brass", "synth_lead"),
        },
        form=_DANCE,
        chord_centre=63,
    ),
    "hiphop": Style(
        tempo=(76, 102),
        swing=(0.53, 0.62),
        swing_steps=1,
        grooves=("boom_bap", "trap", "head_nod"),
        bass=("R-----R---R-....", "R-----------5---", "R--R......R-8-7-", "R-----....R-R---"),
        chords=(
            "X---------------",
            "x-..........x-..",
            "0-2-1-2-........",
            "x--x--..........",
            "0...1...2...1...",
        ),
        melody=("x--x--x---......", "........x-x--x--", "x-..x-..x-......", "x-x-............"),
        major=("Imaj7 vi7", "ii7 Imaj7", "vi7 IVmaj7"),
        minor=("i7 i7", "i bVI", "i9 iv9", "i7 bVII7 bVI7 V7"),
        minor_share=0.85,
        scales=("major_pentatonic", "minor_pentatonic"),
        instruments={
            "drums": ("drum_machine", "drum_kit"),
            "bass": ("synth_bass", "upright_bass"),
            "chords": ("electric_piano", "strings", "piano", "synth_pad"),
            "melody": ("synth_lead", "vibraphone", "flute", "piano"),
        },
        form=_DANCE,
    ),
    "jazz": Style(
        tempo=(110, 210),
        swing=(0.58, 0.67),
        grooves=("swing", "bebop"),
        bass=("R---3---5---a---", "R---5---3---a---", "8---7---5---a---", "R---3---5---7---"),
        chords=("x-....x---......", "......x-......x-", "X-----........x-", "..x-......x-...."),
        melody=("..x-x-x-x-x-x-x-", "x-x-x-x-x---....", "....x-x-x-x-x-..", "x-----x-....x-x-"),
        major=("ii7 V7 Imaj7 Imaj7", "Imaj7-vi7 ii7-V7 iii7-VI7 ii7-V7", "ii9 V9 Imaj9 VI7"),
        minor=("ii7b5 V7 i7 i7", "i7 iv7 ii7b5-V7 i7", "i7-bVI7 ii7b5-V7 i6 V7"),
        minor_share=0.4,
        scales=("major", "dorian"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("upright_bass",),
            "chords": ("piano", "electric_guitar", "vibraphone"),
            "melody": ("sax", "brass", "piano", "vibraphone"),
        },
        form=_JAM,
        leap=2.4,
    ),
    "metal": Style(
        tempo=(110, 190),
        grooves=("double_bass", "gallop", "thrash"),
        bass=("RRRRRRRRRRRRRRRR", "R.RRR.RRR.RRR.RR", "R-R-R-R-R-R-R-a-"),
        chords=("xxxxxxxxxxxxxxxx", "x.xxx.xxx.xxx.xx", "X---x.x.x.x.X---", "xx.xx.xx.xx.x.x."),
        melody=("xxxxxxxxxxxxxxxx", "x---x-x-x---x-x-", "x-xxx-xxx-xxx-xx", "x-------x-------"),
        major=("I5 bVII5 IV5 I5",),
        minor=("I5 bVI5 bVII5 I5", "I5 bII5 I5 bVII5", "I5 I5 bIII5 bII5", "I5-bII5 I5-bIII5"),
        minor_share=0.95,
        scales=("mixolydian", "phrygian"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("bass_guitar",),
            "chords": ("distorted_guitar",),
            "melody": ("distorted_guitar", "synth_lead"),
        },
        form=(
            Section("riff", _RHYTHM),
            Section("verse", _RHYTHM),
            Section("solo"),
            Section("riff"),
        ),
        leap=1.2,
        chord_centre=47,
    ),
    "reggae": Style(
        tempo=(62, 92),
        swing=(0.5, 0.6),
        swing_steps=1,
        grooves=("one_drop", "rockers", "steppers"),
        bass=("R--R--3-5-..3-R-", "....R-R-3-5-....", "R-..R-5-8-5-....", "R---R-5-....5-3-"),
        chords=("....x.......x...", "..x...x...x...x.", "..xx..x...xx..x.", "....xx......xx.."),
        melody=("x-x-..x-x---....", "....x-x-x-x-....", "x---x---x-......", "..x-x-..x-----.."),
        major=("I IV", "I V IV IV", "I ii", "I IV V IV"),
        minor=("i iv", "i bVII", "i bVII bVI bVII"),
        minor_share=0.5,
        scales=("major_pentatonic", "minor"),
        instruments={
            "drums": ("drum_kit", "drum_machine"),
            "bass": ("bass_guitar", "synth_bass"),
            "chords": ("organ", "electric_guitar", "piano"),
            "melody": ("brass", "organ", "sax", "flute"),
        },
        form=_SONG,
        chord_centre=64,
    ),
    "rock": Style(
        tempo=(100, 150),
        grooves=("backbeat", "driving", "half_open"),
        bass=("R-R-R-R-R-R-R-R-", "R---..R-R-..R-R-", "R-R-R-R-5-5-8-5-"),
        chords=("x-x-x-x-x-x-x-x-", "X-----x-X-----x-", "X-------x---x-x-", "x-x-..x-x-x-..x-"),
        melody=("x---x-x-x-----..", "x-x-x-x-x---....", "....x-x-x-x-x---", "x---x---x-x-x---"),
        major=("I V vi IV", "I bVII IV I", "I IV V IV"),
        minor=("i bVII bVI bVII", "i bVI bIII bVII", "I5 bIII5 IV5 bVI5"),
        minor_share=0.45,
        scales=("major", "minor_pentatonic"),
        instruments={
            "drums": ("drum_kit",),
            "bass": ("bass_guitar",),
            "chords": ("distorted_guitar", "electric_guitar", "organ"),
            "melody": ("electric_guitar", "distorted_guitar", "synth_lead"),
        },
        form=_SONG,
        chord_centre=52,
    ),
}
