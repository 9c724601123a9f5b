"""The loop of a run: update, log, evaluate, checkpoint, until it is done."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax.audio.augment import Augment
from mgr_jax.classifier import GenreClassifier
from mgr_jax.data.loader import Loader, stack_batches
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol, evaluate
from mgr_jax.training.checkpoint import Checkpoints
from mgr_jax.training.inference import SplitPredictor
from mgr_jax.training.losses import Loss
from mgr_jax.training.optim import make_optimizer, make_schedule
from mgr_jax.training.progress import Progress, monitored
from mgr_jax.training.steps import TrainState, create_state, make_train_step
from mgr_jax.training.summary import Summary
from mgr_jax.training.workdir import StopRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
      step: updates made.
      stopped_early: whether patience ran out before config.num_steps.
      monitor: config.monitor.
      best: its value on the validation tracks, at the best checkpoint.
      protocol: who was trained on, and how that leaks, if it does.
      next_split: the split to evaluate: test, or validation where the protocol has no test.
      first_process: whether this is process 0, which tells of a run over several machines.
    """

    step: int
    stopped_early: bool
    monitor: str
    best: float
    protocol: Protocol
    next_split: str
    first_process: bool

    def __str__(self) -> str:
        """The step and the best score, marked where it leaks."""
        score = f"{self.monitor} {self.best:.3f}{self.protocol.leak_mark}"
        return f"Trained to step {self.step}: best validation {score}"


