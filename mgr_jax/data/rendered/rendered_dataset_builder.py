"""TFDS builder for the embedded dataset of rendered music."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data.audio_builder import SAMPLE_RATES, AudioBuilder, AudioConfig
from mgr_jax.data.records import Track
from mgr_jax.data.rendered import music
from mgr_jax.data.rendered.loading import load_rendered
from mgr_jax.data.splits import assign_splits
from mgr_jax.data.track_builder import Plan

_FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


@dataclasses.dataclass
class RenderedConfig(AudioConfig):
    """The amount of rendered music.

    Attributes:
      genres: number of the generator's genres, in alphabetical order.
      artists: artists per genre; each split gets its own.
      tracks: tracks per artist.
      seconds: seconds per track.
      seed: seed of the music and of the split.
    """

    genres: int = len(music.GENRES)
    artists: int = 15
    tracks: int = 3
    seconds: float = 15.0
    seed: int = 0


_SIZES: dict[str, dict[str, Any]] = {
    "demo": {"description": "15 s clips, three by each artist: minutes to train on two cores."},
    "full": {"artists": 20, "tracks": 10, "seconds": 30.0, "description": "30 s clips."},
    "tiny": {"genres": 3, "artists": 5, "tracks": 1, "seconds": 4.0, "description": "For tests."},
}


class Builder(AudioBuilder):
    """Music rendered from a seed; the label is the genre, the tags describe the music."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (the name is TFDS's)
    BUILDER_CONFIGS = [  # noqa: RUF012
        RenderedConfig(name=f"{name}_{rate}", sample_rate=rate, **size)
        for name, size in _SIZES.items()
        for rate in SAMPLE_RATES
    ]

    HOMEPAGE = "mgr_jax/data/rendered/README.md"
    LICENSE = "MIT"

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> RenderedConfig:
        """See TrackBuilder.

        Args:
          name: see TrackBuilder.
          variant: see TrackBuilder.
          **options: see TrackBuilder.
        """
        del variant, options  # the name says it all
        return next(config for config in cls.BUILDER_CONFIGS if config.name == name)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Lists the tracks to render; see TrackBuilder."""
        del manual_dir  # nothing is read
        config = self.builder_config
        artists = [
            (genre, artist)
            for genre in music.GENRES[: config.genres]
            for artist in range(config.artists)
        ]
        names = [f"{genre}.{artist:02d}" for genre, artist in artists]
        assigned = assign_splits(
            [genre for genre, _ in artists],
            names,
            fractions=_FRACTIONS,
            seed=config.seed,
            group_name="artist",
        )
        splits: dict[str, list[Track]] = {split: [] for split in _FRACTIONS}
        for (genre, artist), name, split in zip(artists, names, assigned, strict=True):
            for track in range(config.tracks):
                load = functools.partial(
                    load_rendered,
                    genre,
                    artist,
                    track,
                    config.seed,
                    config.seconds,
                    config.sample_rate,
                )
                splits[split].append(Track(f"{name}.{track:02d}", genre, load, artist_id=name))
        protocol = {
            "split_by": ["artist"],
            "given": False,
            "fractions": list(_FRACTIONS.values()),
            "seed": config.seed,
            "artists_in_several_splits": 0,
            "source": f"{config.genres} genres x {config.artists} artists x {config.tracks} tracks "
            f"x {config.seconds} s",
        }
        return Plan(splits, protocol, music.TAGS)
