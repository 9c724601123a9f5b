"""Tables of hand-made features, computed from a folder of audio or a prepared dataset."""

import logging
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mgr_jax
from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.audio.notes import first_of_each
from mgr_jax.data.datasets import RATE
from mgr_jax.data.feature_files import track_names
from mgr_jax.data.locate import find_prepared
from mgr_jax.data.sources import digest_dataset
from mgr_jax.errors import UserError, printable
from mgr_jax.features.journal import Journal
from mgr_jax.features.recipes import Recipe, find_recipe
from mgr_jax.features.rows import AudioTrack, extract_rows
from mgr_jax.features.table_file import check_path, write_table
from mgr_jax.files import expand, write_json
from mgr_jax.runs.audio_tracks import dataset_tracks, folder_tracks

log = logging.getLogger(__name__)

_REASONS = 10  # how many are logged; the file beside the table has all


@dataclass(frozen=True)
class ExtractedTable:
    """A table of features that was written.

    Attributes:
      path: path of the table; <path>.skipped.json holds `skipped`.
      rows: number of rows.
      tracks: number of tracks.
      columns: names of the features.
      skipped: why tracks are missing, by file name.
      notes: warnings about tracks that were used, by file name; if there are any,
        <path>.notes.json holds them.
    """

    path: Path
    rows: int
    tracks: int
    columns: tuple[str, ...]
    skipped: dict[str, str]
    notes: dict[str, list[str]]

    def __str__(self) -> str:
        """A sentence on what was written."""
        name = self.path.name
        noted = f"; {len(self.notes)} used with a note, see {name}.notes.json"
        return printable(
            f"Wrote {self.path}: {self.rows} rows of {self.tracks} tracks, {len(self.columns)} "
            f"features each ({len(self.skipped)} tracks skipped, {name}.skipped.json lists "
            f"them{noted if self.notes else ''})."
        )


def extract_table(
    features: str,
    out: str | Path,
    *,
    audio: str | Path | None = None,
    dataset: str | None = None,
    sample_rate: int | None = None,
    data_dir: str | Path | None = None,
    seconds: float = 0.0,
    corrected: bool = False,
    workers: int | None = None,
    progress: bool = True,
    limits: LimitsLike = None,
) -> ExtractedTable:
    """Computes a table of hand-made features, one row per track or per segment.

        mgr_jax.extract_table("gtzan57", "features.csv", audio="songs", seconds=3)

    The same call resumes after a kill: finished tracks are kept in <out>.journal until the table is
    complete. `score_baselines`, `prepare` and `Predictor` read the table.

    Args:
      features: "gtzan57", the columns of Kaggle's GTZAN tables; "fma518", those of FMA's
        features.csv; "mfcc_statistics", means and standard deviations of 20 MFCCs and their
        differences.
      out: a new .csv or .parquet file.
      audio: a folder of audio files, in one folder per genre or arranged like FMA.
      dataset: in place of `audio`, a prepared dataset of audio, such as rendered/demo.
      sample_rate: in Hz. None reads files at 22,050 Hz (for fma518: each at its own rate), and a
        dataset at the 22,050 Hz that it was prepared at by default.
      data_dir: the TFDS folder that holds the dataset.
      seconds: length of consecutive segments; the rest at the end of a track is dropped. 0
        describes whole tracks.
      corrected: compute fma518 with the true sample rate; FMA's own code assumes 22,050 Hz.
      workers: processes; None: one per core, 0: compute in this process.
      progress: show a bar.
      limits: which files are refused; see `audio.io.Limits`.

    Returns:
      What was written, which tracks were skipped and why, and warnings about others; the first of
      these are also logged.

    Raises:
      UserError: the arguments do not fit together, the table exists already, the journal of other
        settings exists, or no track can be used.
    """
    if bool(audio) == bool(dataset):
        raise UserError(
            "give one of `audio`, a folder of audio files, and `dataset`, a prepared one",
            code="argument.choose_one",
        )
    if features == "fma518" and dataset and not corrected:
        raise UserError(
            "fma518 as FMA computed it needs the files at their own rate; give their folder "
            "(`audio`), or choose the corrected form (`corrected`) for a prepared dataset",
            code="features.needs_files",
        )
    if not 0 <= seconds < math.inf:
        raise UserError(
            f"`seconds` is {seconds:g}; give the length of segments, or 0 for tracks",
            code="argument.out_of_range",
        )
    limits = Limits.of(limits)
    sample_rate = None if sample_rate is None else RATE.read(sample_rate)
    if sample_rate is not None and not limits.min_rate <= sample_rate <= limits.max_rate:
        raise UserError(
            f"`sample_rate` is {sample_rate:,}; give one from {limits.rates()}, or change the "
            "limits (`limits`)",
            code="argument.out_of_range",
        )
    out = expand(out)
    recipe = find_recipe(features, corrected=corrected)
    _require_room(out)
    if dataset:
        sample_rate = sample_rate or 22_050
        origin = find_prepared(dataset, sample_rate=sample_rate, data_dir=data_dir)
        tracks = dataset_tracks(origin)
        how: dict[str, Any] = {"content": digest_dataset(origin)}
    else:
        assert audio
        sample_rate = sample_rate or recipe.sample_rate
        origin = expand(audio)
        tracks = folder_tracks(origin, sample_rate, limits)
        # The journal reads the files, and keeps why some were refused.
        how = {"limits": limits.changed() or None}
    settings = {
        "features": features,
        "corrected": corrected,
        "source": str(origin.absolute()),
        **how,
        "sample_rate": sample_rate,
        "version": mgr_jax.__version__,
    }
    if workers is None:
        workers = os.cpu_count() or 1
    made = write_features(
        tracks, recipe, out, settings=settings, seconds=seconds, workers=workers, progress=progress
    )
    for sentences in (list(made.skipped.values()), first_of_each(made.notes)):
        for sentence in sentences[:_REASONS]:
            log.warning(sentence)
    return made


