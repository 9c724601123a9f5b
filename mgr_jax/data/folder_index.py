"""Reads what a folder of audio files holds: `<genre>/<file>`, or the rows of `index.csv`."""

import csv
import os
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mgr_jax.audio.listing import AUDIO_SUFFIXES, list_audio
from mgr_jax.data import SPLITS
from mgr_jax.errors import UserError

_SPLIT_NAMES = {
    "train": "train", "training": "train",
    "valid": "validation", "validation": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_UNREADABLE = (".aac", ".aif", ".aiff", ".ape", ".m4a", ".mp4", ".opus", ".wma")


@dataclass(frozen=True)
class Entry:
    """One file: its path below the folder, and what the index says of it."""

    path: str
    genre: str
    artist: str = ""
    split: str = ""
    groups: dict[str, str] = field(default_factory=dict)

    def column(self, name: str) -> str:
        """The value of a column that splits can be made disjoint in; empty where unknown."""
        return self.artist if name == "artist" else self.groups.get(name, "")


def read_folder(folder: Path) -> list[Entry]:
    """Lists a folder's entries, sorted by path.

    Args:
      folder: holds `index.csv` (columns path, genre, artist, split; further ones are kept as
        text; only `path` is needed, the genre is else the first folder of the path), or else
        audio files in one folder per genre.

    Raises:
      UserError: no folder, no files, or an index that cannot be used.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder; give the folder that holds your genre folders",
            code="folder.not_found",
        )
    index = folder / "index.csv"
    entries = _read_index(index) if index.exists() else _read_tree(folder)
    for entry in entries:
        if entry.path != (shown := os.fsencode(entry.path).decode(errors="backslashreplace")):
            raise UserError(
                f"the file name {shown} in {folder} is not UTF-8; rename the file",
                code="file.name_not_utf",
            )
    if not entries:
        raise UserError(
            f"{folder} holds no audio files in genre folders; expected "
            f"{folder}/<genre>/<file>.mp3 (or .flac, .ogg, .wav, .au)",
            code="folder.no_audio",
        )
    return sorted(entries, key=lambda entry: entry.path)


def _read_tree(folder: Path) -> list[Entry]:
    paths = [path.relative_to(folder) for path in list_audio(folder).paths]
    entries = [Entry(path.as_posix(), path.parts[0]) for path in paths if len(path.parts) > 1]
    others = Counter(
        path.suffix.lower() for path in folder.rglob("*") if path.suffix.lower() in _UNREADABLE
    )
    others.update({"outside a genre folder": len(paths) - len(entries)})
    if left_out := ", ".join(f"{count} {what}" for what, count in others.items() if count):
        warnings.warn(
            f"files of {folder} were left out ({left_out}); readable are genre folders of "
            f"{', '.join(AUDIO_SUFFIXES)}",
            stacklevel=2,
        )
    return entries


def _read_index(index: Path) -> list[Entry]:
    try:
        with index.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            header = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{index} is not a UTF-8 CSV file ({error}); save it as one", code="table.not_csv"
        ) from error
    if "path" not in header or len(set(header)) < len(header):
        raise UserError(
            f"{index} needs a column 'path' and no column twice; its columns are "
            f"{', '.join(header) or 'none'}",
            code="table.wrong_columns",
        )
    entries = [_entry(index, line, row) for line, row in enumerate(rows, start=2)]
    path, count = Counter(entry.path for entry in entries).most_common(1)[0] if entries else ("", 0)
    if count > 1:
        raise UserError(
            f"{index} names {path} more than once; keep one row per file",
            code="table.duplicate_track",
        )
    if not any((index.parent / entry.path).is_file() for entry in entries):
        raise UserError(
            f"none of the {len(entries)} paths in {index} exists; they must be relative to "
            f"{index.parent}",
            code="table.no_match",
        )
    if any(entry.split for entry in entries) and not all(entry.split for entry in entries):
        bare = next(entry.path for entry in entries if not entry.split)
        raise UserError(
            f"{index} gives no split for {bare}; fill the column 'split' or remove it",
            code="table.missing_split",
        )
    return entries


def _entry(index: Path, line: int, row: dict[str, str]) -> Entry:
    if None in row or None in row.values():
        raise UserError(
            f"{index}, line {line}, has another number of fields than the header",
            code="table.ragged_row",
        )
    row = {name: value.strip() for name, value in row.items()}
    path = row.pop("path")
    parts = Path(path).parts
    if not path or Path(path).is_absolute() or ".." in parts:
        raise UserError(
            f"{index}, line {line}: path '{path}' must lie below {index.parent}",
            code="table.path_outside",
        )
    genre = row.pop("genre", "") or (parts[0] if len(parts) > 1 else "")
    if not genre:
        raise UserError(
            f"{index}, line {line}: no genre for {path}; fill the column 'genre'",
            code="table.missing_genre",
        )
    split = row.pop("split", "").lower()
    if split and split not in _SPLIT_NAMES:
        raise UserError(
            f"{index}, line {line}: split '{split}' is none of {', '.join(SPLITS)}",
            code="table.unknown_split",
        )
    return Entry(path, genre, row.pop("artist", ""), _SPLIT_NAMES.get(split, ""), row)
