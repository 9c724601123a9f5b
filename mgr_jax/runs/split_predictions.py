"""Predictions of the tracks of a run's dataset, in the form that `Predictor` gives for files."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgr_jax.audio.clips import segment_starts
from mgr_jax.config import load_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.pipeline import open_split
from mgr_jax.decisions import Decider, Timeline
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.prediction.prediction import Prediction
from mgr_jax.prediction.predictor import Predictor
from mgr_jax.training.same_run import require_same_splits

_FEATURES = 64  # tracks of features per batch


@dataclass(frozen=True)
class SplitTrack:
    """A track of a split.

    Attributes:
      tracks: the tracks of the split.
      rows: rows of this track; a long one has several, see `Tracks.offset`.
    """

    tracks: Tracks
    rows: tuple[int, ...]

    @property
    def name(self) -> str:
        """Name of the track."""
        return str(self.tracks.track_id[self.rows[0]])

    @property
    def split(self) -> str:
        """Name of its split."""
        return self.tracks.split

    @property
    def key(self) -> str:
        """Its unique name among the tracks of all splits."""
        return f"{self.split}/{self.name}"

    @property
    def genre(self) -> str:
        """Its genre; empty if unknown."""
        label = int(self.tracks.label[self.rows[0]])
        return self.tracks.classes[label] if label >= 0 else ""

    @property
    def artist(self) -> str:
        """Its artist; empty if unknown."""
        return str(self.tracks.artist_id[self.rows[0]])

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return float(self.tracks.length[list(self.rows)].sum() / self.tracks.rate)


@dataclass(frozen=True)
class DatasetSplits:
    """Splits of the dataset of a run.

    Attributes:
      name: name of the dataset.
      source: digest of its files; empty if unknown.
      tracks: the tracks of all the splits.
    """

    name: str
    source: str
    tracks: tuple[SplitTrack, ...]


def open_dataset_splits(
    predictor: Predictor,
    workdir: Path,
    splits: Sequence[str],
    data_dir: str | Path | None,
    *,
    progress: bool = False,
) -> DatasetSplits:
    """Opens splits of the dataset that a run was trained on, as evaluation does.

    Args:
      predictor: the run's predictor.
      workdir: folder of the run.
      splits: names, such as "test".
      data_dir: the TFDS folder, if it has moved since training.
      progress: show bars if the cache of the dataset must be rebuilt.

    Returns:
      The splits.

    Raises:
      UserError: the model takes more than sound; there is no such dataset or split; or the dataset
        was prepared anew since.
    """
    if predictor.side.format:
        raise UserError(
            f"{workdir} takes more than sound (config.side_inputs); give its files, with their "
            "table (`table`)",
            code="argument.not_applicable",
        )
    config = load_config(workdir / "config.json")
    if data_dir:
        config.data_dir = str(expand(data_dir))
    found, source = [], ""
    for split in dict.fromkeys(splits):
        tracks = open_split(config, split, progress=progress)
        require_same_splits(workdir, tracks.account)
        source = str(tracks.account.get("source", ""))
        rows: dict[str, list[int]] = {}
        for row in np.argsort(tracks.offset, kind="stable"):
            rows.setdefault(str(tracks.track_id[row]), []).append(int(row))
        order = sorted(rows.values(), key=min)
        found += [SplitTrack(tracks, tuple(of_track)) for of_track in order]
    return DatasetSplits(config.dataset, source, tuple(found))


def predict_tracks_of(
    predictor: Predictor, tracks: Iterable[SplitTrack], timeline: bool | Timeline
) -> Iterator[tuple[SplitTrack, Prediction]]:
    """Classifies tracks of splits.

    Args:
      predictor: the run's predictor.
      tracks: the tracks to classify.
      timeline: see `Predictor.predict`.

    Yields:
      Each track with its prediction, in the order in which they are finished.
    """
    found: list[Prediction] = []
    for track, row, prediction in _record_predictions(predictor, tracks, timeline):
        found.append(prediction)
        if row == track.rows[-1]:
            yield track, _joined(predictor, track, found)
            found = []


def _record_predictions(
    predictor: Predictor, tracks: Iterable[SplitTrack], timeline: bool | Timeline
) -> Iterator[tuple[SplitTrack, int, Prediction]]:
    records = ((track, row) for track in tracks for row in track.rows)
    if predictor.spec.kind == "features":
        waiting: list[tuple[SplitTrack, int]] = []
        for record in records:
            waiting.append(record)
            if len(waiting) == _FEATURES:
                yield from _of_features(predictor, waiting, timeline)
                waiting = []
        yield from _of_features(predictor, waiting, timeline)
        return
    asked = (
        dataclasses.replace(clips, key=(track, row, clips.key))
        for track, row in records
        for clips in [predictor.ask(track.tracks.read(row), name=track.name, timeline=timeline)]
    )
    for (track, row, question), outputs in predictor.engine(asked):
        yield track, row, predictor.answer(question, outputs)


def _of_features(
    predictor: Predictor, records: Sequence[tuple[SplitTrack, int]], timeline: bool | Timeline
) -> Iterator[tuple[SplitTrack, int, Prediction]]:
    features = [track.tracks.read(row) for track, row in records]
    predictions = predictor.predict_tracks(features, timeline=timeline)
    for (track, row), prediction in zip(records, predictions, strict=True):
        yield track, row, prediction


def _joined(predictor: Predictor, track: SplitTrack, found: Sequence[Prediction]) -> Prediction:
    """Joins the predictions of a track's records; each counts by its clips, as in evaluation."""
    if len(found) == 1:
        return found[0]
    spec, decisions = predictor.spec, predictor.description.decisions
    tracks, rows = track.tracks, list(track.rows)
    clips = spec.clip_samples, spec.eval_segments
    counts = [
        len(segment_starts(int(tracks.length[row]), *clips, step=spec.crop.step)) for row in rows
    ]
    offsets = tracks.offset[rows] / tracks.rate

    def mean(name: str) -> np.ndarray:
        return np.average([getattr(p, name) for p in found], axis=0, weights=counts)

    def together(name: str) -> np.ndarray:
        return np.concatenate([getattr(p, name) for p in found])

    segments = np.repeat(offsets, [len(p.start) for p in found])

    whole = mean("track_probabilities").astype(np.float32)
    decider = Decider(predictor.classes, spec.task, decisions)
    return Prediction(
        classes=predictor.classes,
        start=together("start") + segments,
        end=together("end") + segments,
        probabilities=together("probabilities"),
        track_probabilities=whole,
        # The background check is per record.
        answer=decider.tell(
            decider.calibrate(whole), background=all(_is_background(p) for p in found)
        ),
        embedding=mean("embedding").astype(np.float32),
        segment_embeddings=together("segment_embeddings"),
    )


def _is_background(prediction: Prediction) -> bool:
    return prediction.answer.reason == "background"
