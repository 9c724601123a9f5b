"""Scored runs on disk; shared by report and compare."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags

from mgr_jax.errors import UserError

if TYPE_CHECKING:
    from mgr_jax.evaluation import Predictions


@dataclass(frozen=True, eq=False)
class Run:
    """What `evaluate`, `crossval` or `baselines` stored of a split.

    Attributes:
      path: its folder, as it was given.
      result: of `save_result`.
      segments, tracks: its predictions.
      cost: run.json: `parameters`, `seconds`, `device`; empty where it was not written.
    """

    path: Path
    result: dict[str, Any]
    segments: "Predictions"
    tracks: "Predictions"
    cost: dict[str, Any]

    @property
    def division(self) -> tuple[str, ...]:
        """How tracks were divided, as far as runs that are compared must have it in common.

        Of folds the protocol, their number and how many are fitted on; seeds may differ, and how
        tracks are cut is the system's own choice. Fixed splits are alike, whatever they are called
        by who made them: the tracks that were scored tell them apart.
        """
        sentence = self.result["protocol"]
        folds = re.search(r"(\d+) folds.*?, fitted on (\d+)", sentence)
        name = re.split(r"[^\w-]", sentence)[0]
        if folds:
            return name, *folds.groups()
        return (name if "(LEAKS" in sentence else "fixed",)

    @property
    def leaks(self) -> bool:
        """Whether the protocol says so."""
        return "LEAKS" in self.result["protocol"]

    @property
    def system(self) -> str:
        """What made the predictions, marked where its protocol leaks."""
        return self.result["system"] + " (LEAKS)" * self.leaks


def define_aggregation_flag(flags: absl_flags.FlagValues, default: str | None) -> None:
    """Defines --aggregation; without default it is that of each run's evaluation."""
    absl_flags.DEFINE_enum(
        "aggregation",
        default,
        ["probabilities", "features", "vote"],  # evaluation.AGGREGATIONS, not imported for --help
        "How segments become tracks: by their mean probability, by the mean of what the last layer "
        "reads, or by vote" + ("." if default else "; as each run was evaluated, unless given."),
        flag_values=flags,
    )


def find_runs(paths: Iterable[str | Path], split: str) -> list[Path]:
    """Replaces folders that hold scored runs, such as those of `baselines`, by these runs."""
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given).expanduser()
        inner = sorted(path.glob(f"**/predictions/{split}.json"))
        within = [] if (path / "predictions").is_dir() else [file.parents[1] for file in inner]
        found |= dict.fromkeys(within or [path])
    return list(found)


def load_run(path: Path, split: str, aggregation: str | None = None) -> Run:
    """Reads a scored run.

    Args:
      path: its folder.
      split: the name of a scored split.
      aggregation: scores tracks anew unless they were scored so; None: as they were.

    Raises:
      UserError: the split was not scored, or its files are damaged.
    """
    from mgr_jax.evaluation import Predictions, evaluate

    file = path / "predictions" / f"{split}.json"
    if not file.is_file():
        if not path.is_dir():
            raise UserError(f"{path} is not there; give the folder of a scored run")
        scored = sorted({other.stem for other in path.glob("**/predictions/*.json")})
        raise UserError(
            f"{file} is not there; "
            + (
                f"scored are {', '.join(scored)}: give one of them as --split"
                if scored
                else f"run mgr-jax evaluate --model={path} --split={split} first"
            )
        )
    cost = path / "run.json"
    try:
        result = json.loads(file.read_text())
        segments = Predictions.load(file.with_suffix(".npz"))
        costs = json.loads(cost.read_text()) if cost.is_file() else {}
        # Runs scored before there was a choice have no such entry.
        stored = result.setdefault("aggregation", "probabilities")
        if aggregation and aggregation != stored:
            result |= evaluate(segments, aggregation=aggregation)
        return Run(path, result, segments, segments.by_track(result["aggregation"]), costs)
    except ValueError as error:
        raise UserError(f"{error}; evaluate {path} again") from error
