"""Stored data carry a digest. If it does not match when they are read, they are refused.

There are three kinds. A folder that is written at once (a cache, a checkpoint, a dataset) has the
sizes and sums of its files in a sums.json. A single file (model.json; for .npz tables see
`mgr_jax.array_files`) contains a digest of its content. A file that grows by lines (metrics.jsonl)
has a sum in each line. Disks, copies and cables flip bits and cut files short; changes by hand are
found too. Data without a digest were written by an older version and are accepted.
"""

import functools
import hashlib
import json
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError
from mgr_jax.files import parse_json, read_json, write_json

_SUMS = "sums.json"
_DIGEST = "sha256"  # of JSON objects
_LINE_SUM = "crc32"  # of lines


# Folders.


def write_sums(folder: Path, *, skip: Collection[str] = ()) -> None:
    """Writes the sizes and CRC-32 sums of a folder's files to its sums.json, for `find_damage`.

    Args:
      folder: files in its subfolders count too.
      skip: names of files or folders in it that may change later.
    """
    sums = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name.parts[0] not in {*skip, _SUMS}:
            sums[name.as_posix()] = {"bytes": path.stat().st_size, "crc32": _crc32(path)}
    write_json(folder / _SUMS, sums)


def distrust(folder: Path) -> None:
    """Marks a folder as damaged for `find_damage`, which does not read everything."""
    write_json(folder / _SUMS, {})


def has_sums(folder: Path) -> bool:
    """Whether a folder has a sums.json. Folders of older versions have none."""
    return (folder / _SUMS).exists()


def find_damage(folder: Path, *, within: str = "", limit: int | None = None) -> str:
    """The damage of the files that a folder's sums.json names, in words; "" if there is none.

    Args:
      folder: with a sums.json.
      within: check only the file or folder with this path in it.
      limit: in bytes; of larger files only the size is checked. An unchanged file is read once per
        process.
    """
    try:
        sums = parse_json((folder / _SUMS).read_bytes())
        found = {n: s for n, s in sums.items() if not within or f"{n}/".startswith(f"{within}/")}
        for name, wanted in found.items():
            size = (folder / name).stat().st_size
            if size != wanted["bytes"]:
                return f"{name} has {size} bytes, not {wanted['bytes']}"
            small = limit is None or size <= limit
            if small and _crc32(folder / name) != wanted["crc32"]:
                return f"{name} holds something else than was written"
        if within or found:
            return "" if found else f"{_SUMS} does not tell of {within}"
        return "as was found when it was read"  # see `distrust`
    except OSError as error:
        return f"{Path(error.filename or _SUMS).name} cannot be read ({error.strerror})"
    except (ValueError, TypeError, LookupError, AttributeError):
        return f"{_SUMS} is damaged"


def digest_files(folder: Path) -> str:
    """SHA-256 of the names, sizes and CRC-32 sums of a folder's files, in hexadecimal."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = [(p.relative_to(folder).as_posix(), p.stat().st_size, _crc32(p)) for p in found]
    return hashlib.sha256(json.dumps(sums).encode()).hexdigest()


def _crc32(path: Path) -> int:
    state = path.stat()
    return _read_crc32(path, state.st_size, state.st_mtime_ns, state.st_ino)


@functools.lru_cache(maxsize=256)
def _read_crc32(path: Path, *state: int) -> int:
    del state  # another file under the same name is read anew
    total = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            total = zlib.crc32(block, total)
    return total


# Files of JSON.


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object with a digest of its content; see `files.write_json`.

    Args:
      path: of the file.
      content: the object.
    """
    write_json(path, seal(content))


def seal(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content that `write_sealed` writes, for other writers."""
    return {**content, _DIGEST: _digest_of(content)}


def read_sealed(path: Path, advice: str) -> dict[str, Any]:
    """Reads a JSON object that `write_sealed` wrote, without its digest.

    Args:
      path: of the file.
      advice: what to do if it is missing or damaged, for the message.

    Returns:
      The object.

    Raises:
      UserError: the file is missing, is not a JSON object, or has changed.
    """
    content = read_json(path, advice)
    if not isinstance(content, dict):
        raise UserError(f"{path} is damaged; {advice}", code="file.damaged")
    digest = content.pop(_DIGEST, None)
    if digest is not None and digest != _digest_of(content):
        raise UserError(
            f"{path} says something else than mgr_jax has written, so it was damaged or changed; "
            f"{advice}",
            code="file.damaged",
        )
    return content


def is_sealed(path: Path) -> bool:
    """Whether a JSON file carries a digest by `write_sealed`. Those of older versions do not.

    Raises:
      UserError: see `files.read_json`.
    """
    content = read_json(path, "restore it")
    return isinstance(content, dict) and _DIGEST in content


def _digest_of(content: Mapping[str, Any]) -> str:
    """The digest of the content; spaces and the order of names do not count."""
    as_read = json.loads(json.dumps(content))  # in which all names are texts
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()


# Lines of JSON.


def seal_line(row: Mapping[str, Any], *, ascii_only: bool = True) -> str:
    """A JSON object as a line with a sum, without the line end.

    Args:
      row: the object; not empty.
      ascii_only: write non-ASCII letters as codes; otherwise as they are, for human readers.
    """
    text = json.dumps(row, ensure_ascii=ascii_only)
    return f'{text[:-1]}, "{_LINE_SUM}": "{zlib.crc32(text.encode()):08x}"}}'


def read_line(line: bytes) -> dict[str, Any]:
    """The object in a line that `seal_line` wrote, without its sum.

    Raises:
      ValueError: it is no such line, or it has changed.
    """
    row = parse_json(line)
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    if (told := row.pop(_LINE_SUM, None)) is not None:
        text = line.strip().rpartition(f', "{_LINE_SUM}": '.encode())[0] + b"}"
        if told != f"{zlib.crc32(text):08x}":
            raise ValueError("it says something else than was written")
    return row
