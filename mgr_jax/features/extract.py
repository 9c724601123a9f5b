"""Computes tables of features in worker processes, so that a killed run goes on where it was."""

import functools
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.features.journal import Journal
from mgr_jax.features.write import Rows, check_path, write_table
from mgr_jax.runs.extraction_sources import Source
from mgr_jax.workers import Failure, map_in_processes

RECIPES = ("fma518", "gtzan57", "mfcc_statistics")


@dataclass(frozen=True)
class Recipe:
    """A way to describe audio by numbers.

    Attributes:
      columns: names of the numbers.
      compute: picklable; (waveform [samples] float32, sample rate in Hz) → [columns].
      sample_rate: at which files are read unless another is given; None is their own.
      fma_header: whether .csv files of it have FMA's header.
    """

    columns: tuple[str, ...]
    compute: Callable[[np.ndarray, int], np.ndarray]
    sample_rate: int | None = 22_050
    fma_header: bool = False


def find_recipe(name: str, *, corrected: bool = False) -> Recipe:
    """Finds a recipe by its name.

    Args:
      name: one of RECIPES.
      corrected: fma518 with the true sample rate in every column, see `fma518.features`.

    Raises:
      UserError: there is no such recipe, or it has no corrected form.
    """
    if name not in RECIPES:
        raise unknown_name("table of features", name, RECIPES)
    if corrected and name != "fma518":
        raise UserError(f"{name} has nothing to correct; leave --corrected out (it is for fma518)")
    if name == "fma518":
        from mgr_jax.features import fma518

        compute = functools.partial(fma518.features, corrected=corrected)
        return Recipe(fma518.COLUMNS, compute, sample_rate=None, fma_header=True)
    if name == "gtzan57":
        from mgr_jax.features import gtzan57

        return Recipe(gtzan57.COLUMNS, gtzan57.features)
    from mgr_jax.features.mfcc_statistics import COLUMNS, mfcc_statistics

    return Recipe(COLUMNS, mfcc_statistics)


def extract(
    sources: Sequence[Source],
    recipe: Recipe,
    out: Path,
    *,
    settings: Mapping[str, Any],
    seconds: float = 0.0,
    workers: int = 0,
) -> tuple[int, dict[str, str]]:
    """Writes a table of a row per track, or per segment of one.

    Finished tracks are kept in <out>.journal until the table is whole; the same call after a kill
    goes on. <out>.skipped.json says which tracks are not in the table, and why.

    Args:
      sources: the tracks, in the order of the table.
      recipe: what to compute.
      out: a .csv or .parquet file, see `write_table`.
      settings: what else the numbers depend on; a journal of others is refused.
      seconds: length of the consecutive segments, of which the last is left out where the track
        ends before it does; 0 describes whole tracks.
      workers: processes; 0 computes in this one.

    Returns:
      The number of rows, and the reason for each track that was skipped, by file name.

    Raises:
      UserError: the table exists, or a journal of other settings does, or no track can be used.
    """
    check_path(out)
    beside = {name: out.with_name(f"{out.name}.{name}") for name in ("journal", "skipped.json")}
    if out.exists() and not beside["journal"].exists():
        raise UserError(f"{out} exists already; remove it, or give another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with Journal(beside["journal"], {**settings, "seconds": seconds}) as journal:
        work = functools.partial(_describe, recipe=recipe, seconds=seconds)
        todo = [source for source in sources if source.filename not in journal.items]
        done = len(sources) - len(todo)
        results = map_in_processes(work, todo, workers=workers)
        for source, result in tqdm(
            results, out.name, initial=done, total=len(sources), unit="track"
        ):
            entry = result.reason if isinstance(result, Failure) else result.tolist()
            journal.append(source.filename, entry)
        described, skipped = _read_journal(journal, {source.filename for source in sources})
    if not described:
        journal.path.unlink()
        raise UserError(
            f"none of the {len(sources)} tracks can be used; of the first: "
            f"{next(iter(skipped.values()))}"
        )
    rows = _join([s for s in sources if s.filename in described], described, recipe, seconds)
    beside["skipped.json"].write_text(json.dumps(skipped, indent=2) + "\n")
    write_table(out, rows, fma_header=recipe.fma_header)
    journal.path.unlink()
    return len(rows.filename), skipped


def _read_journal(
    journal: Journal, names: Collection[str]
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """What `_describe` gave for each of the named tracks, and why others were skipped."""
    described, skipped = {}, {}
    for name, entry in journal.entries():
        if name in names and isinstance(entry, str):
            skipped[name] = entry
        elif name in names:
            described[name] = np.array(entry)
    return described, skipped


def _describe(source: Source, *, recipe: Recipe, seconds: float) -> np.ndarray:
    """Length in samples and features of each segment of a track, [segments, 1 + columns]."""
    waveform, rate = source.load()
    size = round(seconds * rate) or len(waveform)
    parts = [waveform[i : i + size] for i in range(0, len(waveform) - size + 1, size)]
    if not parts:
        raise UserError(
            f"{source.filename} lasts {len(waveform) / rate:.2f} s, less than a segment of "
            f"{seconds:g} s; choose shorter --seconds, or 0 for whole tracks"
        )
    return np.stack([np.append(size, _features(source, part, rate, recipe)) for part in parts])


def _features(source: Source, part: np.ndarray, rate: int, recipe: Recipe) -> np.ndarray:
    try:
        values = np.asarray(recipe.compute(part, rate), np.float64)
    except UserError:
        raise
    except Exception as error:  # what odd audio does to a library costs this track, not the run
        raise UserError(
            f"{source.filename} has no features ({type(error).__name__}: {error})"
        ) from error
    if not np.isfinite(values).all():
        column = recipe.columns[int(np.argmin(np.isfinite(values)))]
        raise UserError(
            f"{source.filename}: {column} is not a finite number; is it silent for "
            f"{len(part) / rate:.3g} s?"
        )
    return values


def _join(
    sources: Sequence[Source],
    described: Mapping[str, np.ndarray],
    recipe: Recipe,
    seconds: float,
) -> Rows:
    matrix = np.concatenate([described[source.filename] for source in sources])
    rows = [(s, number) for s in sources for number in range(len(described[s.filename]))]
    return Rows(
        filename=[_part(s.filename, number) if seconds else s.filename for s, number in rows],
        track=[source.track for source, _ in rows],
        label=[source.label for source, _ in rows],
        artist=[source.artist for source, _ in rows],
        split=[source.split for source, _ in rows],
        length=matrix[:, 0].astype(int).tolist(),
        values=matrix[:, 1:],
        columns=recipe.columns,
    )


def _part(filename: str, number: int) -> str:
    """Kaggle's name of a segment: blues.00000.wav → blues.00000.3.wav."""
    stem, dot, suffix = filename.rpartition(".")
    return f"{stem}.{number}{dot}{suffix}"
