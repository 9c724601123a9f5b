"""Reads files of features: .npz arrays and .csv tables."""

import csv
import dataclasses
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.audio.io import AUDIO_SUFFIXES
from mgr_jax.errors import UserError

# How an array says that its rows are tracks of [bins, frames] or of [frames, bins(, channels)].
_LAYOUTS = {"mel": (3,), "features": (3, 4)}
_DTYPES = {"uint8": "uint8", "float16": "float16", "float32": "float32", "float64": "float32"}
_TEXTS = ("label", "artist", "split")
# Kaggle's GTZAN tables also hold the number of samples, which says nothing of the music.
_NO_FEATURES = ("track", "filename", "length", *_TEXTS)
_SEGMENT = re.compile(r"([a-z]+\.\d{5})\.\d+")
_LARGEST = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True)
class FeatureTracks:
    """The tracks of a file.

    Attributes:
      path: of the file.
      track_id: names, each of them once.
      features: of each track, [frames, bins] or [frames, bins, channels]; uint8, float16 or
        float32. All have the same dtype and, but for the frames, the same shape.
      label, artist, split: of each track; empty where the file does not say.
      columns: names of the bins of a table; empty for arrays.
    """

    path: Path
    track_id: Sequence[str]
    features: Sequence[np.ndarray]
    label: Sequence[str]
    artist: Sequence[str]
    split: Sequence[str]
    columns: tuple[str, ...] = ()

    def select(self, rows: Iterable[int]) -> "FeatureTracks":
        """Some of the tracks, by position."""
        rows = list(rows)
        fields = ("track_id", "features", *_TEXTS)
        chosen: dict[str, Any] = {f: [getattr(self, f)[row] for row in rows] for f in fields}
        return dataclasses.replace(self, **chosen)

    def with_columns(self, names: Sequence[str]) -> "FeatureTracks":
        """The same tracks with these columns only, in this order.

        Raises:
          UserError: the table lacks one of them.
        """
        if missing := [name for name in names if name not in self.columns]:
            raise UserError(
                f"{self.path} lacks the column '{missing[0]}' ({len(missing)} of {len(names)} are "
                "missing); give a table with the columns that the model was trained on"
            )
        order = [self.columns.index(name) for name in names]
        features = [frames[:, order] for frames in self.features]
        return dataclasses.replace(self, features=features, columns=tuple(names))

    def require_labels(self) -> None:
        """Raises a UserError unless the genre of every track is known."""
        for track, label in zip(self.track_id, self.label, strict=True):
            if not label:
                raise UserError(
                    f"{self.path} does not say the genre of track '{track}'; add 'label', or name "
                    "tracks like blues.00000"
                )


def read_features(path: Path) -> FeatureTracks:
    """Reads a file of features.

    An .npz file holds `track` (names) and either `mel` [track, bins, frames] or `features` [track,
    frames, bins(, channels)]; a .csv table has a column `track` or `filename` and numeric columns,
    and every row is a frame. Both may hold `label`, `artist` and `split`; without `label` the genre
    is what stands before the first dot of a track's name. Names lose folders and an audio suffix,
    and those of GTZAN's 3-s segments (blues.00000.3.wav, as in Kaggle's features_3_sec.csv) the
    number of the segment. float64 becomes float32.

    Raises:
      UserError: the file is missing, damaged or of another form, or holds a value that is not a
        finite number.
    """
    readers = {".npz": _read_npz, ".csv": _read_csv}
    if path.suffix not in readers:
        raise UserError(f"{path} is neither an .npz nor a .csv file; store features as one of them")
    if not path.is_file():
        raise UserError(f"{path} is not a file; check the path")
    return readers[path.suffix](path)


