"""The memory-mapped int16 cache that feeds the loaders.

A random crop from a memory map costs a page fault or two; from a FLAC record, a seek and a decode,
four to nine times as much. The cache is decoded once per split and kept beside the dataset.
"""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import decode_flac
from mgr_jax.errors import UserError


@dataclass(frozen=True)
class Waveforms:
    """All tracks of a split, end to end in one file, and what is known of each.

    Picklable: the samples are mapped where they are read.

    Attributes:
      path: the file of int16 samples.
      start: [tracks] first sample of each track in the file.
      length: [tracks] samples of each track.
      label: [tracks] int32 class.
      tags: [tracks, tags] uint8, multi-hot; no columns where the dataset has no tags.
      track_id, artist_id, groups: [tracks] text; groups are JSON objects.
      classes, tag_names: what the numbers mean.
      sample_rate: in Hz.
      split: name of the split.
      protocol: the dataset's protocol.json.
    """

    path: Path
    start: np.ndarray
    length: np.ndarray
    label: np.ndarray
    tags: np.ndarray
    track_id: np.ndarray
    artist_id: np.ndarray
    groups: np.ndarray
    classes: tuple[str, ...]
    tag_names: tuple[str, ...]
    sample_rate: int
    split: str
    protocol: dict[str, Any]

    def __len__(self) -> int:
        return len(self.start)

    @cached_property
    def _samples(self) -> np.ndarray:
        return np.memmap(self.path, dtype=np.int16, mode="r")

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_samples"}

    def read(self, track: int, start: int = 0, length: int | None = None) -> np.ndarray:
        """Reads int16 [length] samples of a track from `start`, fewer where the track ends."""
        end = int(self.length[track]) if length is None else start + length
        end = min(end, int(self.length[track]))
        first = int(self.start[track])
        return self._samples[first + start : first + end]


def open_waveforms(dataset_dir: Path, split: str) -> Waveforms:
    """Opens a split of a prepared dataset, building its cache on first use.

    Raises:
      UserError: the split does not exist, or the disk is too small for the cache.
    """
    protocol = json.loads((dataset_dir / "protocol.json").read_text())
    if split not in protocol["tracks"]:
        raise UserError(
            f"dataset {dataset_dir} has no split '{split}'; it has {', '.join(protocol['tracks'])}"
        )
    folder = dataset_dir / "cache" / split
    if not folder.exists():
        _build(dataset_dir, split, folder, len(protocol["tags"]))
    with np.load(folder / "index.npz") as stored:
        index = {name: stored[name] for name in stored.files}
    return Waveforms(
        path=folder / "samples.int16",
        **index,
        classes=tuple(protocol["classes"]),
        tag_names=tuple(protocol["tags"]),
        sample_rate=protocol["sample_rate"],
        split=split,
        protocol=protocol,
    )


def _build(dataset_dir: Path, split: str, folder: Path, num_tags: int) -> None:
    import tensorflow_datasets as tfds  # only needed once per dataset, and slow to import

    source = tfds.builder_from_directory(str(dataset_dir)).as_data_source(split)
    heads = []
    for record in tqdm(source, f"index {split}", unit="record", leave=False):
        record.pop("audio")
        heads.append(record)
    needed = 2 * sum(int(head["length"]) for head in heads)
    free = shutil.disk_usage(dataset_dir).free
    if needed > 0.95 * free:
        raise UserError(
            f"the cache of the {split} split needs {needed / 1e9:.1f} GB but {dataset_dir} has "
            f"{free / 1e9:.1f} GB free; free some space or move the dataset (--data_dir)"
        )
    # Order by name, not by record: the same tracks then give the same batches in every build.
    order = sorted(range(len(heads)), key=lambda i: (heads[i]["track_id"], heads[i]["offset"]))
    firsts = [i for i in order if not heads[i]["offset"]]
    lengths: dict[bytes, int] = {}
    for head in heads:
        lengths[head["track_id"]] = lengths.get(head["track_id"], 0) + int(head["length"])
    length = np.array([lengths[heads[i]["track_id"]] for i in firsts], np.int64)

    def text(name: str) -> np.ndarray:
        return np.array([heads[i][name].decode() for i in firsts], np.str_)

    # The folder takes its name last, so that a half-written cache is never opened.
    partial = folder.with_name(f"{split}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        with (
            (partial / "samples.int16").open("wb") as file,
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tqdm(total=len(order), desc=f"cache {split}", unit="record") as bar,
        ):
            for first in range(0, len(order), 64):
                some = order[first : first + 64]
                for samples in pool.map(lambda i: decode_flac(source[i]["audio"]), some):
                    samples.tofile(file)
                bar.update(len(some))
        np.savez(
            partial / "index.npz",
            start=np.cumsum(length) - length,
            length=length,
            label=np.array([heads[i]["label"] for i in firsts], np.int32),
            tags=np.array([heads[i].get("tags", []) for i in firsts], np.uint8).reshape(
                len(firsts), num_tags
            ),
            track_id=text("track_id"),
            artist_id=text("artist_id"),
            groups=text("groups"),
        )
        try:
            partial.rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same content
                raise
            shutil.rmtree(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
