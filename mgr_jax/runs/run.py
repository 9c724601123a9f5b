"""The folder of a run as an object."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ml_collections import ConfigDict

from mgr_jax.config import load_config
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Result, load_result
from mgr_jax.evaluation.ledger import Entry
from mgr_jax.model_folder import find_model, is_model_folder, read_description
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.runs.evaluate import evaluate
from mgr_jax.runs.ledger import record


@dataclass(frozen=True)
class Run:
    """A run's folder: a trained network, a cross-validation, or scored baselines.

        run = mgr_jax.Run.open("runs/a")
        print(run.evaluate("test"))                       # scores with intervals, kept in runs/a
        run.result("test").scores["track"]["accuracy"]    # [value, low, high], read back
        run.predictor().predict("song.mp3").top()

    Attributes:
      path: absolute path of the folder.
    """

    path: Path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Opens the folder of a run; reads nothing yet.

        Args:
          path: a folder that `train`, `cross_validate` or `score_baselines` wrote, or the name of a
            pretrained network.

        Returns:
          The run.

        Raises:
          UserError: there is no such folder, or it holds neither a trained model nor scores.
        """
        folder = find_model(path)
        run = cls(folder)
        if not folder.is_dir():
            raise UserError(
                f"{folder} does not exist; give the folder of a run", code="folder.not_found"
            )
        if not run.is_trained and not run.scored_splits:
            raise UserError(
                f"{folder} holds neither a trained model (model.json) nor scores (predictions/); "
                "give the folder of a run",
                code="folder.not_a_run",
            )
        return run

    def __fspath__(self) -> str:
        """The path of the folder, so that a run can be given where a path is expected."""
        return str(self.path)

    @property
    def is_trained(self) -> bool:
        """Whether the folder holds a network; those of baselines and cross-validations do not."""
        return is_model_folder(self.path)

    @property
    def config(self) -> ConfigDict:
        """The config that was trained.

        Raises:
          UserError: the folder holds none.
        """
        return load_config(self.path / "config.json")

    @property
    def labels(self) -> dict[str, Any]:
        """`task`, `classes` and `training_tracks` (a count per class) of a trained run."""
        return read_description(self.path).labels

    @property
    def scored_splits(self) -> list[str]:
        """Names of the splits that have been scored."""
        return sorted(file.stem for file in self.path.glob("predictions/*.json"))

    def evaluate(self, split: str | None = None, **options: Any) -> Result:
        """Scores the run on a split of its dataset, on labelled files, or on features.

        Args:
          split: see `mgr_jax.evaluate`.
          **options: further arguments of `mgr_jax.evaluate`.

        Returns:
          The scores.
        """
        return evaluate(self.path, split, **options)

    def result(self, split: str = "test", *, aggregation: str | None = None) -> Result:
        """Reads the scores that `evaluate` has kept; see `load_result`.

        Args:
          split: a split that was scored.
          aggregation: how segments become tracks; None: as it was scored.

        Returns:
          The scores.
        """
        return load_result(self.path, split, aggregation)

    def record(self, split: str = "test", ledger: str | Path | None = None) -> Entry:
        """Appends the scores that `evaluate` has kept to a ledger of results.

        Args:
          split: a split that was scored.
          ledger: the file; see `mgr_jax.runs.ledger.record`.

        Returns:
          The entry in the ledger.
        """
        return record(self.result(split), ledger)

    def predictor(self, checkpoint: str | int = "best") -> Predictor:
        """Loads the trained classifier, for files and arrays; see `mgr_jax.load`.

        Args:
          checkpoint: "best" by validation score, "latest", or a step.

        Returns:
          The predictor.
        """
        return load(self.path, checkpoint=checkpoint)
