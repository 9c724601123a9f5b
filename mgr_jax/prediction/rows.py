"""Results as they leave the program: one entry per file, and flat rows; docs/results_format.md.

An entry is an object of JSON that holds all that came of a file; a row is the answer for the whole
of it, for a section or for a window. Both say which model and settings they come from.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mgr_jax.audio.io import AudioError
from mgr_jax.decisions import UNDECIDED, Answer
from mgr_jax.errors import UserError
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.prediction import Prediction, Section
from mgr_jax.prediction.stream import FilePrediction

# Raise it when a field is added or means something else, and have `entry_of_line` and `row_of` turn
# what older ones hold into the new; tests/prediction/results/ holds files of every one.
SCHEMA = 1
CLASS = "p:"  # what the column of a class begins with


@dataclasses.dataclass(frozen=True)
class ResultRow:
    """A row of results, whichever format it was kept in; what a format does not hold is empty.

    Attributes:
      file: as it was given.
      unit: what it is about: "track", "section" or "window".
      start: in seconds.
      end: in seconds.
      label: the first of `labels`, or "undecided"; empty where the file could not be read.
      labels: what is told, the most probable first; of a window, its most probable class.
      implied: the parents of what is told.
      probability: of the label, calibrated (but for windows); undecided: the highest.
      reason: why nothing is told: "threshold" or "background".
      error: why the file could not be read.
      code: of that error.
      notes: what was warned of a file that is used, but not as it is.
      seconds: of sound in the file.
      size: of the file in bytes.
      modified: when it was changed, in nanoseconds since 1970.
      model: its folder, as it was given.
      model_digest: of its description and its weights.
      mgr_jax: the version that wrote it.
      settings: what else it depends on.
      probabilities: by class; as `probability`.
      schema: of the format.
    """

    file: str
    unit: str = "track"
    start: float | None = None
    end: float | None = None
    label: str = ""
    labels: tuple[str, ...] = ()
    implied: tuple[str, ...] = ()
    probability: float | None = None
    reason: str = ""
    error: str = ""
    code: str = ""
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    size: int | None = None
    modified: int | None = None
    model: str = ""
    model_digest: str = ""
    mgr_jax: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    probabilities: Mapping[str, float] = dataclasses.field(default_factory=dict)
    schema: int = SCHEMA


# Entries.


def entry_of(file: FilePrediction, origin: Origin) -> dict[str, Any]:
    """All that came of a file, but for embeddings, of JSON's types; `file_of` reads it back."""
    entry: dict[str, Any] = {
        "schema": SCHEMA,
        "file": file.name,
        "size": file.size,
        "modified": file.modified,
        "seconds": file.seconds,
        **dataclasses.asdict(origin),
        "notes": list(file.notes),
    }
    if not file.prediction:
        return entry | {"error": str(file.error), "code": getattr(file.error, "code", "")}
    found = file.prediction
    sections = [
        {"start": float(section.start), "end": float(section.end)} | _answer(section.answer)
        for section in found.sections
    ]
    return entry | {
        "answer": _answer(found.answer),
        "track": _numbers(found.track_probabilities),
        "windows": {
            "start": np.asarray(found.start).tolist(),
            "end": np.asarray(found.end).tolist(),
            "probabilities": [_numbers(row) for row in found.probabilities],
        },
        "sections": sections,
    }


def file_of(entry: Mapping[str, Any]) -> FilePrediction:
    """What came of a file, of the entry that `entry_of` made of it."""
    prediction, error = None, None
    if "error" in entry:
        error = AudioError(entry["error"], code=entry["code"])
    else:
        classes, windows = tuple(entry["classes"]), entry["windows"]
        probabilities = np.array(windows["probabilities"], np.float32)
        prediction = Prediction(
            classes=classes,
            start=np.array(windows["start"], np.float64),
            end=np.array(windows["end"], np.float64),
            probabilities=probabilities.reshape(-1, len(classes)),
            track_probabilities=np.array(entry["track"], np.float32),
            answer=_read_answer(entry["answer"], classes),
            sections=tuple(
                Section(section["start"], section["end"], _read_answer(section, classes))
                for section in entry["sections"]
            ),
        )
    return FilePrediction(
        name=entry["file"],
        prediction=prediction,
        error=error,
        notes=tuple(entry["notes"]),
        seconds=entry["seconds"],
        size=entry["size"],
        modified=entry["modified"],
    )


def origin_of(entry: Mapping[str, Any]) -> Origin:
    """Where an entry comes from."""
    fields = {field.name: entry[field.name] for field in dataclasses.fields(Origin)}
    return Origin(**fields | {"classes": tuple(entry["classes"])})


def require_known_schema(schema: Any, name: str) -> None:
    """Raises a UserError for results that a later version wrote; `name` is that of the file."""
    if type(schema) is not int or schema < 1:
        raise ValueError(f"schema is {schema!r}")
    if schema > SCHEMA:
        raise UserError(
            f"{name} holds results of schema {schema}, but this mgr_jax knows those up to "
            f"{SCHEMA}; use the mgr_jax that wrote it, or a later one",
            code="results.later_schema",
        )


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "told": list(answer.told),
        "reason": answer.reason,
        "implied": list(answer.implied),
        "probabilities": _numbers(answer.probabilities),
    }


