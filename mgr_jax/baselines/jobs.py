"""Fits and scores baselines, each into its folder, in processes and only once."""

import contextlib
import io
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mgr_jax.baselines.examples import Examples
from mgr_jax.baselines.scoring import score_repeats, training_tracks
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Result
from mgr_jax.evaluation.results import save_result
from mgr_jax.workers import Failure, map_in_processes

_SETTINGS = "baseline.json"  # written last: where it is, the folder is complete


@dataclass(frozen=True)
class Job:
    """A classifier on a feature set.

    Attributes:
      folder: to write.
      examples: with the columns of the feature set.
      feature_set, classifier, system: names.
      options: of `score_repeats`.
      digest: of the examples with all columns.
    """

    folder: Path
    examples: Examples
    feature_set: str
    classifier: str
    system: str
    options: dict[str, Any]
    digest: str

    @property
    def settings(self) -> dict[str, Any]:
        """What the predictions depend on."""
        return {
            "system": self.system,
            "examples": self.digest,
            "columns": list(self.examples.columns),
            "classifier": self.classifier,
            **self.options,
        }

    @property
    def scored(self) -> str | None:
        """The split that was scored with these settings; None if that is still to be done."""
        with contextlib.suppress(OSError, ValueError, KeyError):
            stored = json.loads((self.folder / _SETTINGS).read_text())
            files = [
                self.folder / "predictions" / f"{stored['split']}.{e}" for e in ("npz", "json")
            ]
            if stored["settings"] == self.settings and all(file.exists() for file in files):
                return stored["split"]
        return None


@dataclass(frozen=True)
class Finished:
    """A scored baseline: its names, its result and the seconds it took."""

    feature_set: str
    classifier: str
    result: Result
    seconds: float


def run_jobs(jobs: Iterator[Job], *, total: int, workers: int | None) -> list[Finished]:
    """Runs what is not done yet; a single job prints its scores, several show a bar.

    A job of several that cannot be done is named and left out.

    Raises:
      UserError: none of the jobs can be done.
    """
    if total == 1:
        job = next(jobs)
        if job.scored:
            _save(job, Predictions.load(job.folder / "predictions" / f"{job.scored}.npz"))
        else:
            for note in _run(job):
                print(f"Warning: {note}", file=sys.stderr)
        return [_read(job)]
    finished: list[Finished] = []
    notes: set[str] = set()
    reasons = []
    with tqdm(total=total, desc="baselines", unit="fit") as bar:

        def not_done() -> Iterator[Job]:
            for job in jobs:
                if not job.scored:
                    yield job
                    continue
                finished.append(_read(job))
                bar.update()

        cores = os.cpu_count() or 1
        results = map_in_processes(
            _run_quietly, not_done(), workers=cores if workers is None else workers
        )
        for job, result in results:
            bar.update()
            if isinstance(result, Failure):
                reasons.append(result.reason)
                notes.add(f"{job.feature_set}, {job.classifier}: {result.reason}")
            else:
                finished.append(_read(job))
                notes |= set(result)
    for note in sorted(notes):
        print(f"Warning: {note}", file=sys.stderr)
    if not finished:
        raise UserError(reasons[0])
    return finished


def _run_quietly(job: Job) -> list[str]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    # One thread, also for the bootstrap: the jobs share the cores.
    with contextlib.redirect_stdout(io.StringIO()), threadpool_limits(1):
        return _run(job)


def _run(job: Job) -> list[str]:
    """Fits, scores and writes; returns what there was to warn of, each sentence once."""
    (job.folder / _SETTINGS).unlink(missing_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        started = time.perf_counter()
        predictions = score_repeats(job.examples, job.classifier, **job.options)
        seconds = round(time.perf_counter() - started, 2)
        _save(job, predictions)
    cost = {"parameters": None, "seconds": seconds, "device": "1 x cpu"}
    (job.folder / "run.json").write_text(json.dumps(cost, indent=2) + "\n")
    done = {"split": predictions.split, "settings": job.settings}
    (job.folder / _SETTINGS).write_text(json.dumps(done, indent=2) + "\n")
    return list(dict.fromkeys(str(warning.message) for warning in caught))


def _save(job: Job, predictions: Predictions) -> None:
    aggregation = job.options["aggregation"]
    save_result(
        job.folder,
        predictions,
        training_tracks(job.examples, job.options["protocol"]).tolist(),
        system=job.system,
        # Rows that were averaged before fitting are tracks already.
        aggregation="probabilities" if aggregation == "features" else aggregation,
    )


def _read(job: Job) -> Finished:
    result = json.loads((job.folder / "predictions" / f"{job.scored}.json").read_text())
    cost = json.loads((job.folder / "run.json").read_text())
    return Finished(job.feature_set, job.classifier, result, cost["seconds"])
