"""The one training loop: any front end, any model, any dataset, any number of devices."""

import contextlib
import json
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax import config as configs
from mgr_jax.classifier import (
    GenreClassifier,
    InputSpec,
    create_classifier,
    init_variables,
)
from mgr_jax.data.cache import Waveforms
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, evaluate
from mgr_jax.training.checkpoint import Checkpoints
from mgr_jax.training.inference import SplitPredictor
from mgr_jax.training.inputs import make_loader, open_split, target_names
from mgr_jax.training.optim import make_optimizer, make_schedule
from mgr_jax.training.partition import Partition, make_partition
from mgr_jax.training.steps import TrainState, create_state, make_train_step
from mgr_jax.training.summary import Summary, read_metrics
from mgr_jax.training.workdir import StopRequest, lock, require_same_run


@dataclass(frozen=True)
class TrainResult:
    """How a run ended.

    Attributes:
      step: updates made.
      stopped_early: whether patience ran out before config.num_steps.
      best: value of config.monitor on the validation tracks, at the best checkpoint.
    """

    step: int
    stopped_early: bool
    best: float


def train(config: ConfigDict, workdir: str | Path, *, progress: bool = True) -> TrainResult:
    """Trains what a config describes; the same call again goes on where it stopped.

    Writes config.json, labels.json, input_spec.json, checkpoints/, metrics.jsonl and TensorBoard
    events into `workdir`.

    Args:
      config: see `mgr_jax.config`.
      workdir: folder of the run; made if absent.
      progress: show bars and lines on the console.

    Raises:
      UserError: a bad config, a dataset that is not there, a work directory of another run, or a
        loss that is not finite (the last good checkpoint stays).
    """
    configs.validate(config)
    if config.data_dir:  # the run is found from other folders later
        config = ConfigDict(config)
        config.data_dir = str(Path(config.data_dir).expanduser().absolute())
    workdir = Path(workdir).expanduser().absolute()
    partition = make_partition(config.partition, config.batch_size)
    splits = {name: open_split(config, name) for name in ("train", "validation")}
    for name, waveforms in splits.items():
        if short := int((waveforms.length < config.clip_samples).sum()):
            warnings.warn(
                f"{short} of {len(waveforms)} {name} tracks are shorter than config.clip_samples; "
                f"they are filled (config.short_clip = {config.short_clip})",
                stacklevel=2,
            )
    classes = target_names(splits["train"], config.task)
    classifier, spec = create_classifier(config, len(classes), axis_name=partition.axis_name)
    with lock(workdir) if jax.process_index() == 0 else contextlib.nullcontext():
        return _start(config, workdir, partition, classifier, spec, splits, progress)


