"""The part of a TFDS builder that every audio dataset shares."""

import abc
import dataclasses
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tqdm import tqdm

from mgr_jax.data.records import Track, load_records
from mgr_jax.data.workers import Failure, map_in_processes
from mgr_jax.errors import UserError

SAMPLE_RATES = (22_050, 16_000, 12_000)


@dataclasses.dataclass
class AudioConfig(tfds.core.BuilderConfig):
    """A builder config: what changes the stored records.

    Attributes:
      sample_rate: of the stored audio in Hz.
    """

    sample_rate: int = 22_050


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a builder is about to store.

    Attributes:
      tracks: the tracks of each split.
      protocol: how the splits were made; goes to protocol.json.
    """

    tracks: Mapping[str, Sequence[Track]]
    protocol: Mapping[str, Any]


class AudioBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Stores tracks as `waveform` examples; subclasses say which tracks go to which split.

    Beside the records it writes `skipped.json` (track → reason) and `protocol.json` (classes,
    tags, sample rate, how the splits were made). Nothing is left behind if preparing fails.

    Attributes:
      TAGS: vocabulary of the tags; empty where a dataset has none.
      HOMEPAGE: where the dataset is described.
      LICENSE: what may be done with the audio.
      num_workers: decoding processes; 0 decodes in this process.
      planned: what `plan` has said, where it was asked already.
    """

    TAGS: tuple[str, ...] = ()
    HOMEPAGE: str = ""
    LICENSE: str = ""
    num_workers: int = os.cpu_count() or 1
    planned: Plan | None = None

    @abc.abstractmethod
    def plan(self, manual_dir: Path | None) -> Plan:
        """Says which tracks go to which split, reading no audio."""

    def _info(self) -> tfds.core.DatasetInfo:
        features: dict[str, Any] = {
            # Not tfds.features.Audio: constructing it needs TensorFlow.
            "audio": tfds.features.Scalar(np.object_, doc="mono 16-bit FLAC file"),
            "label": tfds.features.ClassLabel(),
            "track_id": tfds.features.Text(),
            "artist_id": tfds.features.Text(doc="empty where unknown"),
            "groups": tfds.features.Text(doc="further columns, a JSON object of texts"),
            "offset": tfds.features.Scalar(np.int64, doc="first sample within the track"),
            "length": tfds.features.Scalar(np.int64, doc="samples in this record"),
        }
        if self.TAGS:
            features["tags"] = tfds.features.Tensor(
                shape=(len(self.TAGS),), dtype=np.uint8, doc="multi-hot, names in protocol.json"
            )
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features),
            homepage=self.HOMEPAGE,
            license=self.LICENSE,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        if self.planned is None:
            needed = self.MANUAL_DOWNLOAD_INSTRUCTIONS
            self.planned = self.plan(Path(dl_manager.manual_dir) if needed else None)
        tracks = self.planned.tracks
        self.info.features["label"].names = sorted({t.label for s in tracks.values() for t in s})
        self._skipped: dict[str, str] = {}
        self._stored = {split: Counter[str]() for split in tracks}
        return {split: self._generate_examples(split, tracks[split]) for split in tracks}

    def _generate_examples(
        self, split: str, tracks: Sequence[Track]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        rate = self.builder_config.sample_rate
        results = map_in_processes(
            load_records, ((track, rate) for track in tracks), workers=self.num_workers
        )
        for (track, _), result in tqdm(results, split, total=len(tracks), unit="track"):
            if isinstance(result, Failure):
                self._skipped[track.track_id] = result.reason
                continue
            clip, records = result
            self._stored[split][track.label] += 1
            shared = {
                "label": track.label,
                "track_id": track.track_id,
                "artist_id": track.artist_id,
                "groups": json.dumps({**track.groups, **clip.groups}, sort_keys=True),
            }
            if self.TAGS:
                shared["tags"] = np.isin(self.TAGS, clip.tags).astype(np.uint8)
            for record in records:
                yield f"{track.track_id}#{record.offset}", shared | dataclasses.asdict(record)

    def _download_and_prepare(self, dl_manager, download_config) -> None:
        super()._download_and_prepare(dl_manager, download_config)
        assert self.planned is not None
        self._require_every_class()
        protocol = {
            "classes": self.info.features["label"].names,
            "tags": list(self.TAGS),
            "sample_rate": self.builder_config.sample_rate,
            "tracks": {split: dict(sorted(n.items())) for split, n in self._stored.items()},
        }
        for name, content in [
            ("skipped.json", self._skipped),
            ("protocol.json", protocol | dict(self.planned.protocol)),
        ]:
            (self.data_path / name).write_text(json.dumps(content, indent=2) + "\n")

    def _require_every_class(self) -> None:
        if self._skipped:
            print(
                f"Skipped {len(self._skipped)} tracks (skipped.json lists them):", file=sys.stderr
            )
            for reason in list(self._skipped.values())[:10]:
                print(f"  {reason}", file=sys.stderr)
        for split, stored in self._stored.items():
            for label in self.info.features["label"].names:
                if not stored[label]:
                    raise UserError(
                        f"the {split} split has no readable track of genre '{label}' "
                        f"({len(self._skipped)} tracks were skipped); add tracks of it, leave the "
                        "genre out, or change the splits"
                    )
