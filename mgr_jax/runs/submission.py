"""Submissions to the WWW 2018 challenge on learning to recognise musical genre (crowdAI)."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import AudioError
from mgr_jax.errors import UserError
from mgr_jax.predictor import Predictor

# FMA's root genres as its metadata spell them, in the order of the challenge's columns.
GENRES = (
    "Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk",
    "Hip-Hop", "Instrumental", "International", "Jazz", "Old-Time / Historic", "Pop", "Rock",
    "Soul-RnB", "Spoken",
)  # fmt: skip

# No probability is written smaller: a track of a genre that the model does not know costs
# -ln(1e-6) = 13.8 nats, not infinity.
FLOOR = 1e-6


def submission_rows(files: Iterable[Path]) -> dict[str, Path]:
    """Names the rows of files by their stems; a UserError where files share one or do not exist."""
    rows: dict[str, Path] = {}
    for path in files:
        if not path.exists():
            raise UserError(f"{path} does not exist; give mp3 files or folders of them")
        if path.stem in rows:
            raise UserError(
                f"{rows[path.stem]} and {path} would both be the row {path.stem} of the "
                "submission; remove one of them"
            )
        rows[path.stem] = path
    return rows


def write_submission(
    predictor: Predictor,
    rows: Mapping[str, Path],
    sides: Sequence[Mapping[str, Any]],
    out: Path,
    *,
    missing_classes: str | None = None,
) -> list[str]:
    """Classifies files and writes a row of 16 probabilities for each.

    A file that cannot be read gets equal probabilities, since a submission needs all rows.

    Args:
      predictor: of FMA's genres; how they are spelled matters only in letters and digits.
      rows: names and files of `submission_rows`.
      sides: what is known of each file beside its sound; see `Predictor.predict`.
      out: the .csv file.
      missing_classes: "zero" lets a model lack some of the genres; they get `FLOOR`.

    Returns:
      A sentence on each file that could not be read.

    Raises:
      UserError: the model's classes do not fit.
    """
    columns = _columns(predictor, missing_classes)
    table = np.full((len(rows), len(GENRES)), 1 / len(GENRES))
    failures = []
    for row, path in enumerate(tqdm(rows.values(), "classified", unit="track")):
        try:
            found = predictor.predict(path, side=sides[row]).track_probabilities
        except AudioError as error:
            failures.append(str(error))
            continue
        table[row] = 0
        table[row, columns] = found
    table = np.maximum(table, FLOOR)
    table /= table.sum(axis=1, keepdims=True)
    partial = out.with_name(out.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file_id", *GENRES])
        for name, values in zip(rows, table, strict=True):
            writer.writerow([name, *(f"{value:.9f}" for value in values)])
    partial.replace(out)
    for failure in failures:
        print(f"{failure}; its row says {1 / len(GENRES):g} of every genre", file=sys.stderr)
    return failures


def _columns(predictor: Predictor, missing_classes: str | None) -> list[int]:
    """The column of each of the model's classes."""
    if predictor.spec.task != "single_label":
        raise UserError(
            "the challenge asks for one genre per track, but this model tells tags; give a "
            "single_label run"
        )
    plain = {_plain(genre): column for column, genre in enumerate(GENRES)}
    names = [_plain(name) for name in predictor.classes]
    if foreign := [
        c for c, name in zip(predictor.classes, names, strict=True) if name not in plain
    ]:
        raise UserError(
            f"the model's class {foreign[0]!r} is none of the challenge's 16 genres "
            f"({', '.join(GENRES)}); train it on FMA, or on folders named like these"
        )
    missing = [genre for genre in GENRES if _plain(genre) not in names]
    if missing and missing_classes != "zero":
        raise UserError(
            f"the model does not know {len(missing)} of the challenge's 16 genres "
            f"({', '.join(missing)}); train it on fma/medium, or give --missing_classes=zero to "
            f"write {FLOOR:g} for them"
        )
    return [plain[name] for name in names]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
