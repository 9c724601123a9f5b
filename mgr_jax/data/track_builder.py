"""The part of a TFDS builder that all datasets share."""

import abc
import contextlib
import dataclasses
import functools
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.splits import SplitInfo
from tqdm import tqdm

from mgr_jax.audio.io import Limits
from mgr_jax.audio.notes import with_notes
from mgr_jax.data.account import Account
from mgr_jax.data.cache_check import seal_cache
from mgr_jax.data.cache_writer import write_cache
from mgr_jax.data.prepared import seal_dataset
from mgr_jax.data.record_writer import write_records
from mgr_jax.data.records import LoadedTrack, Record, Track
from mgr_jax.data.splits import crossing
from mgr_jax.data.spool import Columns, SpooledExample, spool
from mgr_jax.errors import UserError
from mgr_jax.workers import Failure, map_in_processes

_AHEAD = 64  # tracks per worker that may be done before their turn


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a builder will store.

    Attributes:
      tracks: the tracks of each split.
      account: how the splits were made; goes to protocol.json. `split_by` lists the columns whose
        values stay in one split; `given` is True for splits that are published or from an index.
        `complete: False` means that the splits are published ones, which may lack a genre if only
        a part of the data is there.
      tags: vocabulary of the tags; empty if a dataset has none.
      left_out: tracks of splits without any file, with the reason for each.
      former: the account of the same tracks in version 0.1.0, if it differed.
    """

    tracks: Mapping[str, Sequence[Track]]
    account: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    former: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := [name for name in ("split_by", "given") if name not in self.account]:
            raise UserError(
                f"the account of this dataset's plan has no {' and no '.join(missing)}; say how "
                'its splits are made, as in {"split_by": ["artist"], "given": False}',
                code="dataset.no_account",
            )

    @property
    def artists_in_several_splits(self) -> int | None:
        """Number of artists with tracks in more than one split; None if no artist is known."""
        placed = [(t.artist_id, split) for split, some in self.tracks.items() for t in some]
        artists, splits = zip(*placed, strict=True) if placed else ((), ())
        return len(crossing(artists, splits)) if any(artists) else None


class _Info(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Does nothing: no bucket has these datasets, and TFDS would leave a folder in /tmp."""


class TrackBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Stores tracks as records; subclasses decide which tracks go to which split.

    None of them is registered with TFDS: names are global there, and TFDS has its own gtzan.

    Beside the records it writes `skipped.json` (track → reason), `notes.json` (track → warnings
    about tracks that are used), `sources.json` (marks of the files, see `Mark`) and `protocol.json`
    (classes, tags, format, how the splits were made). If preparing fails, nothing is left behind.

    Attributes:
      PAYLOAD: name of the feature that holds a record's bytes.
      RECORDS: options of ArrayRecord.
      HOMEPAGE: web page of the dataset.
      LICENSE: licence of the data.
      num_workers: loading processes; 0 loads in this process.
      progress: whether bars are shown.
      planned: the result of `plan`, if it was called already.
      limits: which files are refused.
    """

    PAYLOAD: str
    RECORDS: str = "group_size:1"
    HOMEPAGE: str = ""
    LICENSE: str = ""
    num_workers: int = os.cpu_count() or 1
    progress: bool = True
    planned: Plan | None = None
    limits: Limits = Limits()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs | {"skip_registration": True})

    @classmethod
    @abc.abstractmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> tfds.core.BuilderConfig:
        """The config of the dataset to prepare.

        Args:
          name: name of the config and of its folder.
          variant: variant of the dataset, empty if it has none.
          **options: options of the dataset's record, except `name` and `manual_dir`; and
            `sample_rate` if audio is stored.
        """

    @abc.abstractmethod
    def plan(self, manual_dir: Path | None) -> Plan:
        """Decides which tracks go to which split, without loading them."""

    @abc.abstractmethod
    def make_records(self) -> Callable[[Track], tuple[LoadedTrack, list[Record]]]:
        """Returns a picklable function that loads a track and makes its records."""

    @abc.abstractmethod
    def format(self) -> dict[str, Any]:
        """The format of a time step: kind, rate (steps per second), dtype and item_shape."""

    def _info(self) -> tfds.core.DatasetInfo:
        features: dict[str, Any] = {
            # Not tfds.features.Audio: constructing it needs TensorFlow.
            self.PAYLOAD: tfds.features.Scalar(np.object_, doc="see `format` in protocol.json"),
            "label": tfds.features.ClassLabel(doc="-1 where unknown"),
            "tags": tfds.features.Tensor(
                shape=(None,), dtype=np.uint8, doc="multi-hot, names in protocol.json"
            ),
            "track_id": tfds.features.Text(),
            "artist_id": tfds.features.Text(doc="empty where unknown"),
            "groups": tfds.features.Text(doc="further columns, a JSON object of texts"),
            "offset": tfds.features.Scalar(np.int64, doc="first time step within the track"),
            "length": tfds.features.Scalar(np.int64, doc="time steps in this record"),
        }
        told = self.get_metadata()  # of the files beside the builder
        return _Info(
            builder=self,
            description=told.description,
            citation=told.citation,
            features=tfds.features.FeaturesDict(features),
            homepage=self.HOMEPAGE,
            license=self.LICENSE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        if self.planned is None:
            needed = self.MANUAL_DOWNLOAD_INSTRUCTIONS
            self.planned = self.plan(Path(dl_manager.manual_dir) if needed else None)
        # In the order of the cache, which is written as they come.
        tracks = {
            split: sorted(some, key=lambda track: track.track_id)
            for split, some in self.planned.tracks.items()
            if some
        }
        if "train" not in tracks:
            raise UserError(
                f"{self.name} has no track to train on; add some to the train split",
                code="split.empty",
            )
        known = {t.label for s in tracks.values() for t in s} - {""}
        self.info.features["label"].names = sorted(known)
        self._account = Account(tracks, sorted(known), dict(self.planned.left_out))
        columns = Columns(self.PAYLOAD, tuple(sorted(known)), self.planned.tags)
        spool_folder = self._work.enter_context(tempfile.TemporaryDirectory(dir=self.data_path))
        # Of all splits at once, and far ahead: workers go on while TFDS sorts and writes a split.
        results = map_in_processes(
            functools.partial(spool, self.make_records(), columns, spool_folder),
            [track for some in tracks.values() for track in some],
            workers=self.num_workers,
            ahead=_AHEAD,
            name=lambda t: t.track_id,
        )
        self._results = self._work.enter_context(contextlib.closing(results))
        return {split: self._generate_examples(split, len(tracks[split])) for split in tracks}

    def _generate_examples(
        self, split: str, num_tracks: int
    ) -> Iterator[tuple[str, SpooledExample]]:
        """The records of the next tracks by key; also writes the cache of the split."""
        assert self.planned is not None
        results = itertools.islice(self._results, num_tracks)
        bar = tqdm(
            results, split, total=num_tracks, unit="track", disable=None if self.progress else True
        )
        cache = Path(self.data_path, "cache", split)
        with write_cache(cache, len(self.planned.tags)) as add_to_cache:
            for (track, result), notes in with_notes(bar):
                if isinstance(result, Failure):
                    self._account.skip(track, result)
                    continue
                loaded, records = result
                self._account.add(split, track, loaded.mark, notes)
                for record in records:
                    with record.steps() as steps:
                        add_to_cache(record.columns, steps)
                    yield f"{track.track_id}#{record.columns['offset']}", record.example()
            self._account.require_some(split, self._results)

    def _generate_splits(self, dl_manager, download_config) -> list[SplitInfo]:
        """As in TFDS, except for the way of writing records; see `write_records`."""
        return [
            write_records(
                records,
                self._get_filename_template(split),
                download_config.get_shard_config(),
                self.RECORDS,
            )
            for split, records in self._split_generators(dl_manager).items()
        ]

    def download_and_prepare(self, **options: Any) -> None:
        """As in TFDS, which writes the dataset's description last; then its files get checksums."""
        path = Path(self.data_path)
        before = path.exists() and path.stat().st_ino
        super().download_and_prepare(**options)
        if before != path.stat().st_ino:  # it was not there, or is another now
            seal_dataset(path)

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        with contextlib.ExitStack() as self._work:
            super()._download_and_prepare(dl_manager, download_config)
        assert self.planned is not None
        self._account.require_every_class(complete=self.planned.account.get("complete", True))
        self._account.tell()
        protocol = {
            "tags": list(self.planned.tags),
            "format": self.format(),
            "license": self.LICENSE,
            "artists_in_several_splits": self.planned.artists_in_several_splits,
            **self.planned.account,
        }
        folder = Path(self.data_path)
        self._account.write(folder, protocol)
        for cache in (folder / "cache").iterdir():
            seal_cache(cache, folder)
