"""Fits and scores baselines, each into its folder, in processes and only once."""

import contextlib
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mgr_jax.baselines.examples import Examples
from mgr_jax.baselines.scoring import score_repeats, training_tracks
from mgr_jax.evaluation import Predictions, Result
from mgr_jax.evaluation.results import load_result, save_result
from mgr_jax.files import write_json
from mgr_jax.integrity import write_sealed
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
            stored = json.loads((self.folder / _SETTINGS).read_text(encoding="utf-8"))
            files = [
                self.folder / "predictions" / f"{stored['split']}.{e}" for e in ("npz", "json")
            ]
            if stored["settings"] == self.settings and all(file.exists() for file in files):
                return stored["split"]
        return None


@dataclass(frozen=True)
class Finished:
    """A scored baseline: its names and its result."""

    feature_set: str
    classifier: str
    result: Result

    @property
    def seconds(self) -> float:
        """What fitting and predicting took; NaN if that is not known any more."""
        return self.result.cost.get("seconds", float("nan"))


@dataclass
class Outcome:
    """What came of jobs.

    Attributes:
      finished: those that are done, now or before.
      failures: why the others cannot be done, by the names of their feature set and classifier.
      notes: what there was to warn of, each sentence once.
    """

    finished: list[Finished] = field(default_factory=list)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)

    def add(self, job: Job, result: list[str] | Failure) -> None:
        """Adds what `_run` gave for a job."""
        if isinstance(result, Failure):
            self.failures[job.feature_set, job.classifier] = result.reason
            return
        self.notes |= set(result)
        assert job.scored
        done = load_result(job.folder, job.scored)
        self.finished.append(Finished(job.feature_set, job.classifier, done))


def run_jobs(
    jobs: Iterable[Job], *, total: int, workers: int | None = None, progress: bool = True
) -> Outcome:
    """Does what is not done yet.

    Args:
      jobs: made as they are needed, since each has a copy of its columns.
      total: how many there are. A single one is done in this process, with all its threads.
      workers: processes; None: as many as there are cores.
      progress: whether to show a bar, unless there is one job.
    """
    outcome = Outcome()
    with tqdm(total=total, desc="baselines", unit="fit", disable=total == 1 or not progress) as bar:

        def not_done() -> Iterator[Job]:
            for job in jobs:
                if not job.scored:
                    yield job
                    continue
                outcome.add(job, [])
                bar.update()

        if total == 1:
            run, workers = _run, 0
        else:
            run = _run_on_one_thread
        if workers is None:
            workers = os.cpu_count() or 1
        results = map_in_processes(
            run, not_done(), workers=workers, time_limit=None, name=lambda job: job.system
        )
        for job, result in results:
            outcome.add(job, result)
            bar.update()
    return outcome


def _run_on_one_thread(job: Job) -> list[str]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):  # also for the bootstrap: the jobs share the cores
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
    write_sealed(job.folder / "run.json", cost)
    write_json(job.folder / _SETTINGS, {"split": predictions.split, "settings": job.settings})
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
