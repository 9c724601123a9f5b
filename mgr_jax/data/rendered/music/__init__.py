"""A small generator of music: composes and synthesises tracks of several genres from a seed.

`styles` describes each genre as data, `artists` draws the habits of an artist, `compose` writes the
notes, `instruments` and `drums` play them, `mix` makes the record.
"""

import dataclasses

import numpy as np

from mgr_jax.data.rendered.music.artists import invent_artist
from mgr_jax.data.rendered.music.compose import compose
from mgr_jax.data.rendered.music.drums import render_drums
from mgr_jax.data.rendered.music.instruments import INSTRUMENTS, SAMPLE_RATE, render_part
from mgr_jax.data.rendered.music.mix import mix
from mgr_jax.data.rendered.music.styles import STYLES
from mgr_jax.errors import UserError, unknown_name

__all__ = ["GENRES", "SAMPLE_RATE", "TAGS", "RenderedTrack", "render_track"]

GENRES: tuple[str, ...] = tuple(sorted(STYLES))

_TEMPO_CLASSES = {"slow": 90.0, "medium": 125.0, "fast": np.inf}  # upper bounds in BPM
_KITS = ("drum_kit", "drum_machine")

TAGS: tuple[str, ...] = (*GENRES, *_TEMPO_CLASSES, *_KITS, *INSTRUMENTS, "major", "minor")


@dataclasses.dataclass(frozen=True)
class RenderedTrack:
    """A track and its description.

    Attributes:
      samples: waveform [samples] float32 in [-1, 1] at SAMPLE_RATE.
      genre: its genre.
      tags: names from TAGS: genre, tempo class, instruments, mode.
      tempo: in BPM.
      key: such as "A minor".
      groove: name of the drum pattern.
      sections: (start in seconds, name) of each section of the song.
    """

    samples: np.ndarray
    genre: str
    tags: tuple[str, ...]
    tempo: float
    key: str
    groove: str
    sections: tuple[tuple[float, str], ...]


def render_track(
    genre: str, artist: int, track: int, *, seed: int = 0, seconds: float = 30.0
) -> RenderedTrack:
    """Composes and synthesises one track; the same arguments give the same samples.

    Args:
      genre: one of GENRES.
      artist: number of the artist within the genre, from 0. Tracks of an artist share instruments,
        mix, and habits of tempo and key.
      track: number of the track of the artist, from 0.
      seed: seed of all music; another seed gives other artists.
      seconds: length of the track.

    Returns:
      The track, of round(seconds * SAMPLE_RATE) samples.

    Raises:
      UserError: the genre is unknown, or the track would be shorter than 2 s.
    """
    if genre not in STYLES:
        raise unknown_name("genre", genre, GENRES)
    if seconds < 2:
        raise UserError(
            f"a rendered track lasts at least 2 s, not {seconds} s; ask for more",
            code="argument.out_of_range",
        )
    style = STYLES[genre]
    entropy = [seed, *genre.encode()]
    player = invent_artist(style, _generator(entropy, artist))
    rng = _generator(entropy, artist, track)
    num_samples = round(seconds * SAMPLE_RATE)
    score = compose(style, player, rng, seconds)
    parts = {
        role: render_part(player.instruments[role], notes, num_samples)
        for role, notes in score.notes.items()
    }
    playing = {player.instruments[role].name for role in parts}
    if score.hits:
        parts["drums"] = render_drums(player.kit, score.hits, num_samples, rng)
        playing.add(player.kit.name)
    tempo_class = next(name for name, bound in _TEMPO_CLASSES.items() if score.tempo < bound)
    told = {genre, tempo_class, score.key.split()[1]} | playing
    return RenderedTrack(
        samples=mix(parts, player.desk, rng),
        genre=genre,
        tags=tuple(tag for tag in TAGS if tag in told),
        tempo=score.tempo,
        key=score.key,
        groove=score.groove,
        sections=score.sections,
    )


def _generator(entropy: list[int], *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(entropy, spawn_key=key))
