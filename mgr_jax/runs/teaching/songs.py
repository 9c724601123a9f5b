"""The songs to teach: labelled files, their groups, and the files left out with reasons."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mgr_jax.data.class_names import read_class_names, read_pairs
from mgr_jax.data.folder_index import Entry, describe_files, find_index
from mgr_jax.data.genre_folders import find_doubt
from mgr_jax.data.genres import join_spellings, same_key, stands_for_nothing, tidy_name
from mgr_jax.data.splits import split_name
from mgr_jax.decisions import OTHER
from mgr_jax.errors import UserError, some_names, unknown_name
from mgr_jax.runs.folder_result import REASONS, LeftOut
from mgr_jax.runs.teaching.store import Item

_COLUMNS = ("path", "genre", "artist")
# What programs write into tags for compilations and unknown artists.
_NOBODY = ("unknown", "unknown artist", "unknown album", "various", "various artists", "va")
_SURE = ("folder.no_genres", "data.one_genre")


@dataclass(frozen=True)
class Song:
    """A labelled file.

    Attributes:
      path: absolute path.
      name: path below its folder.
      genre: its genre.
      group: the group that cross-validation keeps in one fold, such as "artist Bach".
    """

    path: str
    name: str
    genre: str
    group: str = ""

    @property
    def by(self) -> str:
        """The kind of its group: "artist", "album", "folder", "file" or a column of the index."""
        return self.group.partition(" ")[0]


def list_songs(
    folder: Path,
    *,
    labels: Path | None = None,
    columns: Mapping[str, str] | str | None = None,
    class_names: Mapping[str, str] | str | Path | None = None,
) -> tuple[list[Song], dict[str, Entry], list[LeftOut]]:
    """Lists the labelled files of a folder.

    Args:
      folder: a folder with a folder for each genre, or with an index.csv.
      labels: see `evaluate_folder`.
      columns: see `evaluate_folder`.
      class_names: which label is which genre, see `read_class_names`; an empty genre leaves files
        out.

    Returns:
      Songs without groups; the index entry of each by path; and the files left out.

    Raises:
      UserError: there is no such folder, no labelled file, or the folders are clearly not genres.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder; give the folder that holds your genre folders",
            code="folder.not_found",
        )
    named = read_pairs(columns, "columns")
    if unknown := named.keys() - set(_COLUMNS):
        raise unknown_name("column of an index", min(unknown), _COLUMNS)
    entries = describe_files(folder, names_in_text=True, index=labels, columns=named)
    if labels is None and find_index(folder) is None:
        doubt = find_doubt(folder, [entry.path for entry in entries])
        if doubt and doubt.code in _SURE:
            raise doubt
    means = {_key(one): other for one, other in read_class_names(class_names).items()}
    songs, known, left_out = [], {}, []
    for entry in entries:
        genre = means.get(_key(entry.genre), entry.genre)
        if not (folder / entry.path).is_file():
            left_out.append(LeftOut(entry.path, "no_file", REASONS["no_file"]))
        elif not entry.genre:
            left_out.append(LeftOut(entry.path, "no_label", REASONS["no_label"]))
        elif not genre:
            reason = f"its label '{entry.genre}' was excluded"
            left_out.append(LeftOut(entry.path, "no_class", reason))
        else:
            genre = OTHER if _key(genre) == OTHER else genre
            song = Song(str(folder / entry.path), entry.path, genre)
            songs.append(song)
            known[song.path] = entry
    if not songs:
        raise UserError(
            f"no audio file in {folder} has a label; put them into a folder for each genre, or "
            "name them and their genres in an index.csv (columns path and genre, or the names "
            "that `columns` gives)",
            code="table.no_labels",
        )
    return songs, known, left_out


