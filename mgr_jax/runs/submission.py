"""Submissions to the WWW 2018 challenge on learning to recognise musical genre (crowdAI)."""

import csv
import io
import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from tqdm import tqdm

from mgr_jax.audio.io import AudioWarning, Limits, LimitsLike
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.errors import UserError, printable
from mgr_jax.files import expand, require_writable, write_text
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.model_tables import side_rows

# FMA's root genres, spelled as in its metadata, in the order of the challenge's columns.
GENRES = (
    "Blues", "Classical", "Country", "Easy Listening", "Electronic", "Experimental", "Folk",
    "Hip-Hop", "Instrumental", "International", "Jazz", "Old-Time / Historic", "Pop", "Rock",
    "Soul-RnB", "Spoken",
)  # fmt: skip

# The smallest probability written: a track of a genre that the model does not know costs
# -ln(1e-6) = 13.8 nats, not infinity.
FLOOR = 1e-6


@dataclass(frozen=True)
class Submission:
    """A submission that was written.

    Attributes:
      path: path of the .csv file.
      rows: number of tracks.
      failures: a sentence on each file that could not be read, with its row's content.
    """

    path: Path
    rows: int
    failures: tuple[str, ...]

    def __str__(self) -> str:
        """A sentence on what was written."""
        return printable(
            f"Wrote {self.path}: {self.rows} tracks, {len(self.failures)} of them could not be "
            "read."
        )


def write_submission(
    model: str | os.PathLike[str],
    files: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    table: str | os.PathLike[str] | None = None,
    checkpoint: str | int = "best",
    missing_classes: Literal["zero"] | None = None,
    progress: bool = True,
    limits: LimitsLike = None,
    workers: int | None = None,
) -> Submission:
    """Classifies audio files, and writes a row of 16 probabilities per file, named by its stem.

        mgr_jax.write_submission("runs/fma", ["crowdai_fma_test"], "submission.csv")

    A file that cannot be read gets equal probabilities, since a submission needs all rows. Format:
    the WWW 2018 challenge on musical genre recognition (Defferrard et al., Learning to recognize
    musical genre, 2018).

    Args:
      model: the folder of a run on FMA's genres; only letters and digits of their names matter.
      files: audio files, and folders whose audio files are all taken.
      out: the .csv file.
      table: for a fusion with a table, a table with a row for every file.
      checkpoint: "best" by validation score, "latest", or a step.
      missing_classes: "zero" allows a model that lacks some of the genres; they get a probability
        of 1e-6.
      progress: show a progress bar.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode; see `predict_files`.

    Returns:
      What was written.

    Raises:
      UserError: two files share a stem, a file does not exist, the model's classes or the table do
        not fit, or the .csv file cannot be written.
    """
    out, limits = expand(out), Limits.of(limits)
    require_writable(out)
    rows = _name_rows(find_audio_files(files))
    predictor = load(model, checkpoint=checkpoint)
    columns = _columns(predictor, missing_classes)
    names = list(map(str, rows.values()))
    sides = side_rows(str(table or ""), predictor, names)
    probabilities = np.full((len(rows), len(GENRES)), 1 / len(GENRES))
    failures = []
    found = predictor.predict_files(names, sides=sides, limits=limits, workers=workers)
    bar = tqdm(found, "classified", len(names), unit="track", disable=None if progress else True)
    for row, file in enumerate(bar):
        for note in file.notes:
            warnings.warn(note, AudioWarning, stacklevel=2)
        if not file.prediction:
            failures.append(f"{file.error}; its row says {1 / len(GENRES):g} of every genre")
            continue
        probabilities[row] = 0
        probabilities[row, columns] = file.prediction.track_probabilities
    probabilities = np.maximum(probabilities, FLOOR)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["file_id", *GENRES])
    for name, values in zip(rows, probabilities, strict=True):
        writer.writerow([name, *(f"{value:.9f}" for value in values)])
    write_text(out, text.getvalue())
    return Submission(out, len(rows), tuple(failures))


def _name_rows(files: Iterable[Path]) -> dict[str, Path]:
    """The files by the names of their rows, which are the files' stems."""
    rows: dict[str, Path] = {}
    for path in files:
        if not path.exists():
            raise UserError(
                f"{path} does not exist; give mp3 files or folders of them", code="file.not_found"
            )
        if path.stem in rows:
            raise UserError(
                f"{rows[path.stem]} and {path} would both be the row {path.stem} of the "
                "submission; remove one of them",
                code="submission.duplicate_row",
            )
        rows[path.stem] = path
    if not rows:
        raise UserError(
            "a submission needs files; give mp3 files or folders of them", code="argument.missing"
        )
    return rows


def _columns(predictor: Predictor, missing_classes: str | None) -> list[int]:
    """The column of each of the model's classes."""
    if predictor.spec.task != "single_label":
        raise UserError(
            "the challenge asks for one genre per track, but this model predicts tags; give a "
            "single_label run",
            code="task.needs_single_label",
        )
    plain = {_plain(genre): column for column, genre in enumerate(GENRES)}
    names = [_plain(name) for name in predictor.classes]
    if foreign := [
        c for c, name in zip(predictor.classes, names, strict=True) if name not in plain
    ]:
        raise UserError(
            f"the model's class {foreign[0]!r} is not one of the challenge's 16 genres "
            f"({', '.join(GENRES)}); train it on FMA, or on folders with these names",
            code="submission.unknown_genre",
        )
    missing = [genre for genre in GENRES if _plain(genre) not in names]
    if missing and missing_classes != "zero":
        raise UserError(
            f"the model does not know {len(missing)} of the challenge's 16 genres "
            f"({', '.join(missing)}); train it on fma/medium, or say that missing "
            f"classes are zero, which writes {FLOOR:g} for them",
            code="submission.missing_genre",
        )
    return [plain[name] for name in names]


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
