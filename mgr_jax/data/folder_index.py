"""Reads what a folder of audio files holds: `<genre>/<file>`, or the rows of `index.csv`."""

import logging
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import NamedTuple

from mgr_jax.audio.listing import AUDIO_SUFFIXES, READABLE, Files, list_files, no_audio_files
from mgr_jax.data import SPLITS
from mgr_jax.data.fma_names import fma_track
from mgr_jax.data.genre_folders import Place, find_doubt, find_hint, place_files
from mgr_jax.data.genres import join_alike, join_spellings, same_key, stands_for_nothing, tidy_name
from mgr_jax.data.index_table import NO_COLUMNS, IndexRow, read_index_table
from mgr_jax.data.splits import split_name
from mgr_jax.errors import UserError, some_names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One file: its path below the folder, and its metadata from the index."""

    path: str
    genre: str
    artist: str = ""
    split: str = ""
    groups: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The value of a column that splits can be made by; empty if unknown."""
        return self.artist if name == "artist" else self.groups.get(name, "")


class _Found(NamedTuple):
    """The files of a folder with their labels.

    Attributes:
      entries: those that an index.csv names, which need not exist, or else all audio files.
      told_by: the index, or the folder.
      doubt: why the folders are clearly not genres, or name none although the index relies on
        them; None if they may be genres.
      hint: a sentence on why they are probably not genres; empty if there is none.
      unnamed: audio files that the index does not name.
      others: other files that were left out.
    """

    entries: list[Entry]
    told_by: Path
    doubt: UserError | None
    hint: str
    unnamed: list[str]
    others: Files


