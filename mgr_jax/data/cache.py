"""The memory-mapped cache that feeds the loaders.

A random crop costs a page fault or two from a memory map. From a FLAC record it costs a seek and a
decode, which take four to nine times as long. The cache is decoded once per split and kept beside
the dataset.
"""

import dataclasses
import errno
import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import decode_flac
from mgr_jax.data.cache_check import (
    find_cache_damage,
    is_older_cache,
    read_index,
    seal_cache,
    step_bytes,
)
from mgr_jax.data.cache_data import DATA, CacheData
from mgr_jax.data.cache_writer import write_cache
from mgr_jax.data.prepared import AGAIN, read_account, require_whole_records
from mgr_jax.errors import UserError, disk_errors_told, is_disk_full
from mgr_jax.files import lock, replace_folder, scratch


@dataclasses.dataclass(frozen=True)
class Tracks:
    """All tracks of a split, one after the other on the disk, with their metadata.

    A time step is a sample of a waveform or a frame of features. Picklable: each process maps the
    data itself.

    Attributes:
      files: files of the data.
      file: [tracks] the file that a track is in.
      start: [tracks] its first time step there.
      length: [tracks] number of its time steps.
      offset: [tracks] time steps of the whole track before it; 0 unless it is a part of one.
      label: [tracks] int32 class, -1 if unknown.
      tags: [tracks, tags] uint8, multi-hot; no columns if the dataset has no tags.
      track_id: [tracks] text.
      artist_id: [tracks] text, empty if unknown.
      groups: [tracks] JSON objects of further columns.
      classes: names of the classes.
      tag_names: names of the tags.
      kind: "waveform" or "features".
      rate: time steps per second.
      dtype: dtype of the data.
      item_shape: shape of a time step: () or (bins,) or (bins, channels).
      split: name of the split.
      account: the dataset's protocol.json.
    """

    files: tuple[Path, ...]
    file: np.ndarray
    start: np.ndarray
    length: np.ndarray
    offset: np.ndarray
    label: np.ndarray
    tags: np.ndarray
    track_id: np.ndarray
    artist_id: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    tag_names: tuple[str, ...]
    kind: str
    rate: float
    dtype: str
    item_shape: tuple[int, ...]
    split: str
    account: dict[str, Any]

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def _data(self) -> list[CacheData]:
        return list(map(CacheData, self.files))

    @cached_property
    def step_bytes(self) -> int:
        """Bytes of a time step."""
        return step_bytes({"dtype": self.dtype, "item_shape": self.item_shape})

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_data"}

    def read(self, track: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """Reads time steps of a track.

        Args:
          track: number of the track.
          start: first time step.
          length: number of time steps.

        Returns:
          [length, ...], shorter if the track ends.

        Raises:
          UserError: they are damaged (in a cache that is too large to be checked when opened).
        """
        end = int(self.length[track]) if length is None else start + length
        end = min(end, int(self.length[track]))
        first = int(self.start[track])
        steps = self._data[self.file[track]].read(
            (first + start) * self.step_bytes,
            (first + end) * self.step_bytes,
            self.track_id[track],
        )
        return steps.view(self.dtype).reshape(-1, *self.item_shape)

    def select(self, rows: Any, split: str | None = None) -> "Tracks":
        """Some of the tracks: a mask or positions [tracks]; `split` renames the split."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return dataclasses.replace(self, **columns, split=split or self.split)

    def cut(self, steps: int) -> "Tracks":
        """Consecutive parts of `steps` time steps; each becomes a track of its own.

        The rest at the end of a track is dropped; a shorter track is one part.
        """
        counts = np.maximum(self.length // steps, 1)
        parts = self.select(np.repeat(np.arange(len(self)), counts))
        before = np.concatenate([np.arange(count) for count in counts]) * steps
        return dataclasses.replace(
            parts,
            start=parts.start + before,
            offset=parts.offset + before,
            length=np.minimum(parts.length, steps),
        )


def digest(steps: np.ndarray) -> str:
    """A digest of a track's data; equal for equal data of one dtype."""
    return hashlib.sha256(np.ascontiguousarray(steps).reshape(-1).view(np.uint8).data).hexdigest()[
        :16
    ]


_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)  # how a dataset of another user refuses
_COLUMNS = (
    "file", "start", "length", "offset", "label", "tags", "track_id", "artist_id", "groups",
)  # fmt: skip


def join_tracks(parts: Sequence[Tracks], split: str) -> Tracks:
    """Joins splits of one dataset under a new name."""
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS
    }
    offsets = np.cumsum([0, *(len(part.files) for part in parts[:-1])])
    file = [part.file + offset for part, offset in zip(parts, offsets, strict=True)]
    return dataclasses.replace(
        parts[0],
        **columns | {"file": np.concatenate(file)},
        files=tuple(path for part in parts for path in part.files),
        split=split,
    )


