"""Embeddings of files and datasets: vectors that a trained network computes from sound."""

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import mgr_jax
from mgr_jax.audio.file_tags import read_tags
from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.audio.notes import first_of_each
from mgr_jax.decisions import Decider, Timeline
from mgr_jax.errors import UserError, printable
from mgr_jax.files import expand, lock
from mgr_jax.model_folder import find_model
from mgr_jax.prediction.digest import digest_network
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.embedding_parts import Item, Parts
from mgr_jax.runs.embedding_sources import (
    About,
    Outcome,
    about_files,
    file_outcomes,
    split_outcomes,
)
from mgr_jax.runs.embedding_table import (
    Embeddings,
    as_text,
    require_table_path,
    write_embeddings,
)
from mgr_jax.runs.split_predictions import open_dataset_splits

log = logging.getLogger(__name__)

_REASONS = 10  # notes that are logged; all of them are returned


@dataclass(frozen=True)
class EmbeddedFiles:
    """A table of embeddings that was written.

    Attributes:
      path: path of the table.
      rows: number of rows.
      tracks: number of files or tracks.
      unknown_artists: number of tracks without a known artist.
      failures: a sentence on each file that cannot be used.
      notes: warnings about files that were used, by name.
    """

    path: Path
    rows: int
    tracks: int
    unknown_artists: int
    failures: tuple[str, ...]
    notes: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        """A sentence on what was written."""
        unknown = f"; the artists of {self.unknown_artists} are unknown"
        return printable(
            f"Wrote {self.path}: {self.rows} rows of {self.tracks} tracks"
            f"{unknown if self.unknown_artists else ''}."
        )


def embed(
    model: str | os.PathLike[str],
    files: Iterable[str | os.PathLike[str]] = (),
    *,
    splits: Sequence[str] = (),
    out: str | os.PathLike[str],
    per: str = "track",
    hop: float | None = None,
    table: str | os.PathLike[str] | None = None,
    data_dir: str | Path | None = None,
    checkpoint: str | int = "best",
    limits: LimitsLike = None,
    workers: int | None = None,
    progress: bool = True,
) -> EmbeddedFiles:
    """Writes the embeddings of files, or of splits of the dataset that a run was trained on.

        mgr_jax.embed("runs/a", ["songs"], out="embeddings.parquet")
        mgr_jax.embed("runs/a", splits=["test"], out="test.npz", per="segment")

    An embedding is the vector that the network computes before its last layer. `search` compares
    embeddings; docs/embeddings_format.md describes the table. The same call resumes after a kill:
    finished files are kept in the folder <out>.parts until the table is complete. Genres and
    artists of files come from an index.csv in their folder, in the folder above it or in a folder
    that was given, else from their tags.

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      files: audio files, and folders whose audio files are all taken.
      splits: in place of files, splits of the run's dataset, such as "train" and "test".
      out: a new .parquet or .npz file.
      per: "track": one row per file, the mean over the clips that evaluation uses; "segment": one
        row per window.
      hop: seconds between windows; None: the fewest windows that cover a track.
      table: for a fusion with a table, a table with a row for every file.
      data_dir: the TFDS folder, if the dataset has moved since training.
      checkpoint: "best" by validation score, "latest", or a step.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode; see `predict_stream`.
      progress: show a bar.

    Returns:
      What was written; `failures` lists files that cannot be read.

    Raises:
      UserError: both files and splits or neither are given, the table exists already, an
        interrupted run had other settings, there is no such model, split or folder, or no file can
        be used.
    """
    files, splits, limits = list(files), list(splits), Limits.of(limits)
    if bool(files) == bool(splits):
        raise UserError(
            "give audio files or folders, or else splits of the run's dataset (`splits`)",
            code="argument.choose_one",
        )
    if per not in ("track", "segment"):
        raise UserError(f"`per` is {per!r}; give track or segment", code="argument.out_of_range")
    if hop is not None and (per == "track" or not 0 < hop < float("inf")):
        raise UserError(
            f"`hop` is {hop:g}; give seconds above 0, and only with rows per segment (`per`)",
            code="argument.out_of_range",
        )
    out = expand(out).absolute()
    require_table_path(out)
    if out.exists():
        raise UserError(
            f"{out} exists already; remove it, or choose another name", code="file.exists"
        )
    workdir = find_model(model)
    predictor = load(workdir, checkpoint=checkpoint)
    decisions = predictor.description.decisions
    settings = {
        "mgr_jax": mgr_jax.__version__,
        "model": str(workdir),
        "checkpoint": str(checkpoint),
        "digest": digest_network(workdir, checkpoint),
        "system": predictor.description.system,
        "calibration": {
            "temperature": decisions.track_temperature,
            "precision": decisions.precision,
            "background": bool(decisions.background),
        },
        "classes": list(predictor.classes),
        "per": per,
        "hop": hop,
        "limits": limits.changed(),
        "table": str(table or ""),
    }
    timeline = Timeline(hop=hop) if per == "segment" else False
    known: dict[str, About]
    if splits:
        dataset = open_dataset_splits(predictor, workdir, splits, data_dir, progress=progress)
        settings["dataset"], settings["source"] = dataset.name, dataset.source
        known = _unique(
            About(track.name, track.split, track.genre, track.artist) for track in dataset.tracks
        )
    else:
        paths = list(map(str, find_audio_files(files)))
        known = _unique(about_files(paths, [expand(f) for f in files]))
    told = f"{out} is being written by another process; wait until it is done"
    with lock(out.with_name(f".{out.name}.lock"), told):
        parts = Parts(out.with_name(f"{out.name}.parts"), settings)
        todo = [a for a in known.values() if not _is_done(parts.items.get(a.key), a)]
        outcomes = (
            split_outcomes(predictor, dataset, todo, timeline)
            if splits
            else file_outcomes(predictor, todo, table, timeline, limits, workers)
        )
        with (
            contextlib.closing(parts),  # keeps finished parts also when a signal ends the process
            contextlib.closing(outcomes),
            tqdm(
                outcomes,
                printable(out.name),
                initial=len(known) - len(todo),
                total=len(known),
                unit="track" if splits else "file",
                disable=None if progress else True,
            ) as bar,
        ):
            for outcome in bar:
                rows, about = _rows_of(predictor, outcome, per), outcome.about
                count = 0 if rows is None else len(rows)
                item = Item(about.key, about.state, count, outcome.error, outcome.notes)
                parts.add(item, rows)
        return _finish(out, parts, known, settings)