def read_folder(folder: Path) -> list[Entry]:
    """Lists a folder's entries for a dataset, sorted by path; logs what it leaves out.

    Genres that differ only in case, spaces or Unicode form are one, and so are artists; see
    `join_alike`.

    Args:
      folder: a folder with `index.csv` (columns path, genre, artist, split, and further ones, which
        are kept as text; only `path` is required, and the genre is then the first folder of the
        path); or with audio files in one folder per genre, or in such folders in one folder per
        split.

    Returns:
      The entries.

    Raises:
      UserError: no folder, no files, folders that are clearly not genres, or an index that cannot
        be used.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder; give the folder that holds your genre folders",
            code="folder.not_found",
        )
    found = _find_entries(list_files(folder), names_in_text=True)
    if found.doubt:
        raise found.doubt
    entries = [entry for entry in found.entries if tidy_name(entry.genre)]
    outside = [entry.path for entry in found.entries if not tidy_name(entry.genre)]
    others = found.others.without(outside, "outside a genre folder")
    others = others.without(found.unnamed, f"that {found.told_by.name} does not name")
    if not entries:
        raise UserError(
            f"{folder} holds no audio files in genre folders; expected {folder}/<genre>/<file> "
            f"({READABLE}){others.left_out_clause()}",
            code="folder.no_audio",
        )
    others.tell()
    if found.hint:
        warnings.warn(found.hint, stacklevel=2)
    return _tidy(entries, found.told_by)


def describe_files(
    folder: Path,
    *,
    names_in_text: bool = False,
    index: Path | None = None,
    columns: Mapping[str, str] = NO_COLUMNS,
) -> list[Entry]:
    """Lists all audio files of a folder, sorted by path, with their metadata.

    Like `read_folder`, but folders that are clearly not genres only give a warning, and files that
    an index does not name, or that lie outside a genre folder, are kept without metadata. The
    folders of FMA's own files are not taken for genres either.

    Args:
      folder: see `read_folder`.
      names_in_text: leave out files whose names are not UTF-8.
      index: an index to use in place of the folder's index.csv, wherever it lies.
      columns: names of the index's columns, see `read_index_table`.

    Returns:
      The entries.

    Raises:
      UserError: no folder, no audio, or an index that cannot be used.
    """
    files = list_files(folder)
    found = _find_entries(files, names_in_text=names_in_text, index=index, columns=columns)
    if not (found.entries or found.unnamed):
        raise no_audio_files(found.others)
    found.others.tell()
    if found.unnamed:
        are = "is" if len(found.unnamed) == 1 else "are"
        warnings.warn(
            f"{found.told_by} does not name {len(found.unnamed)} of the audio files there "
            f"({some_names(found.unnamed)}), which {are} used without genre, artist and split; add "
            "rows for them, or take them out",
            stacklevel=2,
        )
    if told := _tell_doubt(found) or found.hint:
        warnings.warn(told, stacklevel=2)
    entries = [*found.entries, *(Entry(name, "") for name in found.unnamed)]
    return _tidy(entries, found.told_by)


def _tell_doubt(found: _Found) -> str:
    """The warning for folders that are not genres, if that is no reason to stop."""
    if not found.doubt or found.doubt.code == "split.empty":  # some of the splits may suffice
        return ""
    if found.doubt.code == "table.missing_genre":
        return str(found.doubt)
    labelled = any(entry.genre for entry in found.entries)
    return f"the labels are the names of folders, but {found.doubt}" if labelled else ""


def _find_entries(
    files: Files,
    *,
    names_in_text: bool,
    index: Path | None = None,
    columns: Mapping[str, str] = NO_COLUMNS,
) -> _Found:
    """Reads the index of a folder, or else the names of its folders."""
    index = index or find_index(files.folder)
    if columns and not index:
        raise UserError(
            f"{files.folder} has no index.csv whose columns could be named (`columns`); give one",
            code="argument.not_applicable",
        )
    entries, doubt = _read_index(index, files, columns) if index else ([], None)
    taken = {entry.path for entry in entries} | ({index.name} if index else set())
    sizes = {name: size for name, size in files.sizes.items() if name not in taken}
    audio = replace(files, sizes=sizes).only(AUDIO_SUFFIXES)
    if names_in_text:
        audio = audio.with_names_in_text()
    others = replace(audio, sizes={})
    if index:
        return _Found(entries, index, doubt, "", list(audio.sizes), others)
    own = [name for name in audio.sizes if not fma_track((files.folder / name).as_posix())]
    places = dict(zip(own, place_files(own), strict=True))
    nowhere = dict.fromkeys(audio.sizes, Place("", ""))
    entries = [Entry(name, p.genre, split=p.split) for name, p in (nowhere | places).items()]
    doubt, hint = find_doubt(files.folder, audio.sizes), find_hint(files.folder, own)
    return _Found(entries, files.folder, doubt, hint, [], others)


def _tidy(entries: Sequence[Entry], where: Path) -> list[Entry]:
    """Sorted by path, with one spelling for each genre and artist."""
    genres = join_alike([entry.genre for entry in entries], str(where))
    artists = join_spellings([entry.artist for entry in entries])
    joined = [
        replace(entry, genre=genre, artist=artist)
        for entry, genre, artist in zip(entries, genres, artists, strict=True)
    ]
    return sorted(joined, key=lambda entry: entry.path)


def find_index(folder: Path) -> Path | None:
    """The index.csv of a folder, in upper or lower case; None if there is none.

    Raises:
      UserError: there are several.
    """
    names = sorted(name for name in os.listdir(folder) if name.lower() == "index.csv")
    if len(names) > 1:
        raise UserError(
            f"{folder} holds {' and '.join(names)}; keep one of them", code="table.ambiguous"
        )
    return folder / names[0] if names else None


def _read_index(
    index: Path, files: Files, columns: Mapping[str, str]
) -> tuple[list[Entry], UserError | None]:
    """The entries of an index, and what is doubtful if it leaves genres to the folders."""
    rows, folder = read_index_table(index, columns), files.folder
    if not rows:
        raise UserError(
            f"{index} names no file; add rows to it, or remove it", code="folder.no_audio"
        )
    folders = [folder.absolute().as_posix(), folder.resolve().as_posix()]
    written = [_written_path(index, row, folders, files) for row in rows]
    paths = _find_paths(written, files)
    for path, count in Counter(paths).most_common(1):
        if count > 1:
            twice = [row for row, other in zip(rows, paths, strict=True) if other == path]
            lines = ", ".join(f"line {row.line}: {row.values['path']}" for row in twice[:3])
            raise UserError(
                f"{index} names {path} more than once ({lines}); keep one row per file",
                code="table.duplicate_track",
            )
    if not any(os.path.isfile(folder / path) for path in paths):
        audio = files.only(AUDIO_SUFFIXES).sizes
        there = f", such as {next(iter(audio))}" if audio else ""
        raise UserError(
            f"none of the {len(paths)} paths in {index} exists, such as {written[0]}; they must be "
            f"relative to {folder}{there}",
            code="table.no_match",
        )
    entries = [_entry(index, row, path) for row, path in zip(rows, paths, strict=True)]
    entries, doubt = _with_genres_of_folders(index, folder, rows, entries)
    if odd := [entry for entry in entries if stands_for_nothing(entry.artist)]:
        warnings.warn(
            f"{index}: {len(odd)} tracks are by '{odd[0].artist}', such as {odd[0].path}, and "
            "count as those of one artist; where the artist is unknown, leave the field empty",
            stacklevel=2,
        )
    if any(entry.split for entry in entries) and not all(entry.split for entry in entries):
        bare = next(entry.path for entry in entries if not entry.split)
        raise UserError(
            f"{index} gives no split for {bare}; fill the column 'split' or remove it",
            code="table.missing_split",
        )
    return entries, doubt


def _written_path(index: Path, row: IndexRow, folders: Sequence[str], files: Files) -> str:
    """The path of a row below the index's folder, as written, with forward slashes."""
    text = row.values["path"]
    if "\\" in text and not os.path.isfile(files.folder / text):  # Windows writes backslashes
        text = text.replace("\\", "/")
    path = PurePosixPath(text)
    for folder in folders:
        if path.is_relative_to(folder):
            path = path.relative_to(folder)
    absolute = path.is_absolute() or PureWindowsPath(text).is_absolute()
    if not text or absolute or ".." in path.parts:
        there = _find_end(path, files)
        raise UserError(
            f"{index}, line {row.line}: path '{row.values['path']}' must lie below {files.folder}; "
            f"write it relative to that folder{f', such as {there}' if there else ''}",
            code="table.path_outside",
        )
    return path.as_posix()


