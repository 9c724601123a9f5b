"""TFDS builder for a folder of audio files."""

import dataclasses
import functools
import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data import SPLITS
from mgr_jax.data.audio_builder import AudioBuilder, AudioConfig
from mgr_jax.data.folder_index import Entry, find_index, read_folder
from mgr_jax.data.genres import join_spellings
from mgr_jax.data.identical import identical_files, tell_of_twins
from mgr_jax.data.records import Track, load_file
from mgr_jax.data.sources import SourceFile
from mgr_jax.data.splits import (
    assign_splits,
    crossing,
    join_groups,
    require_given_splits,
    require_two_genres,
    shares,
)
from mgr_jax.data.track_builder import Plan
from mgr_jax.errors import UserError


@dataclasses.dataclass
class AudioFolderConfig(AudioConfig):
    """How a folder is split; stored in protocol.json.

    Attributes:
      split_by: columns whose values stay in one split. Empty: the artist if the index knows
        artists, else the track. ("track",) splits by track only.
      fractions: shares of train, validation and test; not used if the index has a split.
      seed: seed of the split.
    """

    split_by: tuple[str, ...] = ()
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0


class Builder(AudioBuilder):
    """A folder of `<genre>/<file>` or `<split>/<genre>/<file>`, or with an index.csv."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (the name is TFDS's)
    HOMEPAGE = "mgr_jax/data/audio_folder/README.md"
    LICENSE = "That of the owners of the audio."
    MANUAL_DOWNLOAD_INSTRUCTIONS = "manual_dir holds <genre>/<file>, and may hold an index.csv."

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> AudioFolderConfig:
        """See TrackBuilder.

        Args:
          name: see TrackBuilder.
          variant: see TrackBuilder.
          **options: see TrackBuilder.
        """
        del variant
        return AudioFolderConfig(name=name, description="A folder of audio files.", **options)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Reads the folder and splits it; see TrackBuilder."""
        assert manual_dir is not None
        config = self.builder_config
        entries = read_folder(manual_dir)
        sizes = {entry.path: _size(manual_dir / entry.path) for entry in entries}
        twins = identical_files(manual_dir, sizes)
        tell_of_twins(manual_dir, twins, {entry.path: entry.genre for entry in entries})
        splits, protocol = split_entries(
            entries,
            [twins.get(entry.path, "") for entry in entries],
            split_by=config.split_by,
            fractions=config.fractions,
            seed=config.seed,
            source=str(find_index(manual_dir) or manual_dir),
        )
        tracks: dict[str, list[Track]] = {split: [] for split in SPLITS}
        for entry, split in zip(entries, splits, strict=True):
            load = functools.partial(
                load_file, manual_dir / entry.path, config.sample_rate, self.limits
            )
            twin = {"identical": twins[entry.path]} if entry.path in twins else {}
            tracks[split].append(
                Track(
                    entry.path,
                    entry.genre,
                    load,
                    entry.artist,
                    groups=entry.groups | twin,
                    file=SourceFile(manual_dir, entry.path),
                )
            )
        listing = json.dumps([*map(dataclasses.asdict, entries), *sizes.values()])
        source = hashlib.sha256(listing.encode()).hexdigest()
        return Plan(tracks, protocol | {"source": source})


def _size(path: Path) -> int:
    return path.stat().st_size if os.path.isfile(path) else -1  # whatever its name in an index


def split_entries(
    entries: Sequence[Entry],
    identical: Sequence[str],
    *,
    split_by: Sequence[str],
    fractions: Sequence[float],
    seed: int,
    source: str = "index.csv",
) -> tuple[list[str], dict[str, Any]]:
    """Splits entries by column; byte-identical files stay in one split.

    Args:
      entries: entries of the folder.
      identical: for each entry, a name shared by byte-identical files, else empty.
      split_by: columns whose values stay in one split; empty: see AudioFolderConfig.
      fractions: shares of train, validation and test; not used if the entries have splits.
      seed: seed of the split.
      source: where the splits come from, for messages.

    Returns:
      The split of every entry, and the account of it for protocol.json.

    Raises:
      UserError: an unknown column, a given split that leaks, or groups that cannot be divided.
    """
    require_two_genres([entry.genre for entry in entries])
    columns = tuple(split_by) or (("artist",) if any(e.artist for e in entries) else ("track",))
    for name in columns:
        if name != "track" and not any(entry.column(name) for entry in entries):
            there = {column for entry in entries for column in (*entry.groups, "artist")}
            known = sorted(c for c in there if any(entry.column(c) for entry in entries))
            told = f"{source} has {', '.join(known) or 'no column to split by'}"
            raise UserError(
                f"no track has a value in column '{name}' to split by; {told}, and 'track' is "
                "always there" + ("" if known else f"; to split by {name}, tell it in index.csv"),
                code="split.unknown_column",
            )
    values = {
        name: join_spellings([entry.column(name) for entry in entries])
        for name in columns
        if name != "track"
    }
    given = any(entry.split for entry in entries)
    if given:
        splits = [entry.split for entry in entries]
        for name, column in [*values.items(), ("content", identical)]:
            if crossed := crossing(column, splits):
                group, names = next(iter(crossed.items()))
                files = [e.path for e, v in zip(entries, column, strict=True) if v == group]
                what, way_out = f"{name} '{group}'", ", or split by track (`split_by`)"
                if name == "content":
                    what, way_out = "the same audio", ", or remove all but one copy"
                raise UserError(
                    f"{source} puts {what} into {' and '.join(names)} ({', '.join(files[:3])}); "
                    f"give it one split{way_out}",
                    code="split.overlap",
                )
        require_given_splits(source, splits)
    else:
        groups = join_groups([*values.values(), identical])
        splits = assign_splits(
            [entry.genre for entry in entries],
            groups,
            fractions=shares(fractions),
            seed=seed,
            group_name=" or ".join(columns),
        )
    artists = crossing([entry.artist for entry in entries], splits)
    if artists:
        warnings.warn(
            f"{len(artists)} artists are in more than one split, because the splits are made by "
            f"{' and '.join(columns)}",
            stacklevel=2,
        )
    protocol = {
        "split_by": list(columns),
        "given": given,
        "fractions": None if given else list(fractions),
        "seed": None if given else seed,
        "unknown": {name: sum(not v for v in column) for name, column in values.items()},
        "artists_in_several_splits": len(artists),
        "identical_files": sum(map(bool, identical)),
    }
    return splits, protocol