def open_tracks(dataset_dir: Path, split: str, *, progress: bool = False) -> Tracks:
    """Opens a split of a prepared dataset; builds its cache on first use, or if it is damaged.

    If two processes want to build it at once, one waits for the other.

    Args:
      dataset_dir: folder of the dataset, see `find_dataset`.
      split: name of the split, such as train.
      progress: show bars while the cache is built.

    Returns:
      The tracks.

    Raises:
      UserError: the split does not exist, the dataset is damaged, or the disk has no room for the
        cache.
    """
    protocol = read_account(dataset_dir)
    if split not in protocol["tracks"]:
        raise UserError(
            f"dataset {dataset_dir} has no split '{split}'; it has {', '.join(protocol['tracks'])}",
            code="dataset.no_such_split",
        )
    folder = dataset_dir / "cache" / split
    damage = find_cache_damage(folder, progress=progress)
    if damage and not is_older_cache(folder, protocol["format"]):
        with disk_errors_told(dataset_dir):
            try:
                _rebuild(dataset_dir, split, folder, protocol, progress=progress)
            except OSError as error:
                if error.errno not in _READ_ONLY or not folder.exists():
                    raise
                raise UserError(
                    f"{folder} is damaged ({damage}) and you cannot build it again "
                    f"({error.strerror}); ask its owner to remove it or to build it",
                    code="cache.damaged",
                ) from error
    index, text = read_index(folder)
    stored_as = protocol["format"]
    return Tracks(
        files=(folder / DATA,),
        file=np.zeros(len(index["start"]), np.int32),
        offset=np.zeros(len(index["start"]), np.int64),
        **index,
        track_id=np.array(text["track_id"], np.str_),
        artist_id=np.array(text["artist_id"], np.str_),
        groups=np.array(text["groups"], object),  # texts of any length, so no array of characters
        classes=tuple(protocol["classes"]),
        tag_names=tuple(protocol["tags"]),
        kind=stored_as["kind"],
        rate=stored_as["rate"],
        dtype=stored_as["dtype"],
        item_shape=tuple(stored_as["item_shape"]),
        split=split,
        account=protocol,
    )


def _decoder(stored_as: dict[str, Any]) -> Callable[[dict[str, Any]], np.ndarray]:
    if stored_as["kind"] == "waveform":
        return lambda record: decode_flac(record["audio"])
    return lambda record: np.frombuffer(record["features"], stored_as["dtype"])


def _rebuild(
    dataset_dir: Path, split: str, folder: Path, protocol: dict[str, Any], *, progress: bool
) -> None:
    """Builds the cache of a split, unless another process has done so meanwhile."""
    told = f"another process builds {folder}; waiting for it"
    with lock(folder.with_name(f".{split}.lock"), told, wait=True):
        damage = find_cache_damage(folder)
        if not damage:
            return
        if folder.exists():
            warnings.warn(f"{folder} is damaged ({damage}); it is built again", stacklevel=3)
        with scratch(folder.parent) as aside:
            try:
                _build(dataset_dir, split, aside / split, protocol, progress=progress)
                seal_cache(aside / split, dataset_dir)
            except (RuntimeError, LookupError, ValueError) as error:  # errors of record readers
                if is_disk_full(error):
                    raise
                told = " ".join(str(error).split())
                raise UserError(
                    f"the records of {dataset_dir} are damaged ({told}); {AGAIN}",
                    code="dataset.damaged",
                ) from error
            replace_folder(aside / split, folder)


def _build(
    dataset_dir: Path, split: str, folder: Path, protocol: dict[str, Any], *, progress: bool
) -> None:
    """Decodes a split into a new folder."""
    import tensorflow_datasets as tfds  # needed once per dataset, and slow to import

    require_whole_records(dataset_dir)
    stored_as = protocol["format"]
    try:
        source = tfds.builder_from_directory(str(dataset_dir)).as_data_source(split)
    except Exception as error:  # errors of many kinds, if TFDS's description of it is damaged
        raise ValueError(str(error)) from error
    heads = []
    bar = {"unit": "record", "disable": None if progress else True}
    for record in tqdm(source, f"index {split}", leave=False, **bar):
        record.pop("audio" if stored_as["kind"] == "waveform" else "features")
        heads.append({n: v.decode() if isinstance(v, bytes) else v for n, v in record.items()})
    needed = step_bytes(stored_as) * sum(int(head["length"]) for head in heads)
    free = shutil.disk_usage(dataset_dir).free
    if needed > 0.95 * free:
        raise UserError(
            f"the cache of the {split} split needs {needed / 1e9:.1f} GB but {dataset_dir} has "
            f"{free / 1e9:.1f} GB free; free some space or move the dataset",
            code="disk.full",
        )
    order = sorted(range(len(heads)), key=lambda i: (heads[i]["track_id"], heads[i]["offset"]))
    decode = _decoder(stored_as)
    with (
        write_cache(folder, len(protocol["tags"])) as add,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        tqdm(total=len(order), desc=f"cache {split}", **bar) as shown,
    ):
        for first in range(0, len(order), 64):
            some = order[first : first + 64]
            for i, steps in zip(some, pool.map(lambda i: decode(source[i]), some), strict=True):
                add(heads[i], steps.tobytes())
            shown.update(len(some))
