"""Many files through one model; what is done is kept, and the same call goes on."""

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

        predictions = mgr_jax.predict_files("runs/a", ["song.mp3", "folder"], out="genres")
        for name, prediction in predictions:
            print(name, prediction.label)
        print(predictions.failures)

    With `out`, what comes of each file is kept before it is given: the record, genres.jsonl, has a
    line for each, and the same call after a kill goes on. It skips what is done, and tries again
    what has changed since, or could not be read for a reason that may be gone. Files that are
    broken or silent are remembered with their reason. Other formats are made of the record, of all
    that it holds; docs/results_format.md describes them.

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      files: audio files, and folders in which all audio files are taken.
      out: where results are kept: a path, to which the suffixes of the formats are added.
      formats: beside the record: "csv", grown file by file; "parquet" and "m3u" (playlists), at
        the end; "audacity" (labels) and "png" (pictures of the timeline, which that asks for), one
        for each file; "jsonl", the record itself. None: "csv".
      beside: write a file beside each song, such as song.mp3.mgr-jax.csv, in place of one for all.
        The record stays where it is. What others have written is left as it is.
      features: instead of files, a file of features such as the model was trained on.
      table: for a fusion with one, a table with a row for every file or track.
      checkpoint: "best" by validation score, "latest", or a step.
      timeline: tell segments and sections that cover each file; see `Predictor.predict`.
      rules: what is to be told; see `Rules`.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode, ahead of the network; see `predict_stream`.
      in_order: give results in the order of the files; else as they are done, first those that
        were done before.
      progress: show a bar of the files, the hours of sound, how many times faster than it is played
        that is, and the time left; on a terminal.
      dry_run: only say what would be done (`plan` of what is returned).
      write_tags: write what is told into the files, as genre tags: "show" only says in
        `tag_changes` what would be done; "keep" what stands there; "replace". See `TagWriter`; it
        needs mutagen, which is GPL-2.0-or-later.

    Returns:
      The predictions, each computed when it is asked for.

    Raises:
      UserError: neither files nor features or both are given, a folder holds no audio, there is no
        such model, the features or the table do not fit it, or what is at `out` is of another
        model, of other settings or of somebody else. Audio files that cannot be read are no error:
        they are among the `failures`.
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
        predictor.timeline_of(timeline)  # before anything is written
        sides = side_rows(str(table or ""), predictor, todo)
        told: dict[str, Any] = {"sides": sides, "timeline": timeline, "rules": rules}
        if tracks:
            wanted = set(todo)
            rows = [row for row, name in enumerate(names) if name in wanted]
            chosen = tracks.select(rows).features
            steps = (len(np.atleast_2d(track)) for track in chosen)  # a row of a table is one
            seconds = (count / predictor.spec.sample_rate for count in steps)
            found = predictor.predict_tracks(chosen, **told)
            return (
                FilePrediction(name, prediction, seconds=length)
                for name, prediction, length in zip(todo, found, seconds, strict=True)
            )
        predictor.side.encode_track(sides[0])  # a table that is missing is told before the work
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
    """What comes of files, kept before it is given; and what came of those that are done."""
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
            "tags (`write_tags`) are written into audio files; give these, or leave it out",
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
    """What is given alone, or several of them."""
    return [given] if isinstance(given, str | os.PathLike) else list(given)


def _base(out: str | os.PathLike[str], formats: Sequence[str]) -> Path:
    """What names of results begin with: the path, without the suffix of a format."""
    base = expand(out)
    if base.is_dir() or os.fspath(out).endswith("/"):
        raise UserError(
            f"{out} is a folder (`out`); give what the names of the results are to begin with, "
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
            f"results in other formats ({', '.join(formats)}) need a place; say where they are to "
            "be kept (`out`), or name no format",
            code="argument.missing",
        )
    if "png" in formats and features:
        raise UserError(
            "pictures of timelines (`formats`) are drawn of audio files; give these, or leave png "
            "out",
            code="argument.not_applicable",
        )
    if beside and (not out or features or "m3u" in formats):
        raise UserError(
            "files beside songs (`beside`) take audio files, a record of what is done (`out`), and "
            "no playlists; give these, or leave it out",
            code="argument.not_applicable",
        )
