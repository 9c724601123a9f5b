"""Artists: their instruments, and the mix of their records."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from mgr_jax.data.rendered.music.drums import Kit
from mgr_jax.data.rendered.music.instruments import INSTRUMENTS, Instrument
from mgr_jax.data.rendered.music.mix import Desk
from mgr_jax.data.rendered.music.styles import ROLES, STYLES, Style

# How often a role goes to an instrument of another genre. Together with the spread of the mixes, it
# sets how much timbre alone reveals of the genre; a test measures that.
_CROSSOVER = 0.3


@dataclasses.dataclass(frozen=True)
class Artist:
    """What the tracks of an artist have in common.

    Attributes:
      instruments: role → instrument, with the artist's own settings; drums apart.
      kit: the drums.
      desk: the mix.
      tempo: of a typical track, in BPM.
      swing: see `Style`.
      keys: pitch classes of the tonics in use.
      melody_centre: MIDI pitch.
      looseness: standard deviation of the timing, in seconds.
      strum: seconds between the notes of a chord.
      legato: share of each note that sounds.
    """

    instruments: Mapping[str, Instrument]
    kit: Kit
    desk: Desk
    tempo: float
    swing: float
    keys: tuple[int, ...]
    melody_centre: int
    looseness: float
    strum: float
    legato: float


def invent_artist(style: Style, rng: np.random.Generator) -> Artist:
    """Draws an artist of a style."""
    names = {role: _pick_instrument(style, role, rng) for role in ROLES}
    return Artist(
        instruments={
            role: _adjust(INSTRUMENTS[name], rng) for role, name in names.items() if role != "drums"
        },
        kit=Kit(
            names["drums"],
            tune=_spread(rng, 0.15),
            length=_spread(rng, 0.3) * (1.3 if names["drums"] == "drum_machine" else 1),
            noise=_spread(rng, 0.3),
            brightness=_spread(rng, 0.2),
        ),
        desk=Desk(
            levels={role: rng.normal(0, 3) for role in ROLES},
            drive=rng.uniform(0.5, 4),
            tilt=rng.normal(-1.2, 1.2),
            low_cut=rng.uniform(30, 90),
            high_cut=np.exp(rng.uniform(np.log(3500), np.log(10_500))),
            reverb=rng.uniform(0.05, 0.7),
            reverb_seconds=rng.uniform(0.3, 1.8),
            noise=rng.uniform(-60, -32),
            peak=rng.uniform(0.55, 0.95),
        ),
        tempo=rng.uniform(*style.tempo),
        swing=rng.uniform(*style.swing),
        keys=tuple(rng.choice(12, 4, replace=False).tolist()),
        melody_centre=int(rng.integers(66, 78)),
        looseness=rng.uniform(0, 0.012),
        strum=rng.uniform(0, 0.02),
        legato=rng.uniform(0.7, 1.0),
    )


def _pick_instrument(style: Style, role: str, rng: np.random.Generator) -> str:
    own = style.instruments[role]
    every = sorted({name for other in STYLES.values() for name in other.instruments[role]})
    return str(rng.choice(every if rng.random() < _CROSSOVER else own))


def _adjust(instrument: Instrument, rng: np.random.Generator) -> Instrument:
    return dataclasses.replace(
        instrument,
        cutoff=instrument.cutoff * _spread(rng, 0.35),
        sweep=instrument.sweep * _spread(rng, 0.3),
        attack=instrument.attack * _spread(rng, 0.3),
        release=instrument.release * _spread(rng, 0.3),
        decay=instrument.decay * _spread(rng, 0.3),
        detune=instrument.detune * _spread(rng, 0.3),
        vibrato=instrument.vibrato * _spread(rng, 0.3),
        drive=instrument.drive * _spread(rng, 0.3),
    )


def _spread(rng: np.random.Generator, sigma: float) -> float:
    """A factor around 1."""
    return float(np.exp(rng.normal(0, sigma)))
