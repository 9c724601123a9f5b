"""Finds TensorFlow's checkpoints: files, folders, and archives such as the musicnn wheel."""

import ast
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.interop.limits import Room
from mgr_jax.interop.tf_checkpoint import read_checkpoint

_INDEX = ".index"
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_LABELS = "configuration.py"  # of musicnn
_LARGEST = 2**16

Place = Path | zipfile.Path


class Checkpoint(NamedTuple):
    """Where the files of a checkpoint lie.

    Attributes:
      folder: of its files.
      stem: of their names; empty where they are called ".index" and so on.
    """

    folder: Place
    stem: str

    @property
    def name(self) -> str:
        """By which it is chosen among others."""
        return self.stem or self.folder.name


def find_checkpoints(path: Path, zipped: zipfile.ZipFile | None = None) -> list[Checkpoint]:
    """The checkpoints of an archive, of a folder and the folders in it, or of a file's name.

    Args:
      path: an archive, a folder, one of a checkpoint's files, or what their names begin with.
      zipped: the archive.
    """
    if zipped is not None:
        indices = [name for name in zipped.namelist() if name.endswith(_INDEX)]
        return [
            Checkpoint(
                zipfile.Path(zipped, name.rpartition("/")[0] + "/"),
                name.rpartition("/")[2].removesuffix(_INDEX),
            )
            for name in indices
        ]
    if path.is_dir():
        return [
            Checkpoint(folder, name.removesuffix(_INDEX))
            for folder in [path, *sorted(part for part in path.iterdir() if part.is_dir())]
            for name in sorted(part.name for part in folder.iterdir())
            if name.endswith(_INDEX)
        ]
    if path.is_file() and not _PART.search(path.name):
        return []
    stem = _PART.sub("", path.name)
    there = (path.parent / f"{stem}{_INDEX}").is_file()
    return [Checkpoint(path.parent, stem)] if there else []


def choose_checkpoint(
    path: Path, checkpoints: Sequence[Checkpoint], asked: str | None
) -> Checkpoint:
    """The one that was asked for, or the only one.

    Raises:
      UserError: there are several, or none of this name.
    """
    named = {checkpoint.name: checkpoint for checkpoint in checkpoints}
    if asked is not None:
        if asked not in named:
            raise unknown_name(f"checkpoint of {path.name}", asked, named)
        return named[asked]
    if len(checkpoints) > 1:
        raise UserError(
            f"{path} holds the checkpoints {', '.join(sorted(named))}; say which with `checkpoint`",
            code="weights.several_checkpoints",
        )
    return checkpoints[0]


def read_tensorflow(
    path: Path, checkpoint: Checkpoint
) -> tuple[dict[str, np.ndarray], list[str], tuple[str, ...]]:
    """Arrays by name, what is to be said of them, and names of the outputs where they are told.

    Raises:
      UserError: a file is missing or damaged.
    """
    folder, stem = checkpoint
    size = None
    if isinstance(folder, Path):
        parts = (part for part in folder.iterdir() if _PART.sub("", part.name) == stem)
        size = sum(part.stat().st_size for part in parts)
    room = Room(path, size)

    def read(suffix: str) -> bytes:
        place = folder / f"{stem}{suffix}"
        if not place.is_file():
            raise UserError(
                f"{place} is missing; {stem or '.'}{_INDEX} and {stem or '.'}.data-… are one "
                "checkpoint, give both",
                code="file.not_found",
            )
        return _read(place, room)

    arrays, notes = read_checkpoint(read(_INDEX), read, room)
    return arrays, notes, _read_labels(checkpoint, room)


def _read(place: Place, room: Room) -> bytes:
    if isinstance(place, zipfile.Path):
        return room.read(place.root, place.at)
    return place.read_bytes()


def _read_labels(checkpoint: Checkpoint, room: Room) -> tuple[str, ...]:
    """Tags of musicnn: MTT_LABELS of its configuration, which is not run, for "MTT_…".

    The file lies beside the folders of the checkpoints.
    """
    beside: Any = checkpoint.folder.parent  # zipfile.Path's is typed as any path
    place: Place = beside / _LABELS
    if not place.is_file() or len(text := _read(place, room)) > _LARGEST:
        return ()
    wanted = f"{checkpoint.name.partition('_')[0]}_LABELS"
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.List):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            values = [part.value for part in statement.value.elts if isinstance(part, ast.Constant)]
            if wanted in names:
                return tuple(map(str, values))
    return ()
