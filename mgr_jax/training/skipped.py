"""Handles updates that are not finite, which are never applied; see config.not_finite."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.training.checkpoints import Checkpoints

_FIELD = "train/skipped"  # field of metrics.jsonl: updates skipped since the row before
_IN_A_ROW = 100  # a run ends after so many skipped updates


class Skipped:
    """Counts the skipped updates of a run, or ends the run at the first one.

    Attributes:
      total: number of skipped updates so far.
    """

    def __init__(self, not_finite: str, rows: Iterable[Mapping[str, Any]], step: int) -> None:
        """Starts to count.

        Args:
          not_finite: config.not_finite, "stop" or "skip".
          rows: rows of the run's metrics.jsonl so far.
          step: the step that the run starts or resumes at.
        """
        self._skips = not_finite == "skip"
        self._by_row = {
            int(row["step"]): int(row[_FIELD])
            for row in rows
            if row.get(_FIELD) and int(row["step"]) <= step
        }
        self._in_a_row = 0

    @property
    def total(self) -> int:
        """Number of skipped updates so far."""
        return self.since(0)

    def since(self, step: int) -> int:
        """Number of skipped updates after a step that has a row."""
        return sum(count for row, count in self._by_row.items() if row > step)

    def means(
        self, pending: Sequence[Mapping[str, jax.Array]], step: int, checkpoints: Checkpoints
    ) -> tuple[int, dict[str, float]]:
        """Averages pending metrics.

        The means are over the updates that were applied, if any. "skipped" is the number of the
        others, if skipping is allowed.

        Args:
          pending: metrics of the steps since the last row, on the devices.
          step: the last of these steps.
          checkpoints: checkpoints of the run, for the error message.

        Returns:
          The number of pending steps, and the values of a row.

        Raises:
          UserError: an update is not finite and skipping is not allowed, or too many in a row were.
        """
        # Under pmap every device holds the same values; fetching also waits for the steps.
        fetched = jax.device_get(list(pending))
        joined = {n: np.concatenate([some[n] for some in fetched], axis=-1) for n in fetched[0]}
        joined = {name: values.reshape(-1, values.shape[-1])[0] for name, values in joined.items()}
        made = joined.pop("finite") > 0
        steps, first = len(made), step - len(made) + 1
        if not self._skips and not made.all():
            at = int(np.argmin(made))
            loss = joined["loss"][at]
            what = "the gradients are not finite" if np.isfinite(loss) else f"the loss is {loss}"
            advice = "skip such updates (config.not_finite=skip)"
            raise _given_up(f"{what} at step {first + at}", advice, checkpoints)
        for one in made:
            self._in_a_row = 0 if one else self._in_a_row + 1
        if self._in_a_row >= _IN_A_ROW:
            what = f"none of the last {self._in_a_row} updates up to step {step} was finite"
            raise _given_up(what, "look at the data", checkpoints)
        means = {name: float(values[made].mean()) for name, values in joined.items() if made.any()}
        if self._skips:
            means["skipped"] = float(steps - made.sum())
            self._by_row[step] = steps - int(made.sum())
        return steps, means


def tell_skipped(count: int, step: int) -> str:
    """How many of the updates up to a step were skipped, as a sentence without its full stop."""
    return f"{count:,} of {step:,} updates were skipped, since they were not finite"


def _given_up(what: str, advice: str, checkpoints: Checkpoints) -> UserError:
    checkpoints.wait()
    kept = checkpoints.latest_step
    return UserError(
        f"{what}; lower config.optimizer.learning_rate, set config.optimizer.clip_norm, or "
        + advice
        + (f" (the checkpoint of step {kept} is kept)" if kept else " (nothing was saved yet)"),
        code="training.not_finite",
    )
