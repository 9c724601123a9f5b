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

_REASONS = 10  # how many are told; the file beside the table has all


@dataclass(frozen=True)
class ExtractedTable:
    """A table of features that was written.

    Attributes:
      path: of the table; <path>.skipped.json holds `skipped`.
      rows: how many it has.
      tracks: how many tracks they are of.
      columns: names of the features.
      skipped: why tracks are not in it, by file name.
      notes: what was told of tracks that are in it, but not as they are, by file name; where there
        are any, <path>.notes.json holds them.
    """

    path: Path
    rows: int
    tracks: int
    columns: tuple[str, ...]
    skipped: dict[str, str]
    notes: dict[str, list[str]]

    def __str__(self) -> str:
        """What was written, in a sentence."""
        name = self.path.name
        noted = f"; {len(self.notes)} used but not as they are, see {name}.notes.json"
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
    """Writes a table of hand-made features, a row per track or per segment.

    As in `extract_table("gtzan57", "3_sec.csv", audio="genres_original", seconds=3)`. The same call
    after a kill goes on: what is finished is kept in <out>.journal until the table is whole.
    `score_baselines`, `prepare` and `Predictor` read the table.

    Args:
      features: "gtzan57", the columns of Kaggle's GTZAN tables; "fma518", those of FMA's
        features.csv; "mfcc_statistics", means and deviations of 20 MFCCs and their differences.
      out: a .csv or .parquet file that is not there yet.
      audio: a folder of audio files, in a folder per genre or as FMA's.
      dataset: instead of it, a prepared dataset of audio, such as rendered/demo.
      sample_rate: in Hz. Files are read at 22,050 unless told, for fma518 at the rate of each; of a
        dataset it is that which it was prepared at, 22,050 unless told.
      data_dir: the TFDS folder that holds the dataset.
      seconds: length of consecutive segments; what is left at the end of a track is dropped. 0
        describes whole tracks.
      corrected: fma518 with the true sample rate, where FMA's own code takes 22,050 Hz for granted.
      workers: processes; None: as many as there are cores, 0: compute in this one.
      progress: whether to show a bar.
      limits: which files are refused; see `audio.io.Limits`.

    Returns:
      What was written, why tracks were skipped, and what was told of others; the first of these
      sentences are logged as warnings.

    Raises:
      UserError: the arguments do not fit together, the table exists already, a journal of other
        settings does, or no track can be used.
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
        # The journal looks at the files, and keeps why some were refused.
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
    """Writes a table of tracks; `extract_table` without finding them.

    Args:
      tracks: in the order of the table.
      recipe: what to compute.
      out: a .csv or .parquet file, see `write_table`.
      settings: what else the numbers depend on; a journal of others is refused.
      seconds: see `extract_rows`.
      workers: processes; 0 computes in this one.
      progress: whether to show a bar.

    Raises:
      UserError: a journal of other settings is there, or no track can be used.
    """
    with Journal(_journal_of(out), {**settings, "seconds": seconds}) as journal:
        # Of tracks that a killed run has described, what it was told.
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
        # A file name may tell the track, as in Kaggle's tables: blues.00000.3.wav.
        with_track = track_names(rows.filename) != rows.track
        write_table(out, rows, fma_header=recipe.fma_header, with_track=with_track)
        journal.remove()
    return ExtractedTable(
        out, len(rows.filename), len(tracks) - len(skipped), recipe.columns, skipped, notes
    )


def _require_room(out: Path) -> None:
    """Makes sure before the work, not after it, that the table can be written."""
    check_path(out)
    if out.exists() and not _journal_of(out).exists():
        raise UserError(
            f"{out} exists already; remove it, or choose another name", code="file.exists"
        )


def _journal_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.journal")
