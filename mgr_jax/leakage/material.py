"""The material of an audit: a prepared dataset, a folder of audio or a file of features."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgr_jax.audio.fingerprint import Scheme
from mgr_jax.audio.io import Limits
from mgr_jax.data.artists import find_artists
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.feature_files import read_features
from mgr_jax.data.folder_index import describe_files
from mgr_jax.data.locate import find_prepared
from mgr_jax.data.prepared import read_account
from mgr_jax.data.published import assign_published
from mgr_jax.data.sources import file_state
from mgr_jax.files import expand
from mgr_jax.leakage.fingerprints import Source, file_source, split_sources


class Material(NamedTuple):
    """Tracks to audit; sequences have a value per track, empty if unknown.

    Attributes:
      source: its name in reports.
      names: names of the tracks; see `audit_splits`.
      splits: their splits.
      artists: their artists.
      groups: further columns.
      apart: columns whose values should not be in two splits.
      audio: audio of the tracks, by a key that changes when the music does; None for features.
      store: the file that keeps the fingerprints.
      rows: for features, [rows, ...] of each track, which are compared one by one.
    """

    source: str
    names: list[str]
    splits: list[str]
    artists: list[str]
    groups: dict[str, list[str]]
    apart: tuple[str, ...] = ("track", "artist")
    audio: dict[str, Source] | None = None
    store: Path | None = None
    rows: list[np.ndarray] | None = None

    def with_artists(self, index: Path | None) -> "Material":
        """The same with the artists of an index, see `find_artists`, as far as it has them."""
        found = find_artists(index, self.names)
        if found is None:
            return self
        artists = [new or old for new, old in zip(found, self.artists, strict=True)]
        return self._replace(artists=artists)

    def with_protocol(self, name: str) -> "Material":
        """The same with other splits: "dataset" keeps them, a published list gives its own.

        Raises:
          UserError: there is no such list, or it names none of the tracks.
        """
        if name == "dataset":
            return self
        return self._replace(splits=assign_published(name, self.names)[0])


def open_dataset(
    name: str, *, sample_rate: int, data_dir: str | Path | None, scheme: Scheme
) -> Material:
    """All splits of a prepared dataset; fingerprints are kept beside it.

    Args:
      name: name of the dataset.
      sample_rate: rate at which it was prepared, in Hz.
      data_dir: the TFDS folder.
      scheme: how audio will be compared.
    """
    folder = find_prepared(name, sample_rate=sample_rate, data_dir=data_dir)
    account = read_account(folder)
    parts = [open_tracks(folder, split) for split in account["tracks"]]
    of_features = account["format"]["kind"] == "features"
    groups = [json.loads(text) for part in parts for text in part.groups]
    columns = sorted({column for group in groups for column in group})
    wanted = dict.fromkeys(("track", "artist", "identical", *account["split_by"]))
    material = Material(
        source=name if of_features else f"{name} at {sample_rate} Hz",
        names=[track for part in parts for track in part.track_id.tolist()],
        splits=[part.split for part in parts for _ in range(len(part))],
        artists=[artist for part in parts for artist in part.artist_id.tolist()],
        groups={column: [str(group.get(column, "")) for group in groups] for column in columns},
        apart=tuple(column for column in wanted if column in ("track", "artist", *columns)),
    )
    if of_features:
        tracks = [part.read(i) for part in parts for i in range(len(part))]
        return material._replace(rows=_rows(tracks, bool(account.get("columns"))))
    sources = [source for part in parts for source in split_sources(part)]
    keys = map("{}/{}".format, material.splits, material.names)
    return material._replace(
        audio=dict(zip(keys, sources, strict=True)),
        store=folder / "fingerprints" / f"{scheme.name}.npz",
    )


def open_folder(
    folder: Path, *, store: Path | None, scheme: Scheme, limits: Limits | None = None
) -> Material:
    """All audio files below a folder; its index.csv or folders describe them, see `describe_files`.

    Args:
      folder: folder of the files.
      store: folder that keeps the fingerprints; None: the user's cache.
      scheme: how they will be compared.
      limits: which files are refused.

    Raises:
      UserError: no folder, no audio in it, or an index that cannot be used.
    """
    entries = describe_files(folder)
    files = [folder / entry.path for entry in entries]
    columns = sorted({column for entry in entries for column in entry.groups})
    sources = [file_source(file, limits) for file in files]
    keys = [" ".join(map(str, (file.resolve(), *file_state(file)))) for file in files]
    return Material(
        source=str(folder),
        names=[entry.path for entry in entries],
        splits=[entry.split for entry in entries],
        artists=[entry.artist for entry in entries],
        groups={name: [entry.groups.get(name, "") for entry in entries] for name in columns},
        audio=dict(zip(keys, sources, strict=True)),
        store=(store or _cache(folder)) / f"fingerprints_{scheme.name}.npz",
    )


def open_table(file: Path, *, tracks: Path | None, subset: str | None) -> Material:
    """A file of features; see `read_features`.

    Args:
      file: path of the file.
      tracks: for a table of FMA: its metadata.
      subset: for a table of FMA: a subset.
    """
    table = read_features(file, tracks, subset=subset)
    return Material(
        source=str(file),
        names=list(table.track_id),
        splits=list(table.split),
        artists=list(table.artist),
        groups={name: list(values) for name, values in table.groups.items()},
        rows=_rows(list(table.features), bool(table.columns)),
    )


def _rows(tracks: list[np.ndarray], is_table: bool) -> list[np.ndarray]:
    # Spectrograms are compared as a whole: frames of silence are equal in any two.
    return tracks if is_table else [track[None] for track in tracks]


def _cache(folder: Path) -> Path:
    """The user's cache folder, as music may lie on a read-only disk."""
    base = expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return base / "mgr_jax" / "audit" / name
