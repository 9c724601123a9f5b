"""Classifies many files with one model; results are kept, and the same call resumes."""

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.audio.overview import make_overview
from mgr_jax.decisions import Rules, Timeline, TimelineLike
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.files import expand, require_folder, require_regular
from mgr_jax.model_folder import find_model, read_description
from mgr_jax.prediction.origin import Origin, describe_origin
from mgr_jax.prediction.plan import Planned, plan
from mgr_jax.prediction.predictor import load
from mgr_jax.prediction.record import SUFFIX, Record
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.prediction.tags import Mode, TagWriter
from mgr_jax.runs.formats import FORMATS, SUFFIXES, create_writers, written_by
from mgr_jax.runs.keeping import Keeper
from mgr_jax.runs.model_tables import read_for_model, side_rows
from mgr_jax.runs.predictions import Bar, FilePredictions

log = logging.getLogger(__name__)


def predict_files(
    model: str | os.PathLike[str],
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    *,
    out: str | os.PathLike[str] | None = None,
    formats: str | Sequence[str] | None = None,
    beside: bool = False,
    features: str | os.PathLike[str] | None = None,
    table: str | os.PathLike[str] | None = None,
    checkpoint: str | int = "best",
    timeline: TimelineLike = False,
    rules: Rules = Rules(),  # noqa: B008 - frozen
    limits: LimitsLike = None,
    workers: int | None = None,
    in_order: bool = True,
    progress: bool = False,
    dry_run: bool = False,
    write_tags: Mode | None = None,
) -> FilePredictions:
    """Classifies audio files and folders of them, or the tracks of a file of features.

        predictions = mgr_jax.predict_files("runs/a", ["song.mp3", "songs"], out="genres")
        for name, prediction in predictions:
            print(name, prediction.label)
        print(predictions.failures)

    With `out`, each result is written before it is returned: the record, genres.jsonl, has one line
    per file. The same call resumes after a kill. It skips finished files; it repeats files that
    have changed since, and files that could not be read for a temporary reason. Broken and silent
    files are recorded with their reason. Other formats are made from the whole record;
    docs/results_format.md describes them.

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      files: audio files, and folders whose audio files are all taken.
      out: path of the results, to which the suffixes of the formats are added.
      formats: formats in addition to the record: "csv", which grows file by file; "parquet" and
        "m3u" (playlists), written at the end; "audacity" (labels) and "png" (pictures of the
        timeline; needs `timeline`), one for each file; "jsonl", the record itself. None: "csv".
      beside: write a file beside each song, such as song.mp3.mgr-jax.csv, in place of one for all.
        The record stays at `out`. Files of other programs are not touched.
      features: in place of files, a file of features of the kind that the model was trained on.
      table: for a fusion with a table, a table with a row for every file or track.
      checkpoint: "best" by validation score, "latest", or a step.
      timeline: also predict segments and sections that cover each file; see `Predictor.predict`.
      rules: how predictions are decided; see `Rules`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode ahead of the network; see `predict_stream`.
      in_order: give results in the order of the files; False: as they are finished, first those of
        an earlier call.
      progress: show a bar on a terminal, with the files, the hours of sound, the speed relative to
        real time, and the time left.
      dry_run: only plan the work (see `plan` of the returned object).
      write_tags: write predictions into the files as genre tags: "show" only lists in `tag_changes`
        what would change; "keep" keeps existing genres; "replace" replaces them. See `TagWriter`;
        it needs mutagen, which is GPL-2.0-or-later.

    Returns:
      The predictions; each is computed when it is asked for.

    Raises:
      UserError: both files and features or neither are given, a folder holds no audio, there is no
        such model, the features or the table do not fit it, or `out` holds results of another
        model, of other settings or of another program. Audio files that cannot be read raise
        nothing: they are in `failures`.
    """
    files, limits = _listed(files), Limits.of(limits)
    if bool(files) == bool(features):
        raise UserError(
            "give audio files or folders, or else a file of features (`features`)",
            code="argument.choose_one",
        )
    _require_formats(formats, out, beside=beside, features=bool(features))
    formats = ["csv"] if out and formats is None else _listed(formats or ())
    draws = "png" in formats
    timeline = timeline or draws
    tags = _create_tags(write_tags, features)
    names = list(dict.fromkeys(map(str, find_audio_files(files))))
    description = read_description(find_model(model))
    description.require_classes(model)
    rules.fit(description.classes)
    tracks = read_for_model(expand(features), description.spec) if features else None
    if tracks:
        names = list(map(str, tracks.track_id))

    def origin() -> Origin:
        how = dataclasses.asdict(timeline) if isinstance(timeline, Timeline) else timeline
        asked = {"timeline": how, **dataclasses.asdict(rules), "limits": limits.changed()}
        asked |= {"genre_tree": _digest_json(rules.genre_tree)}
        asked |= {"checkpoint": str(checkpoint)}
        asked |= {"table": _digest(table), "features": _digest(features)}
        return describe_origin(model, checkpoint, asked)

    def predict(todo: Sequence[str]) -> Iterator[FilePrediction]:
        predictor = load(model, checkpoint=checkpoint)
        predictor.timeline_of(timeline)  # before writing anything
        sides = side_rows(str(table or ""), predictor, todo)
        told: dict[str, Any] = {"sides": sides, "timeline": timeline, "rules": rules}
        if tracks:
            wanted = set(todo)
            rows = [row for row, name in enumerate(names) if name in wanted]
            chosen = tracks.select(rows).features
            steps = (
                len(np.atleast_2d(track)) for track in chosen
            )  # one row of a table is one segment
            seconds = (count / predictor.spec.sample_rate for count in steps)
            found = predictor.predict_tracks(chosen, **told)
            return (
                FilePrediction(name, prediction, seconds=length)
                for name, prediction, length in zip(todo, found, seconds, strict=True)
            )
        predictor.side.encode_track(sides[0])  # a missing table is reported before the work
        look = make_overview if draws else None
        return predictor.predict_files(
            todo, limits=limits, workers=workers, in_order=in_order, look=look, **told
        )

    record, writers, written = None, [], []
    with contextlib.ExitStack() as held:
        if out:
            base = _base(out, formats)
            if not dry_run:
                require_folder(base.parent)
            record = Record(base.with_name(base.name + SUFFIX), origin(), read_only=dry_run)
            held.callback(record.release)
            writers = create_writers(base, formats, origin(), record, beside=beside)
            written = written_by(base, formats, beside=beside)
        planned = list(plan(names, record, writers))
        todo = [one.file for one in planned if not one.is_done]
        if dry_run:
            return FilePredictions((), planned, origin)
        if record and len(todo) < len(planned):
            done = len(planned) - len(todo)
            log.info(f"{record.path}: {done} of {len(planned)} files are done.")
        found = predict(todo) if todo else iter(())
        keeper = Keeper(record, writers, tags)
        keeper.begin(todo)
        held = held.pop_all()
    outcomes = _outcomes(found, planned, keeper, held, in_order=in_order, progress=progress)
    changes = tags.changes if tags else ()
    return FilePredictions(outcomes, planned, origin, written, tag_changes=changes)


