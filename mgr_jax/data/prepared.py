"""Facts on a prepared dataset."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.errors import UserError, printable
from mgr_jax.files import read_json
from mgr_jax.integrity import find_damage, has_sums, is_sealed, read_sealed, write_sums

AGAIN = "build the dataset again with mgr-jax prepare_data (`overwrite`)"


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset; `str` gives its summary.

    Attributes:
      name: name for `config.dataset`, such as gtzan/fault_filtered.
      folder: holds the records, the caches, protocol.json, skipped.json, notes.json, and sums.json
        with the checksums of all but the caches.
      data_dir: the TFDS folder that holds it.
      sample_rate: rate of the stored audio in Hz; 0 for features.
      tracks: number of tracks by split and class.
      skipped: the reason by track that could not be read.
      notes: the warnings by track that is used with a warning.
      split_by: columns whose values stay in one split; ("track",) only keeps tracks whole.
      given: whether the splits came with the data, or were made here.
    """

    name: str
    folder: Path
    data_dir: Path
    sample_rate: int
    tracks: Mapping[str, Mapping[str, int]]
    skipped: Mapping[str, str]
    notes: Mapping[str, Sequence[str]]
    split_by: tuple[str, ...]
    given: bool

    def __str__(self) -> str:
        classes = {name for counts in self.tracks.values() for name in counts} - {""}
        noted = f", {len(self.notes)} used but not as they are"
        counts = ", ".join(f"{sum(n.values())} {split}" for split, n in self.tracks.items())
        return printable(
            f"{self.folder}: {len(classes)} classes, {counts} tracks ({len(self.skipped)} "
            f"skipped{noted if self.notes else ''}), {'- and '.join(self.split_by)}-disjoint"
        )


def describe_prepared(folder: Path, data_dir: Path) -> Prepared:
    """Reads the facts on a prepared dataset.

    Args:
      folder: folder of the dataset.
      data_dir: the TFDS folder that holds it.

    Returns:
      The facts.

    Raises:
      UserError: a file of it is damaged.
    """
    protocol = read_account(folder)
    stored_as = protocol["format"]
    rate = int(stored_as["rate"]) if stored_as["kind"] == "waveform" else 0
    name = folder.parent.relative_to(data_dir).as_posix()
    notes = folder / "notes.json"
    return Prepared(
        name=name.removesuffix(f"_{rate}") if rate else name,
        folder=folder,
        data_dir=data_dir,
        sample_rate=rate,
        tracks=protocol["tracks"],
        skipped=_read_object(folder / "skipped.json"),
        notes=_read_object(notes) if notes.exists() else {},  # as in version 0.1
        split_by=tuple(protocol["split_by"]),
        given=protocol["given"],
    )


def seal_dataset(folder: Path) -> None:
    """Writes the checksums of a dataset's files, which are checked when it is read.

    Files that are rewritten later, or have their own checksums, are left out.
    """
    write_sums(folder, skip=("cache", "sources.json"))


def read_account(dataset_dir: Path) -> dict[str, Any]:
    """Reads the protocol.json of a prepared dataset, and checks the sizes of the files beside it.

    A dataset of version 0.1.0, without checksums and without a digest in its protocol.json, is
    accepted as it is.

    Args:
      dataset_dir: folder of the dataset.

    Returns:
      The account.

    Raises:
      UserError: it is damaged, or from before version 0.1.0.
    """
    path = dataset_dir / "protocol.json"
    _require_whole(dataset_dir, within=path.name)
    account = read_sealed(path, AGAIN)
    if is_sealed(path) and not has_sums(dataset_dir):
        raise UserError(f"{dataset_dir}/sums.json is missing; {AGAIN}", code="dataset.damaged")
    _require_whole(dataset_dir, limit=0)
    if "format" not in account:
        raise UserError(
            f"{dataset_dir} was prepared by an older version of mgr_jax; {AGAIN}",
            code="dataset.too_old",
        )
    if not _is_account(account):
        raise UserError(
            f"{path} is no description of a dataset; {AGAIN}",
            code="file.damaged",
        )
    return account


def require_whole_records(dataset_dir: Path) -> None:
    """Reads all files of a dataset, and checks them.

    Args:
      dataset_dir: folder of the dataset.

    Raises:
      UserError: a file is damaged.
    """
    _require_whole(dataset_dir)


def _require_whole(dataset_dir: Path, **which: Any) -> None:
    if has_sums(dataset_dir) and (damage := find_damage(dataset_dir, **which)):
        raise UserError(f"{dataset_dir}/{damage}; {AGAIN}", code="dataset.damaged")


def _read_object(path: Path) -> dict[str, Any]:
    """Reads a JSON object of a dataset, and checks it."""
    _require_whole(path.parent, within=path.name)
    content = read_json(path, AGAIN)
    if not isinstance(content, dict):
        raise UserError(f"{path} is missing or damaged; {AGAIN}", code="file.damaged")
    return content


def _is_account(account: Mapping[str, Any]) -> bool:
    """Whether the parts of a protocol.json that are read have the right form."""
    try:
        stored, counts = account["format"], account["tracks"]
        lists = [account["classes"], account["tags"], account["split_by"], stored["item_shape"]]
        texts = [*lists[0], *lists[1], *lists[2], stored["dtype"]]
        numbers = [n for tracks in counts.values() for n in tracks.values()]
        return (
            stored["kind"] in ("waveform", "features")
            and type(stored["rate"]) in (int, float)
            and 0 < stored["rate"] < math.inf
            and np.dtype(stored["dtype"]).kind in "biuf"
            and all(isinstance(some, list) for some in lists)
            and all(isinstance(text, str) for text in texts)
            and all(type(number) is int for number in [*numbers, *stored["item_shape"]])
            and all(0 < size < 2**31 for size in stored["item_shape"])
            and isinstance(account["given"], bool)
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return False
