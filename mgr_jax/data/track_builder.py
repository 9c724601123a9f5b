"""The part of a TFDS builder that every dataset shares."""

import abc
import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from mgr_jax.audio.io import Limits
from mgr_jax.audio.notes import first_of_each, some_reasons, with_notes
from mgr_jax.data.cache_writer import write_cache
from mgr_jax.data.record_writer import PlainWriter
from mgr_jax.data.records import LoadedTrack, Record, Track, audio_records
from mgr_jax.data.sources import Mark, digest_marks, write_marks
from mgr_jax.data.spool import spool
from mgr_jax.errors import UserError
from mgr_jax.workers import Failure, map_in_processes

log = logging.getLogger(__name__)

_UNKNOWN = -1  # the label of a track without a genre
_AHEAD = 64  # tracks per worker that may be done before their turn


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a builder is about to store.

    Attributes:
      tracks: the tracks of each split.
      account: how the splits were made; goes to protocol.json. `complete: False` in it says that
        the splits are published ones, which may lack a genre where only a part is at hand.
      tags: vocabulary of the tags; empty where a dataset has none.
      left_out: tracks of splits that none of the files is of, with the reason for each.
      former: what the account held of the same tracks in version 0.1.0, where it held other things.
    """

    tracks: Mapping[str, Sequence[Track]]
    account: Mapping[str, Any]
    tags: tuple[str, ...] = ()
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    former: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class TrackBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Stores tracks as records; subclasses say which tracks go to which split.

    None of them is registered with TFDS: there names are global, and TFDS has a gtzan of its own.

    Beside the records it writes `skipped.json` (track → reason), `notes.json` (track → what was
    told of it, where it is used but not as it is), `sources.json` (what the files were, see `Mark`)
    and `protocol.json` (classes, tags, format, how the splits were made). Nothing is left behind if
    preparing fails.

    Attributes:
      PAYLOAD: name of the feature that holds a record's bytes.
      HOMEPAGE: where the dataset is described.
      LICENSE: what may be done with the data.
      num_workers: loading processes; 0 loads in this process.
      progress: whether bars are shown.
      planned: what `plan` has said, where it was asked already.
      limits: which files are refused.
    """

    PAYLOAD: str
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
        """The config of what is to be prepared.

        Args:
          name: of the config; names the folder.
          variant: one of the dataset's, empty where it has none.
          **options: those of the dataset's record, but for `name` and `manual_dir`; and
            `sample_rate`, where audio is stored.
        """

    @abc.abstractmethod
    def plan(self, manual_dir: Path | None) -> Plan:
        """Says which tracks go to which split, loading none of them."""

    @abc.abstractmethod
    def make_records(self) -> Callable[[Track], tuple[LoadedTrack, list[Record]]]:
        """Returns what loads and stores a track; picklable."""

    @abc.abstractmethod
    def format(self) -> dict[str, Any]:
        """What a time step is: kind, rate (steps per second), dtype and item_shape."""

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
        return self.dataset_info_from_configs(
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
        self._skipped = dict(self.planned.left_out)
        self._notes: dict[str, list[str]] = {}
        self._marks: dict[str, Mark] = {}
        self._stored = {split: Counter[str]() for split in tracks}
        spool_folder = self._work.enter_context(tempfile.TemporaryDirectory(dir=self.data_path))
        # Of all splits at once, and far ahead: workers go on while TFDS sorts and writes a split.
        results = map_in_processes(
            functools.partial(spool, self.make_records(), spool_folder),
            [track for some in tracks.values() for track in some],
            workers=self.num_workers,
            ahead=_AHEAD,
            name=lambda t: t.track_id,
        )
        self._results = self._work.enter_context(contextlib.closing(results))
        return {split: self._generate_examples(split, len(tracks[split])) for split in tracks}

    def _generate_examples(
        self, split: str, num_tracks: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The records of the next tracks; writes the cache of the split as well."""
        assert self.planned is not None
        results = itertools.islice(self._results, num_tracks)
        bar = tqdm(results, split, total=num_tracks, unit="track", disable=not self.progress)
        classes = self.info.features["label"].names
        cache = Path(self.data_path, "cache", split)
        with write_cache(cache, len(self.planned.tags)) as add_to_cache:
            for (track, result), notes in with_notes(bar):
                if isinstance(result, Failure):
                    self._skip(track, result)
                    if track.file:
                        self._marks[track.track_id] = track.file.mark()
                    continue
                loaded, spooled = result
                if loaded.mark:
                    self._marks[track.track_id] = loaded.mark
                if notes:
                    self._notes[track.track_id] = notes
                self._stored[split][track.label] += 1
                given = {*track.tags, *loaded.tags}
                shared = {
                    "label": classes.index(track.label) if track.label else _UNKNOWN,
                    "tags": np.array([tag in given for tag in self.planned.tags], np.uint8),
                    "track_id": track.track_id,
                    "artist_id": track.artist_id,
                    "groups": json.dumps({**track.groups, **loaded.groups}, sort_keys=True),
                }
                for record, steps in spooled.records():
                    head = shared | {"offset": record.offset, "length": record.length}
                    add_to_cache(head, steps)
                    yield f"{track.track_id}#{record.offset}", {self.PAYLOAD: record.data, **head}
            if not self._stored[split]:  # TFDS would raise thirty lines
                raise self._nothing_readable(split)

    def _skip(self, track: Track, failure: Failure) -> None:
        log.info("skipped %s: %s", track.track_id, failure.reason)
        self._skipped[track.track_id] = failure.reason

    def _nothing_readable(self, split: str) -> UserError:
        """Says why a split is empty, and whether others would be too."""
        assert self.planned is not None
        tracks = self.planned.tracks
        nothing = not any(self._stored.values())
        if nothing:  # perhaps no file can be read at all: go on to the first that can
            for (track, result), _ in with_notes(self._results):
                if not isinstance(result, Failure):
                    nothing = False
                    break
                self._skip(track, result)
        reasons = [self._skipped[t.track_id] for t in tracks[split]]
        what, way_out = f"{len(reasons)} tracks of the {split} split", ", or change the splits"
        if nothing:
            reasons = list(self._skipped.values())
            what, way_out = f"{len(reasons)} files", ""
        return UserError(
            f"none of the {what} can be read ({some_reasons(reasons)}); replace them{way_out}",
            code="dataset.unreadable",
        )

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        with contextlib.ExitStack() as self._work:
            super()._download_and_prepare(dl_manager, download_config)
        assert self.planned is not None
        self._require_every_class(complete=self.planned.account.get("complete", True))
        if self._skipped:
            warnings.warn(
                f"skipped {len(self._skipped)} tracks, which skipped.json lists "
                f"({some_reasons(list(self._skipped.values()))})",
                stacklevel=2,
            )
        if self._notes:
            warnings.warn(
                f"used {len(self._notes)} tracks that are not as they should be, which notes.json "
                f"lists ({some_reasons(first_of_each(self._notes))})",
                stacklevel=2,
            )
        protocol = {
            "classes": self.info.features["label"].names,
            "tags": list(self.planned.tags),
            "format": self.format(),
            "license": self.LICENSE,
            "tracks": {split: dict(sorted(n.items())) for split, n in self._stored.items()},
        }
        if self._marks:
            protocol["content"] = digest_marks(self._marks)
        for name, content in [
            ("skipped.json", self._skipped),
            ("notes.json", self._notes),
            ("protocol.json", protocol | dict(self.planned.account)),
        ]:
            text = json.dumps(content, indent=2) + "\n"
            (self.data_path / name).write_text(text, encoding="utf-8")
        write_marks(Path(self.data_path), self._marks)

    def _require_every_class(self, *, complete: bool) -> None:
        for split, stored in self._stored.items():
            missing = [name for name in self.info.features["label"].names if not stored[name]]
            if missing and complete:
                raise UserError(
                    f"the {split} split has no readable track of genre '{missing[0]}' "
                    f"({self._why_missing(split, missing[0])}); add tracks of it, leave the genre "
                    "out, or change the splits",
                    code="split.missing_genre",
                )
            if missing:
                warnings.warn(
                    f"the {split} split has no track of {', '.join(missing)}", stacklevel=2
                )

    def _why_missing(self, split: str, label: str) -> str:
        assert self.planned is not None
        tracks = [t.track_id for t in self.planned.tracks[split] if t.label == label]
        reasons = [self._skipped[track] for track in tracks if track in self._skipped]
        return some_reasons(reasons) if reasons else "none was put there"


@dataclasses.dataclass
class AudioConfig(tfds.core.BuilderConfig):
    """A builder config: what changes the stored records.

    Attributes:
      sample_rate: of the stored audio in Hz.
    """

    sample_rate: int = 22_050


SAMPLE_RATES = (22_050, 16_000, 12_000)


class AudioBuilder(TrackBuilder):
    """Stores tracks as `waveform` examples: mono 16-bit FLAC files at the config's rate."""

    PAYLOAD = "audio"

    def _example_writer(self) -> PlainWriter:
        return PlainWriter(self.info.file_format)

    def make_records(self) -> Callable[[Track], tuple[LoadedTrack, list[Record]]]:
        """See TrackBuilder."""
        return functools.partial(audio_records, sample_rate=self.builder_config.sample_rate)

    def format(self) -> dict[str, Any]:
        """See TrackBuilder."""
        rate = self.builder_config.sample_rate
        return {"kind": "waveform", "rate": rate, "dtype": "int16", "item_shape": []}
