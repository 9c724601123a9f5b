"""Checkpoints through Orbax: the latest and the best, unreplicated, written in the background."""

import contextlib
import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers as managers

from mgr_jax.errors import UserError, disk_errors_told
from mgr_jax.files import write_text

if TYPE_CHECKING:  # prediction reads checkpoints without a trainer
    from mgr_jax.training.steps import TrainState

_UNFINISHED = "*.orbax-checkpoint-tmp*"
# What Orbax and TensorStore raise for files that are cut or missing.
_DAMAGE = (ValueError, KeyError, OSError)


class Checkpoints:
    """The checkpoints of one run, below `<workdir>/checkpoints/<step>`.

    Each holds two items: `model` (params and batch_stats, all that prediction needs; the averaged
    ones where a run averages) and `optimizer` (what else going on needs). Arrays are host arrays
    without devices in them, so a run may go on with other devices or another partition.
    """

    def __init__(self, workdir: Path, *, read_only: bool = False) -> None:
        """Opens the checkpoints of a run; see `repair_checkpoints` for what a kill has left."""
        self.folder = Path(workdir).absolute() / "checkpoints"
        self._read_only = read_only
        score = lambda metrics: metrics["score"]  # noqa: E731
        self._manager = ocp.CheckpointManager(
            self.folder,
            item_handlers={
                name: ocp.StandardCheckpointHandler() for name in ("model", "optimizer")
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
                create=not read_only,
                read_only=read_only,
                # Else a score that cannot be read would keep all steps from being read.
                lightweight_initialize=read_only,
            ),
        )

    @property
    def best_step(self) -> int | None:
        """The step with the best score, None where none was scored."""
        if not self._read_only:
            return self._manager.best_step()
        found = {}
        for step in self._manager.all_steps():
            with contextlib.suppress(FileNotFoundError):  # an interrupted run's has no score
                found[step] = _read_score(self.folder / str(step) / "metrics")
                if found[step] is None:
                    warnings.warn(
                        f"the score of checkpoint {self.folder / str(step)} is damaged; it does "
                        "not count among the best",
                        stacklevel=3,
                    )
        scored = {step: score for step, score in found.items() if score is not None}
        # Of equal ones the latest, as the manager has it.
        return max(scored, key=lambda step: (scored[step], step), default=None)

    @property
    def latest_step(self) -> int | None:
        """The newest step, None where there is none."""
        return self._manager.latest_step()

    def save(self, state: "TrainState", score: float | None = None) -> None:
        """Saves a state of host arrays in the background.

        Args:
          state: unreplicated.
          score: greater is better; None (an interrupted run) is never the best. A step that was
            saved without is given it.
        """
        if int(state.step) == self.latest_step and score is not None:
            self._add_score(int(state.step), score)
            return
        items = {name: ocp.args.StandardSave(item) for name, item in _items(state).items()}
        with disk_errors_told(self.folder):  # those of the save before, which has been waited for
            self._manager.save(
                int(state.step),
                args=ocp.args.Composite(**items),
                metrics=None if score is None else {"score": score},
            )

    def _add_score(self, step: int, score: float) -> None:
        self.wait()
        if jax.process_index() == 0:
            item = self.folder / str(step) / "metrics"
            with disk_errors_told(self.folder):
                item.mkdir(exist_ok=True)
                write_text(item / "metrics", json.dumps({"score": score}))
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("score")
        self._manager.reload()
        for other in set(self._manager.all_steps()) - {step, self.best_step}:
            self._manager.delete(other)  # as saving would

    def restore(self, state_at: "Callable[[int], TrainState]") -> "TrainState | None":
        """Restores the newest readable step.

        A damaged checkpoint is passed over with a warning.

        Args:
          state_at: gives a state of the shapes that the run had at a step.

        Returns:
          The state as host arrays, or None where there is no checkpoint.

        Raises:
          UserError: the checkpoints are of another architecture, or none can be read.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        for step in steps:
            state = state_at(step)
            items = _items(state)
            try:
                self._require_shapes(step, items)
                restored = self._manager.restore(
                    step,
                    args=ocp.args.Composite(
                        **{name: ocp.args.StandardRestore(item) for name, item in items.items()}
                    ),
                )
            except _DAMAGE as error:
                self._warn_of_damage(step, error)
                continue
            return _with_items(state, restored)
        if steps or any(self.folder.glob("damaged-*")):  # those of this call, or of one before it
            raise UserError(
                f"no checkpoint in {self.folder} can be read; remove the folder to start again",
                code="checkpoint.none_readable",
            )
        return None

    def _warn_of_damage(self, step: int, error: Exception) -> None:
        """Renames a step, because saving a step that exists does nothing, and says nothing."""
        aside = self.folder / f"damaged-{step}"
        if jax.process_index() == 0:
            shutil.rmtree(aside, ignore_errors=True)
            (self.folder / str(step)).rename(aside)
        self._manager.reload()
        warnings.warn(
            f"checkpoint {self.folder / str(step)} is damaged ({type(error).__name__}) and was "
            f"renamed to {aside.name}; going on from another one",
            stacklevel=3,
        )

    def restore_variables(
        self, variables: dict[str, Any] | None = None, which: str | int = "best"
    ) -> dict[str, Any]:
        """Restores what prediction needs.

        Args:
          variables: of the shapes to restore into, abstract or not; None: of those it has.
          which: "best" by validation score, "latest", or a step.

        Raises:
          UserError: no such checkpoint, another architecture, or a damaged file.
        """
        which, steps = str(which), self._manager.all_steps()
        if not steps:
            raise UserError(
                f"{self.folder} holds no finished checkpoint; train for longer first",
                code="checkpoint.none",
            )
        best = self.best_step
        named = {"latest": max(steps), "best": max(steps) if best is None else best}
        step = named.get(which, int(which) if which.isdecimal() else -1)
        if step not in steps:
            raise UserError(
                f"{self.folder} has no checkpoint '{which}'; choose best, latest or one of "
                f"{', '.join(map(str, sorted(steps)))}",
                code="checkpoint.no_such_step",
            )
        try:
            return self._model(step, variables)
        except _DAMAGE as error:
            raise UserError(
                f"checkpoint {self.folder / str(step)} is damaged ({type(error).__name__}); "
                "restore it, or name another step",
                code="checkpoint.damaged",
            ) from error

    def best_variables(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Restores the best readable step, else the latest, to go on from; see `restore`."""
        while steps := self._manager.all_steps():
            best = self.best_step
            step = max(steps) if best is None else best
            try:
                return self._model(step, variables)
            except _DAMAGE as error:
                self._warn_of_damage(step, error)
        raise UserError(
            f"no checkpoint in {self.folder} can be read; remove the folder to start again",
            code="checkpoint.none_readable",
        )

    def _model(self, step: int, variables: dict[str, Any] | None) -> dict[str, Any]:
        if variables is None:
            variables = self._stored(step, "model")
        self._require_shapes(step, {"model": variables})
        restored = self._manager.restore(
            step, args=ocp.args.Composite(model=ocp.args.StandardRestore(_host(variables)))
        )
        return restored["model"]

    def _require_shapes(self, step: int, items: dict[str, Any]) -> None:
        for item, tree in items.items():
            stored, wanted = _shapes(self._stored(step, item)), _shapes(tree)
            if not stored:
                raise ValueError(f"{item} is missing")
            for name in sorted({*stored, *wanted}):
                if stored.get(name) != wanted.get(name):
                    raise UserError(
                        f"checkpoint {self.folder / str(step)} is of another architecture: {name} "
                        f"is {stored.get(name, 'absent')} there but {wanted.get(name, 'absent')} "
                        "in the config; use the config it was trained with or another workdir",
                        code="checkpoint.other_network",
                    )

    def _stored(self, step: int, item: str) -> Any:
        """The tree of an item, of metadata. The manager would read all items, and the score."""
        return ocp.StandardCheckpointHandler().metadata(self.folder / str(step) / item).tree

    def wait(self) -> None:
        """Waits until everything saved is on disk."""
        with disk_errors_told(self.folder):
            self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits, and releases the manager's threads."""
        self._manager.close()


