"""TFDS builder for GTZAN."""

import dataclasses
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data import SPLITS
from mgr_jax.data.artists import find_artists
from mgr_jax.data.audio_builder import AudioBuilder, AudioConfig
from mgr_jax.data.gtzan.files import WANTED, find_tracks
from mgr_jax.data.identical import identical_files, tell_of_twins
from mgr_jax.data.named_splits import split_tracks
from mgr_jax.data.records import Track, load_member
from mgr_jax.data.sources import SourceFile
from mgr_jax.data.track_builder import Plan


@dataclasses.dataclass
class GtzanConfig(AudioConfig):
    """How GTZAN is split; see `split_tracks`.

    Attributes:
      splits: "fault_filtered", "stratified" or "artist".
      artists: an index of artists, which the artist splits need.
      fractions: shares of train, validation and test; not used by fault_filtered.
      seed: seed of the split; not used by fault_filtered.
    """

    splits: str = "fault_filtered"
    artists: Path | None = None
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0


class Builder(AudioBuilder):
    """GTZAN from the folders or archives that the user has."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (the name is TFDS's)
    HOMEPAGE = "mgr_jax/data/gtzan/README.md"
    LICENSE = "That of the owners of the audio."
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"manual_dir holds {WANTED}."

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> GtzanConfig:
        """See TrackBuilder.

        Args:
          name: see TrackBuilder.
          variant: see TrackBuilder.
          **options: see TrackBuilder.
        """
        return GtzanConfig(name=name, splits=variant, description="GTZAN.", **options)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Finds the tracks and splits them; see TrackBuilder."""
        assert manual_dir is not None
        config = self.builder_config
        expansion = self.limits.max_expansion
        unpacked = Path(self._data_dir_root) / "unpacked"
        found = find_tracks(manual_dir, unpacked, max_expansion=expansion)
        names, sizes = found.names, found.sizes
        twins = identical_files(found.source, sizes, max_expansion=expansion)
        tell_of_twins(found.shown, twins, {n: track.split(".")[0] for track, n in names.items()})
        track_ids = sorted(names)
        genres = [track.split(".")[0] for track in track_ids]
        artists = find_artists(config.artists, track_ids)
        splits, protocol = split_tracks(
            track_ids,
            genres,
            splits=config.splits,
            artists=artists,
            fractions=config.fractions,
            seed=config.seed,
            identical=[twins.get(names[track], "") for track in track_ids],
        )
        artists = artists or [""] * len(track_ids)
        tracks: dict[str, list[Track]] = {split: [] for split in SPLITS if split in splits}
        columns = (track_ids, genres, artists, splits)
        for track, genre, artist, split in zip(*columns, strict=True):
            if split:
                name = names[track]
                where = (found.source, name, config.sample_rate, self.limits, found.shown)
                load = functools.partial(load_member, *where)
                groups = {"identical": twins[name]} if name in twins else {}
                file = SourceFile(found.source, name)
                tracks[split].append(Track(track, genre, load, artist, groups, file=file))
        listing = [
            (track, sizes[names[track]], artist)
            for track, artist in zip(track_ids, artists, strict=True)
        ]
        digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        return Plan(tracks, protocol | {"source": digest})
