"""Reads results back, of every format and version of mgr_jax."""

import csv
import json
import os
import re
import urllib.parse
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.decisions import UNDECIDED
from mgr_jax.errors import UserError
from mgr_jax.files import expand, parse_json, require_regular
from mgr_jax.prediction.entries import require_known_schema
from mgr_jax.prediction.playlists import MARK
from mgr_jax.prediction.record import parse_line, say_lines
from mgr_jax.prediction.rows import CLASS, ResultRow, row_of, rows_of
from mgr_jax.prediction.tables import import_pyarrow
from mgr_jax.prediction.writers import OURS

_DAMAGE = (ValueError, TypeError, LookupError, AttributeError, csv.Error)
_ONE = r"(.+?) ([01]\.\d\d)(?:, |$)"  # a class with its probability, in a label


def read_results(path: str | os.PathLike[str]) -> list[ResultRow]:
    """Reads results that `predict_files` or `mgr-jax predict` has written.

        for row in mgr_jax.read_results("genres.csv"):
            print(row.file, row.label, row.probability)

    Fields that a format does not hold are empty: Audacity's labels hold times, labels and
    probabilities; playlists hold files. File names are returned as they were given to `predict`;
    for labels, they are those of the label files.

    Args:
      path: a record (.jsonl), a table (.csv, .parquet), labels (.txt), a playlist (.m3u8), a folder
        of labels or playlists, or the output of `mgr-jax predict --json` of 0.1.0 (.json).

    Returns:
      Its rows, in the order of the file; rows of windows only if a timeline was asked for.

    Raises:
      UserError: there is no such file, it holds no results, it is damaged, or a later version of
        mgr_jax wrote it.
    """
    path = expand(path)
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.suffix in (".txt", ".m3u8"))
        if not found:
            raise _none(path, "it is a folder without any")
        return [row for inner in found for row in _read(inner, path)]
    return _read(path, path.parent)


