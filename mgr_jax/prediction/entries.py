"""Results as entries: JSON objects that hold everything about a file. The record consists of them.

docs/results_format.md describes them. Each names its model and settings.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mgr_jax.audio.io import AudioError
from mgr_jax.decisions import Answer
from mgr_jax.errors import UserError
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.prediction import Prediction, Section
from mgr_jax.prediction.stream import FilePrediction

# Raise it when a field is added or changes its meaning, and let `record.parse_line` and
# `rows.row_of` convert older schemas; tests/prediction/results/ holds an example of each.
SCHEMA = 1


def entry_of(file: FilePrediction, origin: Origin) -> dict[str, Any]:
    """The outcome for a file, except embeddings, of JSON's types; `file_of` reads it back."""
    entry: dict[str, Any] = {
        "schema": SCHEMA,
        "file": file.name,
        "size": file.size,
        "modified": file.modified,
        "seconds": file.seconds,
        **vars(origin),  # not asdict: its copies take longer than all the rest
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
    """The outcome for a file, from an entry that `entry_of` made."""
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
    """The model and settings that an entry comes from."""
    fields = {field.name: entry[field.name] for field in dataclasses.fields(Origin)}
    return Origin(**fields | {"classes": tuple(entry["classes"])})


def require_known_schema(schema: Any, name: str) -> None:
    """Checks that this version can read a schema.

    Args:
      schema: the schema that was read.
      name: name of the file, for the message.

    Raises:
      UserError: a later version wrote it.
      ValueError: it is not a schema.
    """
    if type(schema) is not int or schema < 1:
        raise ValueError(f"schema is {schema!r}")
    if schema > SCHEMA:
        raise UserError(
            f"{name} holds results of schema {schema}, but this mgr_jax reads schemas up to "
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
    """32-bit floats with the fewest digits that read back to the same value."""
    return [float(str(value)) for value in np.asarray(values, np.float32)]
