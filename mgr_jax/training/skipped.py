"""What is made of updates that are not finite, which are never applied: see config.not_finite."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.training.checkpoints import Checkpoints

_FIELD = "train/skipped"  # of a row of metrics.jsonl: updates left out since the row before
_IN_A_ROW = 100  # updates left out, after which a run is given up


class Skipped:
    """Counts the updates of a run that were left out, or ends it at the first one.

    Attributes:
      total: updates left out so far.
    """

    def __init__(self, not_finite: str, rows: Iterable[Mapping[str, Any]], step: int) -> None:
        """Starts to count.

        Args:
          not_finite: of the config, "stop" or "skip".
          rows: of the run's metrics.jsonl, as far as there is one.
          step: that the run goes on at, or begins.
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
        """See above."""
        return self.since(0)

    def since(self, step: int) -> int:
        """Updates left out after a step that there is a row of."""
        return sum(count for row, count in self._by_row.items() if row > step)

    def means(
        self, pending: Sequence[Mapping[str, jax.Array]], step: int, checkpoints: Checkpoints
    ) -> tuple[int, dict[str, float]]:
        """The number of steps up to `step` that metrics are pending of, and what a row tells.

        These are the metrics' means over the updates that were made, if any, and "skipped", the
        number of the others, where they may be skipped.

        Raises:
          UserError: an update is not finite and none may be skipped, or too many were in a row.
        """
        # Under pmap every device holds the same; fetching also waits for the steps to finish.
        fetched = jax.device_get(list(pending))
        joined = {n: np.concatenate([some[n] for some in fetched], axis=-1) for n in fetched[0]}
        joined = {name: values.reshape(-1, values.shape[-1])[0] for name, values in joined.items()}
        made = joined.pop("finite") > 0
        steps, first = len(made), step - len(made) + 1
        if not self._skips and not made.all():
            at = int(np.argmin(made))
            loss = joined["loss"][at]
            what = "the gradients are not finite" if np.isfinite(loss) else f"the loss is {loss}"
            advice = "leave such updates out (config.not_finite=skip)"
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
    """How many of the updates up to a step were skipped, as a sentence without its stop."""
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