def _find_end(path: PurePosixPath, files: Files) -> str:
    """The file that shares the most last parts with a path; empty if there is none."""
    alike = {_path_key(name): name for name in files.sizes}
    ends = ("/".join(path.parts[start:]) for start in range(len(path.parts)))
    return next((alike[key] for end in ends if (key := _path_key(end)) in alike), "")


def _find_paths(written: Sequence[str], files: Files) -> list[str]:
    """The paths as spelled on the disk, where case, spaces and Unicode form may differ.

    A path that is not a file, or fits several, is not changed.
    """
    alike = defaultdict(list)
    for name in files.sizes:
        alike[_path_key(name)].append(name)
    found = []
    for path in written:
        those = alike.get(_path_key(path), [])
        found.append(those[0] if path not in files.sizes and len(those) == 1 else path)
    if others := [pair for pair in zip(written, found, strict=True) if pair[0] != pair[1]]:
        log.info(
            "%d paths of the index are spelled otherwise on the disk (by case, spaces or Unicode "
            "form), such as %s",
            len(others),
            others[0][0],
        )
    return found


def _path_key(path: str) -> str:
    return "/".join(same_key(tidy_name(part)) for part in path.split("/"))


def _entry(index: Path, row: IndexRow, path: str) -> Entry:
    values = dict(row.values)
    del values["path"]
    split = values.pop("split", "")
    if split and not split_name(split):
        raise UserError(
            f"{index}, line {row.line}: split '{split}' is none of {', '.join(SPLITS)}; correct it",
            code="table.unknown_split",
        )
    genre, artist = values.pop("genre", ""), values.pop("artist", "")
    if stands_for_nothing(genre):
        raise UserError(
            f"{index}, line {row.line}: the genre is '{genre}', as programs write where there is "
            "none; fill it in, leave it empty where the folder tells it, or call the genre "
            "otherwise if it is one",
            code="table.missing_genre",
        )
    return Entry(path, tidy_name(genre), artist, split_name(split), values)


def _with_genres_of_folders(
    index: Path, folder: Path, rows: Sequence[IndexRow], entries: Sequence[Entry]
) -> tuple[list[Entry], UserError | None]:
    """The entries, with the folders' genres where the index has none, and a doubt about these."""
    paths = [entry.path for entry in entries if not entry.genre]
    doubt = find_doubt(folder, paths) if len(paths) == len(entries) else None
    places = dict(zip(paths, place_files(paths), strict=True))
    use_splits = len(paths) == len(entries) and not any(entry.split for entry in entries)
    found = []
    for row, entry in zip(rows, entries, strict=True):
        if not entry.genre:
            genre, split = places[entry.path]
            if not tidy_name(genre):
                doubt = doubt or UserError(
                    f"{index}, line {row.line}: no genre for {entry.path}; fill the column 'genre'",
                    code="table.missing_genre",
                )
            entry = replace(entry, genre=genre, split=split if use_splits else entry.split)
        found.append(entry)
    return found, doubt
