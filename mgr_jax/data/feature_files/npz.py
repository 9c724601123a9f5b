"""Reads .npz files of features."""

import logging
import lzma
import math
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mgr_jax.data.archives import open_member, require_member
from mgr_jax.data.csv_text import name_columns
from mgr_jax.data.expansion import MAX_EXPANSION
from mgr_jax.data.feature_files.header import COLUMNS, NAMES, TEXTS, name_column
from mgr_jax.data.feature_files.names import genre_of, track_names
from mgr_jax.data.feature_files.tracks import FeatureTracks
from mgr_jax.data.genres import join_alike
from mgr_jax.errors import UserError

log = logging.getLogger(__name__)

# Array names for tracks of [bins, frames] and of [frames, bins(, channels)].
_LAYOUTS = {"mel": (3,), "features": (3, 4)}
_KNOWN = (*_LAYOUTS, "track", *TEXTS)
_SUFFIX = ".npy"  # suffix of the members of an .npz file
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_DAMAGE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(TypeError, ValueError, RuntimeError, MemoryError),
)
_DTYPES = {"uint8": "uint8", "float16": "float16", "float32": "float32", "float64": "float32"}


def read_npz(path: Path, *, max_expansion: float = MAX_EXPANSION) -> FeatureTracks:
    """Reads names and `mel` or `features` from an .npz file; see `read_features`.

    Args:
      path: path of the file.
      max_expansion: see `require_expansion`.

    Returns:
      The tracks.

    Raises:
      UserError: the file is damaged, of another form, or expands too much.
    """
    try:
        stored_as, unread = _find_arrays(path)
        _require_plausible(path, stored_as.values(), max_expansion)
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[own] for name, own in stored_as.items()}
    except _DAMAGE as error:
        raise UserError(
            f"{path} cannot be read as an .npz file of plain arrays; write it again with np.savez, "
            "and text as str, not as objects (track.astype(str))",
            code="table.damaged",
        ) from error
    found = [name for name in _LAYOUTS if name in arrays]
    if len(found) != 1 or "track" not in arrays:
        raise UserError(
            f"{path} must hold 'track' and one of 'mel' and 'features', but holds "
            f"{', '.join([*arrays, *unread]) or 'nothing'}; store them under these names",
            code="table.missing_column",
        )
    if unread:
        _tell_of_unread(path, unread, labelled="label" in arrays)
    array, name = arrays[found[0]], found[0]
    if array.ndim not in _LAYOUTS[name] or not array.size:
        layout = {"mel": "[track, bins, frames]", "features": "[track, frames, bins(, channels)]"}
        raise UserError(
            f"{path}: {name} has shape {array.shape}; expected {layout[name]}",
            code="table.wrong_shape",
        )
    if array.dtype.name not in _DTYPES:
        raise UserError(
            f"{path}: {name} is of type {array.dtype}; store uint8, float16 or float32",
            code="table.wrong_type",
        )
    texts = {
        field: _texts(path, field, arrays[field], len(array))
        if field in arrays
        else [""] * len(array)
        for field in ("track", *TEXTS)
    }
    tracks = track_names(texts["track"])
    if not all(tracks):
        raise UserError(
            f"{path} holds a track without a name; name every track", code="table.unnamed_track"
        )
    track, count = Counter(tracks).most_common(1)[0]
    if count > 1:
        raise UserError(
            f"{path} holds track '{track}' {count} times; put its parts one after the other in "
            "time",
            code="table.duplicate_track",
        )
    with np.errstate(over="ignore"):  # values too large for float32 are found below
        array = array.astype(_DTYPES[array.dtype.name], copy=False)
    for track, values in zip(tracks, array, strict=True):
        if not np.isfinite(values).all():
            raise UserError(
                f"{path}: the features of track '{track}' are not all finite numbers; correct or "
                "remove it",
                code="table.not_finite",
            )
    return FeatureTracks(
        path,
        tracks,
        array.swapaxes(1, 2) if name == "mel" else array,
        join_alike(
            [label or genre_of(track) for label, track in zip(texts["label"], tracks, strict=True)],
            str(path),
        ),
        texts["artist"],
        texts["split"],
    )


def _find_arrays(path: Path) -> tuple[dict[str, str], list[str]]:
    """The file's names of the known arrays, by their names here; and the other arrays.

    Raises:
      UserError: two arrays have the same meaning.
    """
    with zipfile.ZipFile(path) as archive:
        stored = [n.removesuffix(_SUFFIX) for n in archive.namelist() if n.endswith(_SUFFIX)]
    header = name_columns(stored, {**COLUMNS, **dict.fromkeys(_LAYOUTS, ())})
    if set(NAMES) & set(header):
        header[header.index(name_column(header))] = "track"
    for name in _KNOWN:
        if header.count(name) > 1:
            raise UserError(
                f"{path} has {header.count(name)} arrays called '{name}'; keep one of them",
                code="table.duplicate_column",
            )
    found = {name: own for name, own in zip(header, stored, strict=True) if name in _KNOWN}
    return found, [own for own in stored if own not in found.values()]


def _tell_of_unread(path: Path, names: Sequence[str], *, labelled: bool) -> None:
    """Logs which arrays are not read; warns if one of them may hold the genres."""
    text = f"{path}: did not read {', '.join(names)}"
    if labelled:
        log.info(text)
    else:
        warnings.warn(
            f"{text}; there is no 'label' (or 'genre', or 'class'), so that genres are what names "
            "of tracks tell",
            stacklevel=4,
        )


def _require_plausible(path: Path, names: Iterable[str], max_expansion: float) -> None:
    """Checks the claimed sizes of the arrays before NumPy allocates memory for them.

    Raises:
      ValueError: one claims to be larger than its data.
      UserError: one expands too much.
    """
    with zipfile.ZipFile(path) as archive:
        for name in names:
            member = archive.getinfo(name + _SUFFIX)
            require_member(path, member, max_expansion, "write it again with np.savez")
            with open_member(archive, member.filename) as file:
                version = np.lib.format.read_magic(file)
                if version not in _HEADERS:
                    raise ValueError(f"an array of version {version}")
                shape, _, dtype = _HEADERS[version](file)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise ValueError(f"an array of shape {shape} in {member.file_size} bytes")


def _texts(path: Path, field: str, array: np.ndarray, tracks: int) -> list[str]:
    if array.shape != (tracks,):
        raise UserError(
            f"{path}: {field} has shape {array.shape}, but there are {tracks} tracks; give one "
            "value for each",
            code="table.wrong_shape",
        )
    values = array.tolist()
    return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in values]