@dataclass
class Loop:
    """The loop itself, with what it uses."""

    config: ConfigDict
    partition: Any
    classifier: GenreClassifier
    loss: Loss
    augment: Augment | None
    loader: Loader
    validate: SplitPredictor
    checkpoints: Checkpoints
    summary: Summary | None
    standing: Progress
    verbose: bool
    protocol: Protocol
    pending: list[dict[str, jax.Array]] = field(default_factory=list)

    def go(self, state: TrainState, step: int, last_score: float | None) -> TrainResult:
        """Trains from a host state; `last_score` is that of an evaluation at its very step."""
        config, standing = self.config, self.standing
        if last_score is not None and standing.add(step, last_score):
            state = self._next_stage(state)
        state = self.partition.replicate(state.replace(lr_scale=np.float32(standing.lr_scale)))
        data = self.partition.replicate(self.loader.data)
        batches = self.loader.train_batches(seed=config.seed, first_step=step)
        update = self._compile()
        bar = tqdm(
            total=config.num_steps,
            initial=step,
            unit="step",
            disable=None if self.verbose else True,
        )
        since = time.perf_counter()
        with bar, StopRequest() as stop:
            while not standing.done(step):
                count = self._steps_to_go(step)
                batch = stack_batches([next(batches) for _ in range(count)], axis=1)
                # Keys take 32 bits, and jax would round wider numbers in its own way.
                batch["index"] = batch["index"].astype(np.uint32)
                state, metrics = update(state, data, self.partition.shard(batch))
                self.pending.append(metrics)
                step += count
                bar.update(count)
                evaluating = step % config.eval_every == 0 or step == standing.next_end
                if evaluating or step % config.log_every == 0:
                    loss = self._log(step, since)
                    bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                if evaluating:
                    if standing.add(step, self._evaluate(state, step, loss)):
                        new = self._next_stage(self.partition.unreplicate(state))
                        state, update = self.partition.replicate(new), self._compile()
                    scale = self.partition.replicate(np.float32(standing.lr_scale))
                    state = state.replace(lr_scale=scale)
                if not self.pending:
                    since = time.perf_counter()
                if stop.requested and not standing.done(step):
                    self._save_and_stop(state, step)
        early = standing.out_of_patience
        if early and self.verbose:
            log.info(f"Stopped at step {step}: no improvement of {config.monitor}.")
        best = abs(standing.best) if np.isfinite(standing.best) else float("nan")
        return TrainResult(
            step=step,
            stopped_early=early,
            monitor=config.monitor,
            best=best,
            protocol=self.protocol,
            next_split="test" if "test" in self.loader.tracks.account["tracks"] else "validation",
            first_process=jax.process_index() == 0,
        )

    def _steps_to_go(self, step: int) -> int:
        """Updates until the host has something to do."""
        if not isinstance(self.loader, ResidentLoader):
            return 1
        every = (self.config.log_every, self.config.eval_every)
        until = min(self.standing.next_end, *(step - step % n + n for n in every))
        return int(min(self.config.steps_per_dispatch, until - step))

    def _compile(self):
        config = self.standing.config
        step = make_train_step(
            self.classifier,
            make_optimizer(config),
            self.loss,
            self.loader.inputs,
            seed=config.seed,
            l2=config.l2,
            accumulate=config.accumulate,
            ema_decay=config.ema_decay,
            augment=self.augment,
            classification_weight=config.classification_weight,
            auxiliary_weight=config.auxiliary_weight,
        )
        return self.partition.compile_update(step)

    def _next_stage(self, state: TrainState) -> TrainState:
        """The state, on the host, that a new stage begins with: the best weights so far."""
        self.checkpoints.wait()
        best = self.checkpoints.best_variables(state.variables)
        optimizer = make_optimizer(self.standing.config)
        fresh = create_state(best, optimizer, averaged=bool(self.config.ema_decay))
        if self.verbose:
            options = self.standing.config.optimizer
            log.info(
                f"stage {self.standing.stage + 1} of {len(self.config.stages)}, from the best "
                f"weights: {options.name}, learning rate {options.learning_rate:g}"
            )
        return jax.device_get(fresh).replace(step=state.step)

    def _log(self, step: int, since: float) -> float:
        """Writes the means since the last time; returns the loss, which must be finite."""
        means = _means(self.pending)
        steps = sum(metrics["loss"].shape[-1] for metrics in self.pending)
        self._require_finite(means["loss"], step)
        rate = make_schedule(self.standing.config)(step - 1 - self.standing.stage_start)
        speed = steps * self.config.batch_size / (time.perf_counter() - since)
        self._write(
            step,
            {f"train/{name}": value for name, value in means.items()}
            | {
                "learning_rate": float(rate) * self.standing.lr_scale,
                "clips_per_second": speed,
            },
        )
        self.pending = []
        return means["loss"]

    def _evaluate(self, state: TrainState, step: int, train_loss: float) -> float:
        predictions = self.validate(state.variables, progress=self.verbose)
        metrics = validation_metrics(predictions)
        # Of bare decisions, all probabilities 0 or 1, there is none.
        metrics.setdefault("validation/track/log_loss", float("nan"))
        score = monitored(metrics, self.config.monitor)
        self._write(step, metrics)
        if self.summary and self.config.task == "single_label":
            self.summary.confusion(step, predictions.by_track())
        self.checkpoints.save(self.partition.unreplicate(state), score)
        if self.verbose:
            shown = self.config.monitor
            if shown == "log_loss":  # which is told anyway
                shown = "accuracy" if self.config.task == "single_label" else "roc_auc"
            log.info(
                f"step {step}: train loss {train_loss:.3f}, validation log loss "
                f"{metrics['validation/track/log_loss']:.3f}, {shown} "
                f"{metrics[f'validation/track/{shown}']:.3f}{self.protocol.leak_mark}"
            )
        return score

    def _save_and_stop(self, state: TrainState, step: int) -> None:
        # Processes would stop at different steps, so several go on from the last evaluation.
        if jax.process_count() == 1 and self.checkpoints.latest_step != step:
            if self.pending:
                self._require_finite(_means(self.pending)["loss"], step)
            self.checkpoints.save(self.partition.unreplicate(state))
        self.checkpoints.wait()
        raise UserError(
            f"stopped at step {step}; the same command goes on from step "
            f"{self.checkpoints.latest_step or 0}"
        )

    def _require_finite(self, loss: float, step: int) -> None:
        if np.isfinite(loss):
            return
        steps = sum(metrics["loss"].shape[-1] for metrics in self.pending)
        self.checkpoints.wait()
        kept = self.checkpoints.latest_step
        raise UserError(
            f"the loss is {loss} between steps {step - steps} and {step}; lower "
            "config.optimizer.learning_rate or set config.optimizer.clip_norm "
            + (f"(the checkpoint of step {kept} is kept)" if kept else "(nothing was saved yet)")
        )

    def _write(self, step: int, scalars: Mapping[str, float]) -> None:
        if self.summary:
            self.summary.write(step, scalars)


def _means(pending: list[dict[str, jax.Array]]) -> dict[str, float]:
    # Under pmap every device holds the same mean; fetching also waits for the steps to finish.
    fetched = jax.device_get(pending)
    return {
        name: float(np.mean(np.concatenate([metrics[name] for metrics in fetched], axis=-1)))
        for name in fetched[0]
    }


def validation_metrics(predictions: Predictions) -> dict[str, float]:
    """Scores of segments and tracks as `validation/<level>/<metric>`, without intervals."""
    result = evaluate(predictions, resamples=1)
    return {
        f"{predictions.split}/{level}/{name}": float("nan") if value is None else value
        for level in ("segment", "track")
        for name, (value, *_) in result[level].items()
    }
