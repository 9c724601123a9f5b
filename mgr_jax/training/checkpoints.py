"""Checkpoints through Orbax: the latest and the best, not replicated, saved in the background."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers as managers

from mgr_jax.errors import UserError, disk_errors_told
from mgr_jax.integrity import write_sums
from mgr_jax.training.checkpoint import (
    HISTORY,
    ITEMS,
    SCORE,
    DamagedError,
    list_steps,
    read_history,
    restore_items,
)
from mgr_jax.training.checkpoint_files import (
    DELETED,
    NOTES,
    add_score,
    as_history,
    clear_unfinished,
    repair_checkpoints,
    require_some,
    set_aside,
)
from mgr_jax.training.partition import in_first_process, tell_all_processes
from mgr_jax.training.steps import TrainState


class _SummedFolder(ocp.path.atomicity.AtomicRenameTemporaryPath):
    """The folder of a checkpoint while it is written; it gets checksums when it gets its name."""

    async def finalize(self) -> None:
        """Called in the first process when all have written; also for items."""
        if self.get_final().name.isdecimal():
            # Not these: Orbax adds to its notes after this, and a score may be added.
            write_sums(Path(self.get()), skip=(NOTES, HISTORY, SCORE))
        await super().finalize()


class Checkpoints:
    """The checkpoints of one run, below `<workdir>/checkpoints/<step>`.

    Each holds three items: `model` (params and batch_stats, all that prediction needs; the averaged
    ones if the run averages), `optimizer` (what else resuming needs) and `history` (the scores of
    all evaluations so far). Arrays are host arrays without devices in them, so a run may resume
    with other devices or another partition.

    Attributes:
      scores: scores by step of the run's evaluations, up to its present state.
    """

    def __init__(self, workdir: Path) -> None:
        """Opens the checkpoints of a run, after `repair_checkpoints`.

        Args:
          workdir: folder of the run.
        """
        self.folder = Path(workdir).absolute() / "checkpoints"
        self.scores: dict[int, float] = {}
        score = lambda metrics: metrics["score"]  # noqa: E731
        self._manager = ocp.CheckpointManager(
            self.folder,
            item_handlers={
                **{name: ocp.StandardCheckpointHandler() for name in ITEMS},
                HISTORY: ocp.JsonCheckpointHandler(filename=HISTORY),
            },
            options=ocp.CheckpointManagerOptions(
                # best_fn with max_to_keep would delete the latest step when it is not the best.
                preservation_policy=managers.AnyPreservationPolicy(
                    [
                        managers.LatestN(1),
                        managers.BestN(
                            get_metric_fn=score, n=1, keep_checkpoints_without_metrics=False
                        ),
                    ]
                ),
                best_fn=score,
                best_mode="max",
                todelete_subdir=DELETED,
                temporary_path_class=_SummedFolder,
            ),
        )

    @property
    def best_step(self) -> int | None:
        """The step with the best score; None if none was scored."""
        return self._manager.best_step()

    @property
    def latest_step(self) -> int | None:
        """The newest step; None if there is none."""
        return self._manager.latest_step()

    def save(self, state: TrainState, score: float | None = None) -> None:
        """Saves a state of host arrays in the background.

        Args:
          state: the state, not replicated.
          score: greater is better; None (an interrupted run) is never the best. A step that was
            saved without a score gets this one.
        """
        step = int(state.step)
        if score is not None:
            self.scores = {**self.scores, step: score}
        self.wait()  # otherwise the replaced checkpoint would still exist, beside three others
        if score is not None and step == self.latest_step:
            with disk_errors_told(self.folder):
                in_first_process(lambda: add_score(self.folder / str(step), self.scores))
            self._manager.reload()
            for other in set(self._manager.all_steps()) - {step, self.best_step}:
                self._manager.delete(other)  # as saving does
            return
        items = {name: ocp.args.StandardSave(item) for name, item in _items(state).items()}
        history = ocp.args.JsonSave(as_history(self.scores))
        with disk_errors_told(self.folder):
            self._manager.save(
                step,
                args=ocp.args.Composite(**items, **{HISTORY: history}),
                metrics=None if score is None else {"score": score},
            )

    def restore(
        self,
        state_at: Callable[[int, Mapping[int, float]], TrainState],
        logged: Mapping[int, float],
    ) -> TrainState | None:
        """Restores the newest readable step, and the scores up to it.

        A damaged checkpoint is skipped with a warning.

        Args:
          state_at: a function that gives a state of the run's shapes at a step, by the step and the
            scores so far.
          logged: the scores in metrics.jsonl, for checkpoints without a history.

        Returns:
          The state as host arrays, or None if there is no checkpoint.

        Raises:
          UserError: the checkpoints are of another architecture, none can be read, or neither they
            nor metrics.jsonl hold the run's scores.
        """
        for step in list_steps(self.folder):
            scores = self._scores_at(step, logged)
            state = state_at(step, scores)
            if restored := self._read(step, _items(state)):
                self.scores = scores
                return _with_items(state, restored)
        require_some(self.folder)
        return None

    def _scores_at(self, step: int, logged: Mapping[int, float]) -> dict[int, float]:
        history = read_history(self.folder / str(step))
        if history is not None:
            return history
        scores = {s: score for s, score in logged.items() if s <= step}
        best = self.best_step
        if best is not None and best <= step and best not in scores:
            raise UserError(
                f"{self.folder.parent / 'metrics.jsonl'} lacks the evaluation of checkpoint "
                f"{best}, without which patience and stages cannot be resumed; restore it, or "
                "train in another folder",
                code="run.missing_evaluation",
            )
        return scores

    def best_variables(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Restores the variables of the best readable step, else of the latest; see `restore`."""
        in_first_process(lambda: repair_checkpoints(self.folder, self.scores))
        self._manager.reload()
        while True:
            best = self.best_step
            step = list_steps(self.folder)[0] if best is None else best
            if restored := self._read(step, {"model": variables}):
                return restored["model"]
            require_some(self.folder)

    def _read(self, step: int, trees: Mapping[str, Any]) -> dict[str, Any]:
        """Items of a step; empty in all processes if one finds it damaged, and it is set aside."""
        restored, damage = {}, ""
        try:
            restored = restore_items(self.folder / str(step), trees)
        except DamagedError as error:
            damage = str(error)
        if damage := tell_all_processes(damage):
            in_first_process(lambda: set_aside(self.folder, step, damage))
            self._manager.reload()
            return {}
        return restored

    def wait(self) -> None:
        """Waits until everything is saved, and what it replaced is deleted."""
        with disk_errors_told(self.folder):
            self._manager.wait_until_finished()
            if jax.process_index() == 0:
                shutil.rmtree(self.folder / DELETED, ignore_errors=True)

    def close(self) -> None:
        """Waits, ends the manager's threads, and removes what a failed save has left."""
        try:
            self._manager.close()
        finally:
            if jax.process_index() == 0:
                clear_unfinished(self.folder)


def _items(state: TrainState) -> dict[str, Any]:
    rest = {"step": state.step, "opt_state": state.opt_state}
    if state.average:
        rest |= {"params": state.params, "batch_stats": state.batch_stats}
    return {"model": state.variables, "optimizer": rest}


def _with_items(state: TrainState, items: dict[str, Any]) -> TrainState:
    model = {"average": items["model"]} if state.average else items["model"]
    return state.replace(**model, **items["optimizer"])
