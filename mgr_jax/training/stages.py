"""The position of a run in its stages, and whether it is finished.

The stage, the learning rate and the end follow from the config and the scores of the evaluations so
far. A checkpoint keeps these scores, so a resumed run needs nothing else.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from mgr_jax.config import stage_config
from mgr_jax.training.checkpoints import Checkpoints
from mgr_jax.training.optim import make_optimizer
from mgr_jax.training.steps import TrainState, create_state


class Stages:
    """Follows the evaluations of a run.

    Attributes:
      stage: number of the stage that the next step belongs to.
      stage_start: number of steps before this stage.
      lr_scale: factor of the learning rate (config.plateau).
      best: the best score so far, greater is better.
      out_of_patience: whether the last stage ended for lack of improvement.
    """

    _stage_best: float
    _plateau_best: float
    _stale: int
    _plateau_stale: int

    def __init__(self, config: ConfigDict, evaluations: Iterable[tuple[int, float]] = ()) -> None:
        """Starts a run, or replays the evaluations of a resumed one.

        Args:
          config: config of the run.
          evaluations: (step, score) of each evaluation so far.
        """
        self._config = config
        self._stages = max(1, len(config.stages))
        self.stage = -1
        self.best = float("-inf")
        self.out_of_patience = False
        self._ended = False
        self._next_stage(0)
        for step, score in evaluations:
            self.add(step, score)

    def __str__(self) -> str:
        """The stage, its optimizer and its learning rate."""
        optimizer = self.config.optimizer
        return (
            f"stage {self.stage + 1} of {self._stages}, from the best weights: {optimizer.name}, "
            f"learning rate {optimizer.learning_rate:g}"
        )

    @property
    def config(self) -> ConfigDict:
        """Config of the present stage."""
        return stage_config(self._config, self.stage)

    @property
    def next_end(self) -> float:
        """The step at which the run, or its stage, must be evaluated next."""
        return min(self._config.num_steps, self.stage_start + self._limit)

    @property
    def _limit(self) -> float:
        """The step at which the present stage ends at the latest."""
        stages = self._config.stages
        return (stages[self.stage].get("steps") if stages else 0) or math.inf

    def done(self, step: int) -> bool:
        """Whether the run is finished after this many steps."""
        return self._ended or step >= self._config.num_steps

    def add(self, step: int, score: float) -> bool:
        """Adds an evaluation.

        Args:
          step: its step.
          score: its score, greater is better.

        Returns:
          Whether a new stage begins, from the best weights.
        """
        self.best = max(self.best, score)
        # As in Keras: an improvement must exceed the best by more than min_delta.
        if score > self._stage_best:
            self._stage_best, self._stale = score, 0
        else:
            self._stale += 1
        plateau = self._config.plateau
        if score > self._plateau_best + plateau.min_delta:
            self._plateau_best, self._plateau_stale = score, 0
        else:
            self._plateau_stale += 1
        if self._plateau_stale >= plateau.patience:
            self.lr_scale *= plateau.factor
            self._plateau_stale = 0

        patience = self.config.patience
        stale = bool(patience) and self._stale >= patience
        if not stale and step - self.stage_start < self._limit:
            return False
        if self.stage == self._stages - 1:
            self._ended, self.out_of_patience = True, stale
        else:
            self._next_stage(step)
        return not self.done(step)

    def _next_stage(self, step: int) -> None:
        self.stage += 1
        self.stage_start = step
        self.lr_scale = 1.0
        self._stage_best = self._plateau_best = float("-inf")
        self._stale = self._plateau_stale = 0


def monitored(metrics: Mapping[str, float | None], monitor: str) -> float:
    """The monitored score of an evaluation, with its sign set so that greater is better."""
    value = metrics[f"validation/track/{monitor}"]
    if value is None or np.isnan(value):  # undefined, such as an AUC if all labels are equal
        return float("-inf")
    return -value if monitor in ("log_loss", "auxiliary_loss") else value


def past_evaluations(rows: Iterable[Mapping[str, float]], monitor: str) -> list[tuple[int, float]]:
    """(step, score) of the evaluations in a run's metrics.jsonl."""
    key = f"validation/track/{monitor}"
    return [(int(row["step"]), monitored(row, monitor)) for row in rows if key in row]


def newest_state(
    config: ConfigDict,
    variables: Mapping[str, Any],
    checkpoints: Checkpoints,
    logged: Iterable[tuple[int, float]],
) -> tuple[TrainState, Stages]:
    """Restores the newest checkpoint, and the stages at its step.

    Args:
      config: config of the run.
      variables: initial variables of a new run.
      checkpoints: checkpoints of the run; there may be none.
      logged: (step, score) of the evaluations in metrics.jsonl; see `Checkpoints.restore`.

    Returns:
      The state, on the host, and the stages.

    Raises:
      UserError: see `Checkpoints.restore`.
    """

    def stages_at(step: int, scores: Mapping[int, float]) -> Stages:
        return Stages(config, [(s, score) for s, score in scores.items() if s < step])

    def state_at(step: int, scores: Mapping[int, float]) -> TrainState:
        return _fresh_state(variables, stages_at(step, scores).config)

    state = checkpoints.restore(state_at, dict(logged)) or state_at(0, {})
    step, scores = int(state.step), checkpoints.scores
    stages = stages_at(step, scores)
    if step in scores and stages.add(step, scores[step]):
        state = first_of_stage(stages, checkpoints, state)
    return state.replace(lr_scale=np.float32(stages.lr_scale)), stages


def _fresh_state(variables: Mapping[str, Any], stage: ConfigDict) -> TrainState:
    """The state, on the host, before the first update of a stage."""
    optimizer = make_optimizer(stage)
    return jax.device_get(create_state(dict(variables), optimizer, averaged=bool(stage.ema_decay)))


def first_of_stage(stages: Stages, checkpoints: Checkpoints, state: TrainState) -> TrainState:
    """The first state of a new stage, on the host: it has the best weights so far.

    Args:
      stages: the stages, at the new one.
      checkpoints: checkpoints of the run.
      state: the last state of the stage before.
    """
    checkpoints.wait()
    best = checkpoints.best_variables(state.variables)
    return _fresh_state(best, stages.config).replace(step=state.step)
