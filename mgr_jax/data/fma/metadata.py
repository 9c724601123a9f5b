"""Reads the published genres.csv and tracks.csv, whose header has three rows."""

import contextlib
import csv
import io
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mgr_jax.data.archives import file_sizes, open_file
from mgr_jax.data.fma.published import SUBSETS, URL
from mgr_jax.errors import UserError

_SPLITS = {"training": "train", "validation": "validation", "test": "test"}
_COLUMNS = [
    ("set", "split"),
    ("set", "subset"),
    ("track", "genre_top"),
    ("track", "genres_all"),
    ("artist", "id"),
    ("album", "id"),
]
_MAX_FIELD = 1 << 30  # characters; the csv module's default limit is shorter than some biographies


@dataclass(frozen=True)
class Row:
    """A track of tracks.csv.

    Attributes:
      track_id: its id, which names its file.
      split: train, validation or test.
      subset: the smallest subset that holds the track.
      genre: its root genre; empty if it has none or several.
      genres: ids of its genres, usually with their ancestors.
      artist: id; empty if unknown.
      album: id; empty if unknown.
    """

    track_id: int
    split: str
    subset: str
    genre: str
    genres: tuple[int, ...]
    artist: str
    album: str


@dataclass(frozen=True)
class Genre:
    """A line of genres.csv; the parent of a root genre is 0."""

    title: str
    parent: int


def read_genres(metadata: Path) -> dict[int, Genre]:
    """Reads genres.csv.

    Args:
      metadata: fma_metadata.zip or its folder.

    Returns:
      The genre by id.

    Raises:
      UserError: there is no such file, or it is damaged.
    """
    try:
        with _open_csv(metadata, "genres.csv") as lines:
            header = next(lines, [])
            columns = [header.index(name) for name in ("genre_id", "title", "parent")]
            found = [tuple(line[column] for column in columns) for line in lines]
        return {int(genre): Genre(title, int(parent)) for genre, title, parent in found}
    except (ValueError, IndexError) as error:
        raise _damaged(metadata, "genres.csv", error) from error


def read_tracks(metadata: Path, subset: str) -> list[Row]:
    """Reads the rows of tracks.csv that belong to a subset, in the order of their ids.

    Args:
      metadata: fma_metadata.zip or its folder, or the file itself.
      subset: one of SUBSETS; a subset holds the smaller ones.

    Returns:
      The rows.

    Raises:
      UserError: there is no such file, it is damaged, or it holds no track of the subset.
    """
    try:
        with _open_csv(metadata, "tracks.csv") as lines:
            rows = _parse_rows(lines, SUBSETS[: SUBSETS.index(subset) + 1])
    except (ValueError, TypeError) as error:
        raise _damaged(metadata, "tracks.csv", error) from error
    if not rows:
        raise _damaged(metadata, "tracks.csv", f"it names no track of the subset {subset}")
    return sorted(rows, key=lambda row: row.track_id)


def _parse_rows(lines: Iterator[list[str]], wanted: Collection[str]) -> list[Row]:
    header = list(zip(next(lines, []), next(lines, []), strict=False))
    columns = [header.index(name) for name in _COLUMNS]
    if next(lines, [])[:1] != ["track_id"]:
        raise ValueError("its third line does not begin with track_id")
    rows = [row for line in lines if (row := _row(line, header, columns)).subset in wanted]
    if len({row.track_id for row in rows}) < len(rows):
        raise ValueError("it names a track twice")
    return rows


def _row(line: list[str], header: Collection[tuple[str, str]], columns: Iterable[int]) -> Row:
    if len(line) != len(header):
        raise ValueError(f"track {line[:1]} has {len(line)} fields instead of {len(header)}")
    split, subset, genre, genres, artist, album = (line[column] for column in columns)
    if split not in _SPLITS or subset not in SUBSETS[:-1]:
        raise ValueError(f"track {line[0]} is in split '{split}' and subset '{subset}'")
    return Row(
        track_id=int(line[0]),
        split=_SPLITS[split],
        subset=subset,
        genre=genre,
        genres=tuple(map(int, json.loads(genres or "[]"))),
        artist=_known(artist),
        album=_known(album),
    )


def _known(number: str) -> str:
    return "" if number == "-1" else number  # tracks without an album have -1


def genre_tags(
    rows: Iterable[Row], genres: dict[int, Genre]
) -> tuple[tuple[str, ...], dict[int, tuple[str, ...]]]:
    """Titles of the tracks' genres and of all their ancestors.

    Args:
      rows: the tracks.
      genres: the genre by id.

    Returns:
      The titles that occur, in the order of the genres' ids, and those of each track by its id. A
      title that several genres share is followed by the id.

    Raises:
      UserError: a track has a genre that genres.csv does not name.
    """
    counts = Counter(genre.title for genre in genres.values())
    titles = {
        number: genre.title if counts[genre.title] == 1 else f"{genre.title} ({number})"
        for number, genre in genres.items()
    }
    found = {row.track_id: sorted(_with_ancestors(row, genres)) for row in rows}
    occurring = sorted(set().union(*found.values()))
    tags = {track: tuple(titles[number] for number in ids) for track, ids in found.items()}
    return tuple(titles[number] for number in occurring), tags


def _with_ancestors(row: Row, genres: dict[int, Genre]) -> set[int]:
    found: set[int] = set()
    for number in row.genres:
        while number and number not in found:
            if number not in genres:
                raise UserError(
                    f"track {row.track_id} of tracks.csv has genre {number}, which genres.csv does "
                    f"not name; download both again from {URL}/fma_metadata.zip",
                    code="metadata.damaged",
                )
            found.add(number)
            number = genres[number].parent
    return found


@contextlib.contextmanager
def _open_csv(metadata: Path, name: str) -> Iterator[Iterator[list[str]]]:
    """Opens a table, with a larger limit of the csv module until it is closed."""
    if metadata.is_file() and metadata.suffix.lower() == ".csv":
        source, found = metadata.parent, [metadata.name]
    else:
        source = metadata
        found = [path for path in file_sizes(metadata) if PurePosixPath(path).name == name]
    if not found:
        raise UserError(
            f"{metadata} holds no {name}; download it again from {URL}/fma_metadata.zip",
            code="archive.missing_file",
        )
    limit = csv.field_size_limit(_MAX_FIELD)
    try:
        with open_file(source, found[0]) as file:
            yield csv.reader(io.TextIOWrapper(file, "utf-8", newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _damaged(metadata, name, error) from error
    finally:
        csv.field_size_limit(limit)


def _damaged(metadata: Path, name: str, why: object) -> UserError:
    return UserError(
        f"{name} in {metadata} is not as published ({why}); download it again from "
        f"{URL}/fma_metadata.zip",
        code="metadata.damaged",
    )
