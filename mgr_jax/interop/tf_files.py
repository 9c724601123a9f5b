"""Finds TensorFlow's checkpoints: files, folders, and archives such as the musicnn wheel."""

import ast
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.interop.limits import Room
from mgr_jax.interop.tf_checkpoint import read_checkpoint

_INDEX = ".index"
_PART = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_LABELS = "configuration.py"  # file of musicnn
_LARGEST = 2**16


class Checkpoint(NamedTuple):
    """The files of a checkpoint.

    Attributes:
      prefix: common start of their paths; after a folder only ".index" and so on may follow.
        Folders are separated by slashes.
      archive: the archive that they are in, if any.
    """

    prefix: str
    archive: zipfile.ZipFile | None = None

    @property
    def name(self) -> str:
        """The name by which it is chosen."""
        folder, _, stem = self.prefix.rpartition("/")
        return stem or folder.rpartition("/")[2]

    def read(self, path: str, room: Room) -> bytes | None:
        """The content of a file beside it; None if there is none.

        Args:
          path: path of the file.
          room: limit of memory.
        """
        if self.archive is not None:
            there = path in self.archive.NameToInfo
            return room.read(self.archive, path) if there else None
        return Path(path).read_bytes() if Path(path).is_file() else None


def find_checkpoints(path: Path, archive: zipfile.ZipFile | None = None) -> list[Checkpoint]:
    """The checkpoints of an archive, of a folder and its subfolders, or of a file's name.

    Args:
      path: an archive, a folder, one of a checkpoint's files, or the start of their names.
      archive: the archive.
    """
    if archive is not None:
        names = [name for name in archive.namelist() if name.endswith(_INDEX)]
        return [Checkpoint(name.removesuffix(_INDEX), archive) for name in names]
    if path.is_dir():
        folders = [path, *sorted(part for part in path.iterdir() if part.is_dir())]
        files = [file for folder in folders for file in sorted(folder.iterdir())]
        indices = [file.as_posix() for file in files if file.name.endswith(_INDEX)]
        return [Checkpoint(index.removesuffix(_INDEX)) for index in indices]
    if path.is_file() and not _PART.search(path.name):
        return []
    prefix = _PART.sub("", path.as_posix())
    return [Checkpoint(prefix)] if Path(f"{prefix}{_INDEX}").is_file() else []


def choose_checkpoint(
    path: Path, checkpoints: Sequence[Checkpoint], asked: str | None
) -> Checkpoint:
    """The checkpoint that was asked for, or the only one.

    Args:
      path: where they were found, for messages.
      checkpoints: the checkpoints.
      asked: a name; None: the only one.

    Raises:
      UserError: there are several, or none of this name.
    """
    named = {checkpoint.name: checkpoint for checkpoint in checkpoints}
    if len(named) < len(checkpoints):  # the same name in several folders
        named = {checkpoint.prefix: checkpoint for checkpoint in checkpoints}
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
    """Reads a checkpoint of TensorFlow.

    Args:
      path: see `find_checkpoints`.
      checkpoint: name of the checkpoint, if there are several.

    Returns:
      Arrays by name, notes on them, and names of the outputs if there are any.

    Raises:
      UserError: a file is missing or damaged.
    """
    room = Room(path, None if checkpoint.archive else _size(checkpoint.prefix))

    def read(suffix: str) -> bytes:
        content = checkpoint.read(f"{checkpoint.prefix}{suffix}", room)
        if content is None:
            raise UserError(
                f"{checkpoint.prefix}{suffix} is missing; the files of a checkpoint, "
                f"{checkpoint.name}{_INDEX} and .data-…, have to lie in one folder",
                code="file.not_found",
            )
        return content

    arrays, notes = read_checkpoint(read(_INDEX), read, room)
    return arrays, notes, _read_labels(checkpoint, room)


def _size(prefix: str) -> int:
    """Size of all files of a checkpoint in bytes."""
    folder, _, stem = prefix.rpartition("/")
    parts = (part for part in Path(f"{folder}/").iterdir() if _PART.sub("", part.name) == stem)
    return sum(part.stat().st_size for part in parts)


def _read_labels(checkpoint: Checkpoint, room: Room) -> tuple[str, ...]:
    """Tags of musicnn, for "MTT_…" MTT_LABELS of its configuration, which is parsed, not run.

    The file lies beside the folders of the checkpoints.
    """
    beside = checkpoint.prefix.rpartition("/")[0].rpartition("/")[0]
    text = checkpoint.read(f"{beside}/{_LABELS}" if beside else _LABELS, room)
    if text is None or len(text) > _LARGEST:
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