def _start(
    config: ConfigDict,
    workdir: Path,
    partition: Partition,
    classifier: GenreClassifier,
    spec: InputSpec,
    splits: dict[str, Waveforms],
    progress: bool,
) -> TrainResult:
    """Restores what is there, writes what describes the run, and lets it go."""
    require_same_run(workdir, config, splits["train"].protocol)
    optimizer = make_optimizer(config)
    variables = init_variables(classifier, spec, config.seed)
    state = jax.device_get(create_state(variables, optimizer))
    checkpoints = Checkpoints(workdir)
    state = checkpoints.restore(state) or state
    step = int(state.step)
    if jax.process_index() == 0:
        labels = {"task": config.task, "classes": target_names(splits["train"], config.task)}
        for name, content in (("labels", labels), ("dataset", splits["train"].protocol)):
            (workdir / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
        spec.save(workdir / "input_spec.json")
        (workdir / "config.json").write_text(configs.to_json(config))
    if progress:
        _announce(config, variables, splits, step)

    summary = Summary(workdir, step=step) if jax.process_index() == 0 else None
    train_step = partition.compile_update(
        make_train_step(
            classifier,
            optimizer,
            task=config.task,
            label_smoothing=config.label_smoothing,
            seed=config.seed,
        )
    )
    run = _Run(
        config=config,
        workdir=workdir,
        partition=partition,
        train_step=train_step,
        batches=make_loader(config, splits["train"]).train_batches(
            seed=config.seed, first_step=step
        ),
        validate=SplitPredictor(
            classifier,
            spec,
            make_loader(config, splits["validation"]),
            partition,
            per_track=config.eval_segments,
        ),
        checkpoints=checkpoints,
        summary=summary,
        progress=progress,
    )
    try:
        return run.go(partition.replicate(state), step)
    finally:
        checkpoints.close()
        if summary:
            summary.close()


def _announce(config: ConfigDict, variables: Any, splits: dict[str, Waveforms], step: int) -> None:
    count = sum(x.size for x in jax.tree.leaves(variables["params"]))
    sizes = " and ".join(f"{len(waveforms)} {name}" for name, waveforms in splits.items())
    devices = f"{jax.device_count()} {jax.devices()[0].platform} device(s)"
    print(
        f"{config.frontend.name} + {config.model.name}, {count:,} parameters, {config.partition} "
        f"on {devices}; {sizes} tracks of {config.dataset}."
    )
    if step:
        print(f"Going on from step {step} of {config.num_steps}.")


@dataclass
class _Run:
    """The loop itself, with what it uses."""

    config: ConfigDict
    workdir: Path
    partition: Any
    train_step: Any
    batches: Iterator
    validate: SplitPredictor
    checkpoints: Checkpoints
    summary: Summary | None
    progress: bool

    def go(self, state: TrainState, step: int) -> TrainResult:
        config = self.config
        scores = self._past_scores(step)
        bar = tqdm(
            total=config.num_steps,
            initial=step,
            unit="step",
            disable=None if self.progress else True,
        )
        learning_rate = make_schedule(config)
        pending: list[dict[str, jax.Array]] = []
        since = time.perf_counter()
        with bar, StopRequest() as stop:
            while step < config.num_steps and not self._out_of_patience(scores):
                batch = next(self.batches)
                inputs = {name: batch[name] for name in ("inputs", "targets")}
                state, metrics = self.train_step(state, self.partition.shard(inputs))
                pending.append(metrics)
                step += 1
                bar.update()
                evaluating = step % config.eval_every == 0 or step == config.num_steps
                if evaluating or step % config.log_every == 0:
                    means = _means(pending)
                    seconds = time.perf_counter() - since
                    self._require_finite(means["loss"], step, len(pending))
                    self._write(
                        step,
                        {f"train/{name}": value for name, value in means.items()}
                        | {
                            "learning_rate": float(learning_rate(step - 1)),
                            "clips_per_second": len(pending) * config.batch_size / seconds,
                        },
                    )
                    bar.set_postfix(loss=f"{means['loss']:.3f}", refresh=False)
                    pending = []
                if evaluating:
                    scores.append(self._evaluate(state, step, means["loss"]))
                if not pending:
                    since = time.perf_counter()
                if stop.requested and step < config.num_steps:
                    self._save_and_stop(state, step, pending)
        early = step < config.num_steps
        if early and self.progress:
            print(f"Stopped at step {step}: {config.patience} evaluations without improvement.")
        best = max(scores, default=float("nan"))
        return TrainResult(step, early, abs(best))

    def _evaluate(self, state: TrainState, step: int, train_loss: float) -> float:
        predictions = self.validate(state.variables, progress=self.progress)
        metrics = validation_metrics(predictions)
        score = _score(metrics, self.config.monitor)
        self._write(step, metrics)
        if self.summary and self.config.task == "single_label":
            self.summary.confusion(step, predictions.by_track())
        self.checkpoints.save(self.partition.unreplicate(state), score)
        if self.progress:
            shown = self.config.monitor
            tqdm.write(
                f"step {step}: train loss {train_loss:.3f}, validation log loss "
                f"{metrics['validation/track/log_loss']:.3f}, {shown} "
                f"{metrics[f'validation/track/{shown}']:.3f}"
            )
        return score

    def _save_and_stop(self, state: TrainState, step: int, pending: list) -> None:
        # Processes would stop at different steps, so several go on from the last evaluation.
        if jax.process_count() == 1 and pending:
            self._require_finite(_means(pending)["loss"], step, len(pending))
            self.checkpoints.save(self.partition.unreplicate(state))
        self.checkpoints.wait()
        raise UserError(
            f"stopped at step {step}; the same command goes on from step "
            f"{self.checkpoints.latest_step or 0}"
        )

    def _require_finite(self, loss: float, step: int, steps: int) -> None:
        if np.isfinite(loss):
            return
        self.checkpoints.wait()
        kept = self.checkpoints.latest_step
        raise UserError(
            f"the loss is {loss} between steps {step - steps} and {step}; lower "
            "config.optimizer.learning_rate or set config.optimizer.clip_norm "
            + (f"(the checkpoint of step {kept} is kept)" if kept else "(nothing was saved yet)")
        )

    def _past_scores(self, step: int) -> list[float]:
        """Scores of the evaluations before a resumed step; the log is the only memory needed."""
        path = self.workdir / "metrics.jsonl"
        if not path.exists():
            return []
        rows = [row for row in read_metrics(path) if row["step"] <= step]
        key = f"validation/track/{self.config.monitor}"
        return [_score(row, self.config.monitor) for row in rows if key in row]

    def _out_of_patience(self, scores: list[float]) -> bool:
        patience = self.config.patience
        return bool(patience) and len(scores) - 1 - _last_best(scores) >= patience

    def _write(self, step: int, scalars: dict[str, float]) -> None:
        if self.summary:
            self.summary.write(step, scalars)


def _last_best(scores: list[float]) -> int:
    return scores.index(max(scores)) if scores else -1


def _means(pending: list[dict[str, jax.Array]]) -> dict[str, float]:
    # Under pmap every device holds the same mean; fetching also waits for the steps to finish.
    fetched = jax.device_get(pending)
    return {name: float(np.mean([metrics[name] for metrics in fetched])) for name in fetched[0]}


def validation_metrics(predictions: Predictions) -> dict[str, float]:
    """Scores of segments and tracks as `validation/<level>/<metric>`, without intervals."""
    result = evaluate(predictions, resamples=1)
    return {
        f"{predictions.split}/{level}/{name}": float("nan") if value is None else value
        for level in ("segment", "track")
        for name, (value, *_) in result[level].items()
    }


def _score(metrics: Mapping[str, float | None], monitor: str) -> float:
    """The monitored value, turned so that greater is better."""
    value = metrics[f"validation/track/{monitor}"]
    if value is None or np.isnan(value):  # undefined, as an AUC is where all labels are alike
        return float("-inf")
    return -value if monitor == "log_loss" else value