def _read_npz(path: Path) -> FeatureTracks:
    try:
        with np.load(path, allow_pickle=False) as stored:
            known = (*_LAYOUTS, "track", *_TEXTS)
            arrays = {name: stored[name] for name in known if name in stored}
    # TypeError: a single array under the name of an .npz file.
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read as an .npz file of plain arrays; write it again with np.savez, "
            "and text as str, not as objects (track.astype(str))"
        ) from error
    found = [name for name in _LAYOUTS if name in arrays]
    if len(found) != 1 or "track" not in arrays:
        raise UserError(
            f"{path} must hold 'track' and one of 'mel' and 'features', but holds "
            f"{', '.join(arrays) or 'none of them'}; store them under these names"
        )
    array, name = arrays[found[0]], found[0]
    if array.ndim not in _LAYOUTS[name] or not array.size:
        layout = {"mel": "[track, bins, frames]", "features": "[track, frames, bins(, channels)]"}
        raise UserError(f"{path}: {name} has shape {array.shape}; expected {layout[name]}")
    if array.dtype.name not in _DTYPES:
        raise UserError(f"{path}: {name} is of type {array.dtype}; store uint8, float16 or float32")
    texts = {
        field: _texts(path, field, arrays[field], len(array))
        if field in arrays
        else [""] * len(array)
        for field in ("track", *_TEXTS)
    }
    tracks = [_track_name(text) for text in texts["track"]]
    if not all(tracks):
        raise UserError(f"{path} holds a track without a name; name every track")
    track, count = Counter(tracks).most_common(1)[0]
    if count > 1:
        raise UserError(
            f"{path} holds track '{track}' {count} times; put its parts one after the other in time"
        )
    with np.errstate(over="ignore"):  # what is too large for a float32 is found below
        array = array.astype(_DTYPES[array.dtype.name], copy=False)
    for track, values in zip(tracks, array, strict=True):
        if not np.isfinite(values).all():
            raise UserError(
                f"{path}: the features of track '{track}' are not all finite numbers; correct or "
                "remove it"
            )
    return FeatureTracks(
        path,
        tracks,
        array.swapaxes(1, 2) if name == "mel" else array,
        [label or _genre(track) for label, track in zip(texts["label"], tracks, strict=True)],
        texts["artist"],
        texts["split"],
    )


def _texts(path: Path, field: str, array: np.ndarray, tracks: int) -> list[str]:
    if array.shape != (tracks,):
        raise UserError(
            f"{path}: {field} has shape {array.shape}, but there are {tracks} tracks; give one "
            "value for each"
        )
    values = array.tolist()
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]


def _read_csv(path: Path) -> FeatureTracks:
    frames: dict[str, list[list[float]]] = {}
    about: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            columns = _feature_columns(path, header)
            name = "track" if "track" in header else "filename"
            for cells in _rows(path, reader, header):
                track = _track_name(cells[name])
                where = f"{path}, line {reader.line_num}"
                texts = [cells.get(field, "").strip() for field in _TEXTS]
                if not track:
                    raise UserError(f"{where} has no {name}; name every track")
                if about.setdefault(track, texts) != texts:
                    raise UserError(
                        f"{where} gives track '{track}' another label, artist or split than a line "
                        "before it; all rows of a track must agree"
                    )
                frame = [_number(cells[column], where, column) for column in columns]
                frames.setdefault(track, []).append(frame)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a UTF-8 CSV file ({error}); save it as one") from error
    if not frames:
        raise UserError(f"{path} holds no rows below its header; add some")
    label, artist, split = zip(*about.values(), strict=True)
    return FeatureTracks(
        path,
        list(frames),
        [np.array(rows, np.float32) for rows in frames.values()],
        [text or _genre(track) for text, track in zip(label, frames, strict=True)],
        artist,
        split,
        columns,
    )


def _feature_columns(path: Path, header: list[str]) -> tuple[str, ...]:
    for column, count in Counter(header).items():
        if count > 1:
            raise UserError(f"{path} has {count} columns called '{column}'; keep one of them")
        # pandas writes the index like this: it would tell the genre where a table is sorted.
        if not column or column.startswith("Unnamed:"):
            raise UserError(
                f"{path} has a column without a name, which looks like an index; remove it"
            )
    columns = tuple(column for column in header if column not in _NO_FEATURES)
    if not columns or not {"track", "filename"} & set(header):
        raise UserError(
            f"{path} must have a column 'track' or 'filename' and numeric columns, but has "
            f"{', '.join(header[:3]) or 'none'}{', …' if len(header) > 3 else ''}; name them so in "
            "its first line, with commas between"
        )
    return columns


def _rows(path: Path, reader, header: list[str]) -> Iterator[dict[str, str]]:
    for row in reader:
        if len(row) == len(header):
            yield dict(zip(header, row, strict=True))
        elif row:  # else an empty line
            raise UserError(
                f"{path}, line {reader.line_num} has {len(row)} cells, but the header has "
                f"{len(header)}; correct the line"
            )


def _number(text: str, where: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not abs(value) <= _LARGEST:
        raise UserError(
            f"{where}, column '{column}' holds {text!r}, which is not a finite number; correct it"
        )
    return value


def _track_name(text: str) -> str:
    text = text.strip().replace("\\", "/").rpartition("/")[2]
    for suffix in AUDIO_SUFFIXES:
        if text.lower().endswith(suffix):
            text = text[: -len(suffix)]
    segment = _SEGMENT.fullmatch(text)
    return segment[1] if segment else text


def _genre(track: str) -> str:
    genre, dot, _ = track.partition(".")
    return genre if dot else ""
