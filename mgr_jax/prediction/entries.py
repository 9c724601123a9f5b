"""Results as entries: objects of JSON with all that came of a file, which the record is made of.

docs/results_format.md describes them. Each says which model and settings it comes from.
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

# Raise it when a field is added or means something else, and have `record.parse_line` and
# `rows.row_of` turn what older ones hold into the new; tests/prediction/results/ holds every one.
SCHEMA = 1


def entry_of(file: FilePrediction, origin: Origin) -> dict[str, Any]:
    """All that came of a file, but for embeddings, of JSON's types; `file_of` reads it back."""
    entry: dict[str, Any] = {
        "schema": SCHEMA,
        "file": file.name,
        "size": file.size,
        "modified": file.modified,
        "seconds": file.seconds,
        **vars(origin),  # not asdict, whose copies take longer than all the rest
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