def _finish(
    out: Path, parts: Parts, known: Mapping[str, About], settings: dict[str, Any]
) -> EmbeddedFiles:
    items = [parts.items[key] for key in known]
    used = [item for item in items if item.rows]
    failures = tuple(item.error for item in items if item.error)
    if not used:
        parts.remove()
        raise UserError(
            f"none of the {len(items)} files can be used; of the first: {failures[0]}",
            code="embeddings.none",
        )
    unknown: set[str] = set()

    def rows() -> Iterator[Embeddings]:
        for part in parts.rows(known):
            unknown.update(part.name[part.artist == ""].tolist())
            yield part

    settings["dim"] = next(parts.rows(known)).embedding.shape[1]
    count = write_embeddings(out, rows, settings)
    parts.remove()
    notes = {item.key: item.notes for item in used if item.notes}
    for note in first_of_each(notes)[:_REASONS]:
        log.warning(note)
    return EmbeddedFiles(out, count, len(used), len(unknown), failures, notes)


def _unique(found: Iterable[About]) -> dict[str, About]:
    """Items by key; a file that was given twice counts once."""
    return {about.key: about for about in found}


def _is_done(item: Item | None, about: About) -> bool:
    return item is not None and item.state == about.state


def _rows_of(predictor: Predictor, outcome: Outcome, per: str) -> Embeddings | None:
    """The rows of a file or track; None if there is no prediction."""
    prediction, about = outcome.prediction, outcome.about
    if prediction is None:
        return None
    assert prediction.embedding is not None
    assert prediction.segment_embeddings is not None
    if per == "track":
        start, end = np.zeros(1), np.array([outcome.seconds])
        embedding, answers = prediction.embedding[None], [prediction.answer]
    else:
        start, end = prediction.start, prediction.end
        embedding = prediction.segment_embeddings
        decisions, task = predictor.description.decisions, predictor.spec.task
        decider = Decider(predictor.classes, task, decisions)
        calibrated = decider.calibrate(prediction.probabilities, level="clip")
        answers = list(map(decider.tell, calibrated))
    told = [dict(answer.top(len(answer.classes))) for answer in answers]
    tags = {} if about.split else read_tags(about.name)
    known = {
        name: getattr(about, name) or tags.get(name, "") for name in ("genre", "artist", "title")
    }
    rows = len(start)
    return Embeddings(
        name=np.full(rows, as_text(about.name)),
        split=np.full(rows, about.split),
        start=start.astype(np.float64),
        end=end.astype(np.float64),
        label=np.array([answer.label if answer.classes else "" for answer in answers]),
        probability=np.array(
            [
                t.get(a.label, max(t.values(), default=np.nan))
                for a, t in zip(answers, told, strict=True)
            ],
            np.float32,
        ),
        **{name: np.full(rows, text) for name, text in known.items()},
        embedding=embedding.astype(np.float32),
    )