def group_songs(
    songs: Sequence[Song],
    known: Mapping[str, Entry],
    items: Mapping[str, Item],
    group_by: str | None = None,
) -> list[Song]:
    """Assigns a group to each song.

    The group is the artist of the index or the tags, else the album, else the first folder within
    that of the genre, else the file itself; or the value of a column of the index. Songs of equal
    sound are in one group.

    Args:
      songs: the songs.
      known: index entry of each by path.
      items: stored outcome of each file by path.
      group_by: a column of the index.

    Returns:
      The songs with their groups.

    Raises:
      UserError: no song has a value in that column.
    """
    found = []
    for song in songs:
        entry, item = known[song.path], items[song.path]
        told = {
            "artist": entry.artist or _of_tag(item.artist),
            "album": entry.groups.get("album") or _of_tag(item.album),
            "folder": _subfolder(entry),
        }
        if group_by is not None:
            told = {group_by.replace(" ", "_"): entry.column(group_by)}
        by, value = next(((k, v) for k, v in told.items() if v), ("file", song.path))
        found.append((by, value))
    if group_by is not None and all(by == "file" for by, _ in found):
        raise UserError(
            f"no song has a value in the column '{group_by}' of an index; name one that there is "
            "(`group_by`)",
            code="teach.no_groups",
        )
    values = join_spellings([value for _, value in found])
    group = [f"{by} {value}" for (by, _), value in zip(found, values, strict=True)]
    first: dict[str, str] = {}  # songs of equal sound
    joined: dict[str, str] = {}
    for song, name in zip(songs, group, strict=True):
        other = first.setdefault(items[song.path].sound, name)
        one, two = _root(joined, name), _root(joined, other)
        if one != two:
            if two.startswith("file "):  # the other is more specific
                one, two = two, one
            joined[one] = two
    return [
        replace(song, group=_root(joined, name)) for song, name in zip(songs, group, strict=True)
    ]


def drop_contradictions(
    songs: Sequence[Song], items: Mapping[str, Item]
) -> tuple[list[Song], list[LeftOut]]:
    """Leaves out songs of equal sound with different genres, since the right one is unknown."""
    genres = defaultdict(set)
    for song in songs:
        genres[items[song.path].sound].add(song.genre)
    kept, left_out = [], []
    for song in songs:
        others = genres[items[song.path].sound]
        if len(others) > 1:
            reason = f"the same sound lies under {some_names(sorted(others))}"
            left_out.append(LeftOut(song.name, "unusable", f"{song.name}: {reason}"))
        else:
            kept.append(song)
    return kept, left_out


@dataclass(frozen=True)
class Grouping:
    """The groups that folds keep together.

    Attributes:
      groups: group of each song, [songs] int.
      by: number of songs by kind of group.
      scored: which songs can be scored, [songs] bool; the only song of a genre (or copies of one)
        cannot.
      parted: genres whose songs are all in one group. Only these groups are divided, so that
        several folds have the genre.
    """

    groups: np.ndarray
    by: dict[str, int]
    scored: np.ndarray
    parted: tuple[str, ...]


def make_grouping(songs: Sequence[Song], items: Mapping[str, Item]) -> Grouping:
    """Numbers the groups, and divides those that hold a whole genre (never songs of equal sound).

    Args:
      songs: the songs with their groups.
      items: stored outcome of each file by path.

    Returns:
      The groups.
    """
    sounds = [items[song.path].sound for song in songs]
    groups_of, sounds_of = defaultdict(set), defaultdict(set)
    for song, sound in zip(songs, sounds, strict=True):
        groups_of[song.genre].add(song.group)
        sounds_of[song.genre].add(sound)
    parted = {g for g, found in groups_of.items() if len(found) == 1 < len(sounds_of[g])}
    group = [
        sound if song.genre in parted else song.group
        for song, sound in zip(songs, sounds, strict=True)
    ]
    by = Counter("file" if song.genre in parted else song.by for song in songs)
    scored = np.array([len(sounds_of[song.genre]) > 1 for song in songs])
    _, numbers = np.unique(np.array(group), return_inverse=True)
    if len({song.group for song in songs}) == 1:  # does not distinguish genres
        parted = set()
    return Grouping(numbers, dict(by.most_common()), scored, tuple(sorted(parted)))


def _subfolder(entry: Entry) -> str:
    """The first folder below that of the genre, such as an artist's; empty if there is none."""
    parts = entry.path.split("/")[:-1]
    if entry.split and parts and split_name(parts[0]):
        parts = parts[1:]
    keys = [_key(part) for part in parts]
    if (genre := _key(entry.genre)) in keys:
        depth = keys.index(genre) + 1
        return "/".join(parts[: depth + 1]) if len(parts) > depth else ""
    return "/".join(parts) if len(parts) > 1 else ""


def _of_tag(name: str) -> str:
    """An artist or album from a tag; empty if the tag names none."""
    return "" if stands_for_nothing(name) or same_key(tidy_name(name)) in _NOBODY else name


def _root(joined: Mapping[str, str], name: str) -> str:
    while name in joined:
        name = joined[name]
    return name


def _key(name: str) -> str:
    return same_key(tidy_name(name))