def _outcomes(
    found: Iterator[FilePrediction],
    planned: Sequence[Planned],
    keeper: Keeper,
    held: contextlib.ExitStack,
    *,
    in_order: bool,
    progress: bool,
) -> Iterator[FilePrediction]:
    """The outcome of each file, stored before it is passed on; and those of an earlier call."""
    states = {one.file: one.state for one in planned}
    with held, contextlib.closing(Bar(planned, shown=progress)) as bar:
        for one in planned if in_order else sorted(planned, key=lambda one: not one.is_done):
            if one.is_done:
                yield keeper.recall(one.file)
                continue
            file = next(found)
            state = states[file.name]
            file = keeper.add(dataclasses.replace(file, size=state.size, modified=state.modified))
            bar.add(file)
            yield file
        keeper.close()


def _create_tags(mode: Mode | None, features: Any) -> TagWriter | None:
    if mode and features:
        raise UserError(
            "tags (`write_tags`) are written into audio files; give audio files, or leave it out",
            code="argument.not_applicable",
        )
    return TagWriter(mode) if mode else None


def _digest_json(content: Mapping[str, Any]) -> str | None:
    if not content:
        return None
    return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()


def _digest(path: str | os.PathLike[str] | None) -> str | None:
    if not path:
        return None
    try:
        with expand(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check the path", code="file.not_found"
        ) from error


def _listed(given: Any) -> list[Any]:
    """The value as a list: a single one, or several."""
    return [given] if isinstance(given, str | os.PathLike) else list(given)


def _base(out: str | os.PathLike[str], formats: Sequence[str]) -> Path:
    """The start of the names of results: the path without a format's suffix."""
    base = expand(out)
    if base.is_dir() or os.fspath(out).endswith("/"):
        raise UserError(
            f"{out} is a folder (`out`); give a path with which the names of the results begin, "
            f"such as {base / 'genres'}",
            code="file.is_folder",
        )
    require_regular(base)
    suffixes = {SUFFIXES[name] for name in ("jsonl", *formats) if name in SUFFIXES}
    return base.with_suffix("") if base.suffix in suffixes else base


def _require_formats(given: Any, out: Any, *, beside: bool, features: bool) -> None:
    formats = _listed(given or ())
    for name in formats:
        if name not in FORMATS:
            raise unknown_name("format of results", name, FORMATS)
    if formats and not out:
        raise UserError(
            f"results in other formats ({', '.join(formats)}) need a place; say where to write "
            "them (`out`), or name no format",
            code="argument.missing",
        )
    if "png" in formats and features:
        raise UserError(
            "pictures of timelines (`formats`) need audio files; give audio files, or leave png "
            "out",
            code="argument.not_applicable",
        )
    if beside and (not out or features or "m3u" in formats):
        raise UserError(
            "files beside songs (`beside`) need audio files and a record (`out`), and cannot be "
            "playlists; give these, or leave it out",
            code="argument.not_applicable",
        )