def _read_answer(stored: Mapping[str, Any], classes: tuple[str, ...]) -> Answer:
    return Answer(
        classes=classes,
        probabilities=np.array(stored["probabilities"], np.float32),
        told=tuple(stored["told"]),
        reason=stored["reason"],
        implied=tuple(stored["implied"]),
    )


def _numbers(values: Any) -> list[float]:
    """Floats of 32 bits in as few digits as they come back by."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]


# Rows.


def rows_of(entry: Mapping[str, Any]) -> Iterator[ResultRow]:
    """The rows of an entry: of the track, and where there is a timeline, of its parts."""
    known = dict(
        file=entry["file"],
        notes=tuple(entry["notes"]),
        seconds=entry["seconds"],
        size=entry["size"],
        modified=entry["modified"],
        schema=entry["schema"],
        **dataclasses.asdict(origin_of(entry)),
    )
    classes = known.pop("classes")
    if "error" in entry:
        yield ResultRow(error=entry["error"], code=entry["code"], **known)
        return
    parts = [("track", 0.0, entry["seconds"], entry["answer"])]
    parts += [("section", part["start"], part["end"], part) for part in entry["sections"]]
    for unit, start, end, answer in parts:
        told, numbers = tuple(answer["told"]), answer["probabilities"]
        yield ResultRow(
            unit=unit,
            start=start,
            end=end,
            label=told[0] if told else UNDECIDED,
            labels=told,
            implied=tuple(answer["implied"]),
            probability=numbers[classes.index(told[0])] if told else max(numbers),
            reason=answer["reason"],
            probabilities=dict(zip(classes, numbers, strict=True)),
            **known,
        )
    if not entry["settings"].get("timeline"):
        return
    windows = entry["windows"]
    for start, end, numbers in zip(*windows.values(), strict=True):
        best = classes[int(np.argmax(numbers))]
        yield ResultRow(
            unit="window",
            start=start,
            end=end,
            label=best,
            labels=(best,),
            probability=max(numbers),
            probabilities=dict(zip(classes, numbers, strict=True)),
            **known,
        )


_TEXTS = ("unit", "label", "reason", "error", "code", "model_digest", "mgr_jax")
_NUMBERS = ("start", "end", "probability", "seconds")
_COUNTS = ("schema", "size", "modified")
_LISTS = ("labels", "implied", "notes")
COLUMNS = (
    "schema", "file", "unit", "start", "end", "label", "labels", "implied", "probability",
    "reason", "error", "code", "notes", "seconds", "size", "modified", "model", "model_digest",
    "mgr_jax", "settings",
)  # fmt: skip


def columns(classes: Sequence[str]) -> list[tuple[str, type]]:
    """The columns of a flat table, and of which type they are."""
    types: dict[str, type] = dict.fromkeys(COLUMNS, str)
    types |= dict.fromkeys(_NUMBERS, float) | dict.fromkeys(_COUNTS, int)
    return [*types.items(), *((CLASS + name, float) for name in classes)]


def values_of(row: ResultRow, classes: Sequence[str]) -> list[Any]:
    """A row's values in these columns: texts that are UTF-8, numbers, and None."""
    values = {name: getattr(row, name) for name in COLUMNS}
    for name in _LISTS:
        values[name] = json.dumps(values[name], ensure_ascii=False)
    for name in ("file", "model"):
        values[name] = escape(values[name])
    values["settings"] = json.dumps(row.settings, sort_keys=True)
    texts = {n: _utf8(v) if isinstance(v, str) else v for n, v in values.items()}
    return [*texts.values(), *(row.probabilities.get(name) for name in classes)]


def row_of(values: Mapping[str, Any]) -> ResultRow:
    """A row of its values by column, texts or numbers; empty ones are None or "".

    Raises:
      ValueError, KeyError: it is none.
    """
    fields: dict[str, Any] = {name: values[name] or "" for name in _TEXTS}
    fields |= {name: _number(float, values[name]) for name in _NUMBERS}
    fields |= {name: _number(int, values[name]) for name in _COUNTS}
    fields |= {name: tuple(json.loads(values[name])) for name in _LISTS}
    fields |= {name: unescape(values[name]) for name in ("file", "model")}
    probabilities = {
        name.removeprefix(CLASS): float(value)
        for name, value in values.items()
        if name.startswith(CLASS) and value not in (None, "")
    }
    return ResultRow(settings=json.loads(values["settings"]), probabilities=probabilities, **fields)


def _number(kind: type, value: Any) -> Any:
    return None if value in (None, "") else kind(value)


def escape(name: str) -> str:
    r"""A file name as UTF-8 on one line: controls and bytes that are no text as \xff, \ as \\."""

    def one(c: str) -> str:
        if "\udc80" <= c <= "\udcff":  # how Python names such a byte
            return f"\\x{ord(c) - 0xDC00:02x}"
        return f"\\x{ord(c):02x}" if c < " " or c == "\x7f" else c

    return "".join(map(one, name.replace("\\", "\\\\")))


def unescape(text: str) -> str:
    """The file name that `escape` was given."""

    def one(found: re.Match[str]) -> str:
        number = int(found[1] or "5c", 16)
        return chr(number if number < 0x80 else 0xDC00 + number)

    return re.sub(r"\\(?:x([0-9a-f]{2})|\\)", one, text)


def _utf8(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