def _read(path: Path, folder: Path) -> list[ResultRow]:
    require_regular(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; check the path", code="file.not_found")
    readers: dict[str, Callable[[Path], Iterator[ResultRow]]] = {
        ".jsonl": _read_record,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
        ".json": _read_first_json,
        ".m3u8": _read_playlist,
        ".txt": lambda labels: _read_labels(labels, folder),
    }
    if path.suffix not in readers:
        raise _none(path, f"its name must end in {', '.join(readers)}")
    try:
        return list(readers[path.suffix](path))
    except _DAMAGE as error:
        raise _none(path, _reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not in UTF-8"
    if isinstance(error, TypeError | AttributeError):
        return "it holds something else"
    return str(error).split("\n")[0] or "it is damaged"


def _none(path: Path, reason: str) -> UserError:
    return UserError(
        f"{path} cannot be read as results ({reason}); give a file that mgr_jax has written",
        code="results.unreadable",
    )


def _read_record(path: Path) -> Iterator[ResultRow]:
    """The last line of each file counts; a line that a kill left half-written is skipped."""
    lines: dict[str, int] = {}
    damaged, offset = [], 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                lines[parse_line(line, str(path))["file"]] = offset
            except _DAMAGE:
                if line.strip() and line.endswith(b"\n"):
                    damaged.append(number)
            offset += len(line)
        if damaged and not lines:
            raise ValueError("no line of it is a result")
        if damaged:
            warnings.warn(
                f"{path} is damaged in {say_lines(damaged)}, which is left out; the command that "
                "wrote it will predict those files again",
                stacklevel=4,
            )
        for offset in lines.values():
            file.seek(offset)
            yield from rows_of(parse_line(file.readline(), str(path)))


def _read_csv(path: Path) -> Iterator[ResultRow]:
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write it so
        for values in csv.DictReader(file, strict=True):
            require_known_schema(int(values["schema"]), str(path))
            if None in values or None in values.values():
                raise ValueError("a row has another number of columns than its first line")
            yield row_of(values)


def _read_parquet(path: Path) -> Iterator[ResultRow]:
    pa, pq = import_pyarrow()
    try:
        with pq.ParquetFile(path) as table:
            for batch in table.iter_batches():
                for values in batch.to_pylist():
                    require_known_schema(values["schema"], str(path))
                    short = {n: _short(v) for n, v in values.items() if n.startswith(CLASS)}
                    yield row_of(values | short)
    except pa.ArrowException as error:
        raise ValueError("it is no Parquet, or damaged") from error


def _short(value: float | None) -> float | None:
    """A 32-bit number with the fewest digits that read back to it, as in other formats."""
    return None if value is None else float(str(np.float32(value)))


def _read_first_json(path: Path) -> Iterator[ResultRow]:
    """The output of 0.1.0: by name, label, classes, track, start, end and segments."""
    for name, stored in parse_json(path.read_bytes()).items():
        known: dict[str, Any] = {"file": name, "mgr_jax": "0.1.0"}
        yield _row(stored["classes"], stored["track"], known | {"label": stored["label"]})
        parts = zip(stored["start"], stored["end"], stored["segments"], strict=True)
        for start, end, numbers in parts:
            part = {"unit": "window", "start": float(start), "end": float(end)}
            yield _row(stored["classes"], numbers, known | part)


def _row(classes: list[str], numbers: list[float], known: Mapping[str, Any]) -> ResultRow:
    probabilities = dict(zip(classes, map(float, numbers), strict=True))
    label = known.get("label") or max(probabilities, key=probabilities.__getitem__)
    fields = {"label": label, "labels": (label,), "probability": probabilities[label]}
    return ResultRow(probabilities=probabilities, **{**known, **fields})


def _read_labels(path: Path, folder: Path) -> Iterator[ResultRow]:
    """Audacity's labels: windows or sections of one file, whose name is that of the label file."""
    name = path.name.removesuffix(".txt")
    if name.endswith(OURS):
        file = str(path.with_name(name.removesuffix(OURS)))
    else:
        file = str(path.relative_to(folder).with_name(name))
    for line in path.read_text(encoding="utf-8").split("\n"):
        if not line or line.startswith("\\"):  # frequencies, which Audacity writes below a label
            continue
        start, end, text = line.split("\t")
        told, likely = _parse_label(text)
        first = next(iter(told), UNDECIDED)
        yield ResultRow(
            file=file,
            unit="section",
            start=float(start),
            end=float(end),
            label=first,
            labels=tuple(told),
            probability=told.get(first, max(likely.values(), default=None)),
            probabilities=told | likely,
        )


def _parse_label(text: str) -> tuple[dict[str, float], dict[str, float]]:
    """The decided classes of a label, and the likely ones in brackets, as `writers` writes them."""
    splits = [(text[: m.start()], text[m.end() : -1]) for m in re.finditer(r" \(", text)]
    for head, others in [(text, ""), *(splits if text.endswith(")") else ())]:
        told, likely = _probabilities(head), _probabilities(others)
        if (told or head == UNDECIDED) and (likely or not others):
            return told, likely
    return {text: float("nan")}, {}  # edited by a person


def _probabilities(text: str) -> dict[str, float]:
    """Probabilities by class, from a label's list; empty if it is not a list."""
    whole = re.fullmatch(f"(?:{_ONE})+", text)
    return {name: float(p) for name, p in re.findall(_ONE, text)} if whole else {}


def _read_playlist(path: Path) -> Iterator[ResultRow]:
    """A playlist of ours holds everything in comments; those of other programs hold files."""
    head: dict[str, Any] = {}
    item: dict[str, Any] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith(MARK):
            known = json.loads(line.removeprefix(MARK))
            if "schema" in known:
                require_known_schema(known["schema"], str(path))
                head = known
            else:
                item = known
        elif line and not line.startswith("#"):
            label = head.get("label", path.stem)
            fields = dict(head) | {"labels": (label,), "file": _file(line, path)} | item
            fields |= {"label": label, "labels": tuple(fields["labels"])}
            item = {}
            if "probability" in fields:
                fields["probabilities"] = {label: fields["probability"]}
                fields |= {"start": 0.0, "end": fields["seconds"]}
            yield ResultRow(**fields)


def _file(line: str, playlist: Path) -> str:
    if line.startswith("file://"):
        return urllib.parse.unquote(line.removeprefix("file://"), errors="surrogateescape")
    return os.path.normpath(playlist.parent / line)