def repair_checkpoints(workdir: Path, scores: Mapping[int, float]) -> None:
    """Clears away what a killed save has left, and mends scores that cannot be read.

    Args:
      workdir: of a run that is to go on, if there is one.
      scores: of the steps evaluated so far; a step whose score is lost stays without.
    """
    folder = workdir / "checkpoints"
    for leftover in folder.glob(_UNFINISHED):
        shutil.rmtree(leftover)
    for item in folder.glob("[0-9]*/metrics"):
        if not (item / "metrics").exists() or _read_score(item) is not None:
            continue
        score = scores.get(int(item.parent.name))
        if score is None:
            shutil.rmtree(item)
        else:
            write_text(item / "metrics", json.dumps({"score": score}))
        warnings.warn(
            f"the score of checkpoint {item.parent} was damaged, and "
            + ("is lost" if score is None else "was mended by metrics.jsonl"),
            stacklevel=2,
        )


def load_variables(workdir: Path, variables: dict[str, Any], which: str | int) -> dict[str, Any]:
    """Reads the variables of a finished run; see `Checkpoints.restore_variables`."""
    with contextlib.closing(Checkpoints(workdir, read_only=True)) as checkpoints:
        return checkpoints.restore_variables(variables, which)


def read_variables(workdir: Path) -> dict[str, Any]:
    """Reads all the variables of a run's best checkpoint, whatever network it is of."""
    with contextlib.closing(Checkpoints(workdir, read_only=True)) as checkpoints:
        return checkpoints.restore_variables()


def _read_score(item: Path) -> float | None:
    """The score that a "metrics" item holds; None where it is damaged.

    Raises:
      FileNotFoundError: there is none.
    """
    try:
        return float(json.loads((item / "metrics").read_text(encoding="utf-8"))["score"])
    except (ValueError, KeyError, TypeError):
        return None


def _items(state: "TrainState") -> dict[str, Any]:
    rest = {"step": state.step, "opt_state": state.opt_state}
    if state.average:
        rest |= {"params": state.params, "batch_stats": state.batch_stats}
    return {"model": state.variables, "optimizer": rest}


def _with_items(state: "TrainState", items: dict[str, Any]) -> "TrainState":
    model = {"average": items["model"]} if state.average else items["model"]
    return state.replace(**model, **items["optimizer"])


def _host(tree: Any) -> Any:
    """Host arrays of the given shapes, so that restoring asks for no device."""
    return jax.tree.map(lambda x: jax.device_get(jax.numpy.zeros(x.shape, x.dtype)), tree)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in leaves}
