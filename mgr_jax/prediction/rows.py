"""Results as flat rows: the prediction of a whole file, a section or a window; see `entries`.

docs/results_format.md describes them. Each row names its model and settings.
"""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mgr_jax.decisions import UNDECIDED
from mgr_jax.prediction.entries import SCHEMA, origin_of

CLASS = "p:"  # prefix of a class's column


@dataclasses.dataclass(frozen=True)
class ResultRow:
    """A row of results, from any format; fields that the format does not hold are empty.

    Attributes:
      file: as it was given.
      unit: what it describes: "track", "section" or "window".
      start: in seconds.
      end: in seconds.
      label: the first of `labels`, or "undecided"; empty if the file could not be read.
      labels: the decided classes, the most probable first; of a window, its most probable class.
      implied: the parents of the decided classes in the genre tree.
      probability: of the label, calibrated (except for windows); undecided: the highest.
      reason: why it is undecided: "threshold", "background" or "other".
      error: why the file could not be read.
      code: code of that error.
      notes: warnings about a file that was used.
      seconds: length of the sound in the file.
      size: size of the file in bytes.
      modified: time of its last change, in nanoseconds since 1970.
      model: folder of the model, as it was given.
      model_digest: digest of the model's description and weights.
      mgr_jax: the version that wrote the row.
      settings: what else the row depends on.
      probabilities: by class; calibrated like `probability`.
      schema: schema of the format.
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


def rows_of(entry: Mapping[str, Any]) -> Iterator[ResultRow]:
    """The rows of an entry: one for the track and, with a timeline, those of its parts."""
    known = dict(
        file=entry["file"],
        notes=tuple(entry["notes"]),
        seconds=entry["seconds"],
        size=entry["size"],
        modified=entry["modified"],
        schema=entry["schema"],
        **vars(origin_of(entry)),
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
    """Names and types of the columns of a flat table."""
    types: dict[str, type] = dict.fromkeys(COLUMNS, str)
    types |= dict.fromkeys(_NUMBERS, float) | dict.fromkeys(_COUNTS, int)
    return [*types.items(), *((CLASS + name, float) for name in classes)]


def values_of(row: ResultRow, classes: Sequence[str]) -> list[Any]:
    """A row's values in these columns: UTF-8 text, numbers and None."""
    values = {name: getattr(row, name) for name in COLUMNS}
    for name in _LISTS:
        values[name] = json.dumps(values[name], ensure_ascii=False)
    for name in ("file", "model"):
        values[name] = escape(values[name])
    values["settings"] = json.dumps(row.settings, sort_keys=True)
    texts = {n: _utf8(v) if isinstance(v, str) else v for n, v in values.items()}
    return [*texts.values(), *(row.probabilities.get(name) for name in classes)]


def row_of(values: Mapping[str, Any]) -> ResultRow:
    """A row from its values by column, as text or numbers; empty ones are None or "".

    Raises:
      ValueError: the values are not a row.
      KeyError: a column is missing.
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
    r"""A file name as one line of UTF-8: control characters and other bytes as \xff, \ as \\."""

    def one(c: str) -> str:
        if "\udc80" <= c <= "\udcff":  # Python's surrogate for such a byte
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