def write_features(
    tracks: Sequence[AudioTrack],
    recipe: Recipe,
    out: Path,
    *,
    settings: Mapping[str, Any],
    seconds: float = 0.0,
    workers: int = 0,
    progress: bool = True,
) -> ExtractedTable:
    """Writes a table of given tracks; `extract_table` finds them first.

    Args:
      tracks: the tracks in the order of the table.
      recipe: the features to compute.
      out: a .csv or .parquet file, see `write_table`.
      settings: what else the numbers depend on; a journal with other settings is refused.
      seconds: see `extract_rows`.
      workers: processes; 0 computes in this process.
      progress: show a bar.

    Returns:
      What was written.

    Raises:
      UserError: a journal with other settings exists, or no track can be used.
    """
    with Journal(_journal_of(out), {**settings, "seconds": seconds}) as journal:
        # Warnings about tracks that an interrupted run has finished.
        journal.notes = {t.filename: n for t in tracks if (n := journal.notes.get(t.filename))}
        rows, skipped = extract_rows(
            tracks,
            recipe,
            seconds=seconds,
            journal=journal,
            note=journal.note,
            workers=workers,
            title=printable(out.name),
            progress=progress,
        )
        if not rows.filename:
            journal.remove()
            raise UserError(
                f"none of the {len(tracks)} tracks can be used; of the first: "
                f"{next(iter(skipped.values()))}",
                code="features.none",
            )
        write_json(out.with_name(f"{out.name}.skipped.json"), skipped)
        notes = {name: told for name, told in journal.notes.items() if told and name not in skipped}
        if notes:
            write_json(out.with_name(f"{out.name}.notes.json"), notes)
        # A file name may contain the track's, as in Kaggle's tables: blues.00000.3.wav.
        with_track = track_names(rows.filename) != rows.track
        write_table(out, rows, fma_header=recipe.fma_header, with_track=with_track)
        journal.remove()
    return ExtractedTable(
        out, len(rows.filename), len(tracks) - len(skipped), recipe.columns, skipped, notes
    )


def _require_room(out: Path) -> None:
    """Checks before the work that the table can be written."""
    check_path(out)
    if out.exists() and not _journal_of(out).exists():
        raise UserError(
            f"{out} exists already; remove it, or choose another name", code="file.exists"
        )


def _journal_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.journal")
