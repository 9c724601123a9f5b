"""TFDS builder for GTZAN."""

import dataclasses
import functools
import hashlib
import json
import re
import warnings
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.data import SPLITS
from mgr_jax.data.archives import list_files, read_bytes, unpack_tar
from mgr_jax.data.artists import find_artists
from mgr_jax.data.identical import identical_files
from mgr_jax.data.named_splits import split_tracks
from mgr_jax.data.records import Track, load_member
from mgr_jax.data.track_builder import AudioBuilder, AudioConfig, Plan
from mgr_jax.errors import UserError

GENRES = (
    "blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip

_ROOTS = ("genres/", "genres_original/", "Data/genres_original/", "")
_TRACK = re.compile(rf"(\w+)/\1\.\d{{5}}({'|'.join(map(re.escape, AUDIO_SUFFIXES))})")
# Where to find the files; the checksum stands in torchaudio's datasets/gtzan.py (2.11.0).
_WANTED = (
    "genres/<genre>/<genre>.<number>.au (or genres.tar.gz itself, once at "
    "http://opihi.cs.uvic.ca/sound/genres.tar.gz, SHA-256 "
    "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6), or "
    "genres_original/<genre>/<genre>.<number>.wav (or the zip itself, from "
    "https://www.kaggle.com/datasets/andradaolteanu/gtzan-dataset-music-genre-classification)"
)


@dataclasses.dataclass
class GtzanConfig(AudioConfig):
    """How GTZAN is split; see `split_tracks`.

    Attributes:
      splits: "fault_filtered", "stratified" or "artist".
      artists: an index of artists, which the artist splits need.
      fractions: shares of train, validation and test; not used by fault_filtered.
      seed: of the split; not used by fault_filtered.
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
    MANUAL_DOWNLOAD_INSTRUCTIONS = f"manual_dir holds {_WANTED}."

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> GtzanConfig:
        """See TrackBuilder."""
        return GtzanConfig(name=name, splits=variant, description="GTZAN.", **options)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Finds the tracks and splits them; see TrackBuilder."""
        assert manual_dir is not None
        config = self.builder_config
        shown, source, sizes = _find_files(manual_dir, Path(self._data_dir_root) / "unpacked")
        names = {Path(name).stem: name for name in sizes}
        if len(names) < len(sizes):
            twice = next(name for name in sizes if names[Path(name).stem] != name)
            raise UserError(
                f"{shown} holds {Path(twice).stem} more than once; keep one file of it",
                code="dataset.duplicate_track",
            )
        twins = identical_files(sizes, functools.partial(read_bytes, source))
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
                load = functools.partial(
                    load_member, source, name, config.sample_rate, self.limits, shown
                )
                groups = {"identical": twins[name]} if name in twins else {}
                tracks[split].append(Track(track, genre, load, artist, groups))
        listing = [
            (track, sizes[names[track]], artist)
            for track, artist in zip(track_ids, artists, strict=True)
        ]
        digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
        return Plan(tracks, protocol | {"source": digest})


def _find_files(manual_dir: Path, unpacked: Path) -> tuple[Path, Path, dict[str, int]]:
    """Finds the tracks' files.

    Returns:
      What to call the folder or archive that holds them, the folder or zip to read them from, and
      their sizes by name there.
    """
    for path in (manual_dir, *sorted(manual_dir.glob("*.zip"))) if manual_dir.is_dir() else ():
        if found := _list_tracks(path, path):
            return path, path, found
    archive = manual_dir / "genres.tar.gz"
    if archive.is_file():
        unpack_tar(archive, unpacked)
        if found := _list_tracks(unpacked, archive):
            return archive, unpacked, found
    raise UserError(
        f"GTZAN is not in {manual_dir}; expected there: {_WANTED}", code="dataset.incomplete"
    )


def _list_tracks(source: Path, shown: Path) -> dict[str, int]:
    """Sizes of the tracks in the first tree that a folder or zip holds, by name."""
    for root in _ROOTS:
        folders = tuple(f"{root}{genre}/" for genre in GENRES)
        if source.is_dir():  # it may hold much else
            found = {
                folder + name: size
                for folder in folders
                if (source / folder).is_dir()
                for name, size in list_files(source / folder).items()
            }
        else:
            found = {n: size for n, size in list_files(source).items() if n.startswith(folders)}
        tracks = {n: size for n, size in found.items() if _TRACK.fullmatch(n.removeprefix(root))}
        if tracks and len(tracks) < len(found):
            others = [name for name in found if name not in tracks]
            warnings.warn(
                f"{len(others)} files in the genre folders of {shown} were left out "
                f"({', '.join(others[:3])}{', …' if len(others) > 3 else ''}); tracks are named "
                f"<genre>.<5 digits>, with {', '.join(AUDIO_SUFFIXES)}",
                stacklevel=4,
            )
        if tracks:
            return tracks
    return {}
