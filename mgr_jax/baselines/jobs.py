"""Fits and scores baselines, each in its own folder, in processes and only once."""

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
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Result
from mgr_jax.evaluation.results import load_result, save_result
from mgr_jax.integrity import read_sealed, write_sealed
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
        """The settings that the predictions depend on."""
        return {
            "system": self.system,
            "examples": self.digest,
            "columns": list(self.examples.columns),
            "classifier": self.classifier,
            **self.options,
        }

    def find_result(self) -> Result | None:
        """The result that was scored with these settings; None if there is none yet.

        It warns of damaged results, which must be computed again.
        """
        path = self.folder / _SETTINGS
        if not path.exists():
            return None
        try:
            stored = read_sealed(path, "fit it again")
            if stored.get("settings") != self.settings:
                return None
            return load_result(self.folder, str(stored.get("split")))
        except UserError as error:
            warnings.warn(
                f"what is kept of {self.system} cannot be used ({error}); it is fitted again",
                stacklevel=2,
            )
            return None


@dataclass(frozen=True)
class Finished:
    """A scored baseline: its names and its result."""

    feature_set: str
    classifier: str
    result: Result

    @property
    def seconds(self) -> float:
        """The seconds for fitting and predicting; NaN if not known any more."""
        return self.result.cost.get("seconds", float("nan"))


@dataclass
class Outcome:
    """The results of jobs.

    Attributes:
      finished: the finished ones, from now or before.
      failures: the reasons of the others, by the names of their feature set and classifier.
      notes: warnings, each sentence once.
    """

    finished: list[Finished] = field(default_factory=list)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: set[str] = field(default_factory=set)

    def add(self, job: Job, result: Result) -> None:
        """Adds the result of a job, from now or before."""
        self.finished.append(Finished(job.feature_set, job.classifier, result))

    def add_answer(self, job: Job, answer: list[str] | Failure) -> None:
        """Adds the answer of `_run` for a job."""
        if isinstance(answer, Failure):
            self.failures[job.feature_set, job.classifier] = answer.reason
            return
        self.notes |= set(answer)
        result = job.find_result()
        assert result
        self.add(job, result)


def run_jobs(
    jobs: Iterable[Job], *, total: int, workers: int | None = None, progress: bool = True
) -> Outcome:
    """Runs the jobs that are not done yet.

    Args:
      jobs: made when they are needed, because each has a copy of its columns.
      total: their number. A single job runs in this process, with all its threads.
      workers: processes; None: as many as there are cores.
      progress: show a progress bar, unless there is only one job.

    Returns:
      The results of all jobs.
    """
    outcome = Outcome()
    with tqdm(
        total=total, desc="baselines", unit="fit", disable=None if progress and total > 1 else True
    ) as bar:

        def not_done() -> Iterator[Job]:
            for job in jobs:
                if (result := job.find_result()) is None:
                    yield job
                    continue
                outcome.add(job, result)
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
        for job, answer in results:
            outcome.add_answer(job, answer)
            bar.update()
    return outcome


def _run_on_one_thread(job: Job) -> list[str]:
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    with threadpool_limits(1):  # also for the bootstrap: the jobs share the cores
        return _run(job)


def _run(job: Job) -> list[str]:
    """Fits, scores and writes; returns the warnings, each sentence once."""
    (job.folder / _SETTINGS).unlink(missing_ok=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        started = time.perf_counter()
        predictions = score_repeats(job.examples, job.classifier, **job.options)
        seconds = round(time.perf_counter() - started, 2)
        _save(job, predictions)
    cost = {"parameters": None, "seconds": seconds, "device": "1 x cpu"}
    write_sealed(job.folder / "run.json", cost)
    write_sealed(job.folder / _SETTINGS, {"split": predictions.split, "settings": job.settings})
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
