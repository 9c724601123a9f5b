"""Training: any front end, any model, any dataset, any number of devices."""

import contextlib
import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax import config as configs
from mgr_jax.audio.augment import Augment, make_augment
from mgr_jax.classifier import how_filled, init_variables
from mgr_jax.data.init_from import inherited_leak, inherited_overlaps
from mgr_jax.data.loader import Batch, Loader, stack_batches
from mgr_jax.data.locate import without_path
from mgr_jax.data.pipeline import (
    class_counts,
    make_loaders,
    next_split,
    open_run_splits,
    protocol_of,
    tell_short_tracks,
)
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.side_inputs import side_inputs_of
from mgr_jax.data.statistics import dataset_statistics
from mgr_jax.errors import UserError, disk_errors_told
from mgr_jax.evaluation import Protocol
from mgr_jax.files import expand
from mgr_jax.model_folder import require_same_side_inputs
from mgr_jax.training.checkpoint_files import repair_checkpoints
from mgr_jax.training.checkpoints import Checkpoints
from mgr_jax.training.inference import SplitPredictor, classifier_for
from mgr_jax.training.optim import make_loss, make_optimizer, make_schedule, require_loss
from mgr_jax.training.partition import in_first_process, make_partition
from mgr_jax.training.same_run import lock, require_same_draws, require_same_run
from mgr_jax.training.skipped import Skipped, tell_skipped
from mgr_jax.training.stages import (
    first_of_stage,
    monitored,
    newest_state,
    past_evaluations,
)
from mgr_jax.training.steps import TrainState, make_train_step, require_mixable
from mgr_jax.training.stop import StoppedError, StopRequest
from mgr_jax.training.summary import (
    Summary,
    announce,
    describe_run,
    read_metrics,
    record_cost,
    tell_scores,
    validation_metrics,
)
from mgr_jax.training.transfer import initial_variables

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """The end of a run.

    Attributes:
      step: number of updates.
      stopped_early: whether patience ran out before config.num_steps.
      monitor: config.monitor.
      best: its value on the validation tracks, at the best checkpoint.
      protocol: protocol of the splits, and how it leaks, if it does.
      next_split: the split to evaluate: test, or validation if the protocol has no test.
      first_process: whether this is process 0, which reports a run over several machines.
      skipped: number of updates that were skipped because they were not finite.
    """

    step: int
    stopped_early: bool
    monitor: str
    best: float
    protocol: Protocol
    next_split: str
    first_process: bool
    skipped: int = 0

    def __str__(self) -> str:
        """The step and the best score, marked if it leaks."""
        score = f"{self.monitor} {self.best:.3f}{self.protocol.leak_mark}"
        skipped = f"; {tell_skipped(self.skipped, self.step)}" if self.skipped else ""
        return f"Trained to step {self.step}: best validation {score}{skipped}"


def train(config: ConfigDict, workdir: str | Path, *, progress: bool = True) -> TrainResult:
    """Trains the network that a config describes; the same call resumes after an interruption.

        config = mgr_jax.read_config("demo")
        print(mgr_jax.train(config, "runs/demo"))
        print(mgr_jax.evaluate("runs/demo", "test"))

    It writes model.json, config.json, dataset.json, tracks.json, checkpoints/, metrics.jsonl and
    TensorBoard events into `workdir`; and init_from.json if the run begins with the weights of
    another one.

    Args:
      config: a config from `read_config`, see `mgr_jax.config`.
      workdir: folder of the run; made if absent.
      progress: show bars, and log the progress (as info).

    Returns:
      The step and the best validation score.

    Raises:
      UserError: the config is wrong, the dataset is not prepared, the work directory holds another
        run, an update is not finite (config.not_finite; the last good checkpoint stays), or SIGTERM
        (code training.stopped) or SIGINT (training.interrupted) asked to stop, with everything
        saved. Before the first update, when a new stage begins and after the end, these signals act
        as usual.
    """
    # 1. Config: errors are reported before any data is read.
    configs.validate(config)
    workdir = expand(workdir).absolute()
    config = _with_absolute_paths(configs.resumed_config(config, workdir / "config.json"))
    augment = _make_augment(config)
    partition = make_partition(config.partition, config.batch_size, config.accumulate)

    # 2. Data: the tracks of both splits, memory-mapped, with their metadata; they determine the
    # number of steps per epoch.
    splits = open_run_splits(config, progress=progress)
    side, side_arrays = side_inputs_of(config, splits, progress=progress)
    train_tracks = splits["train"]
    config = configs.resolve(config, len(train_tracks))

    # 3. Model: front end, normalisation and network, which determine the clips.
    classifier, spec = classifier_for(
        config, train_tracks, side.format, axis_name=partition.axis_name
    )
    tell_short_tracks(splits, spec.clip_samples, how_filled(classifier, spec))
    require_mixable(augment, config, spec)
    require_loss(config, classifier, spec)

    # From here on process 0 writes files. The front end determines how clips are cut.
    with contextlib.ExitStack() as held:
        held.enter_context(disk_errors_told(workdir))
        in_first_process(lambda: held.enter_context(lock(workdir)))
        in_first_process(lambda: require_same_run(workdir, config, train_tracks.account))
        in_first_process(lambda: require_same_side_inputs(workdir, side))
        loaders = make_loaders(
            config,
            splits,
            classifier.frontend,
            side_arrays,
            mask_filling=spec.mask_filling,
            progress=progress,
        )

        # 4. State: from the newest checkpoint, else from config.init_from, else from the seed.
        rows = read_metrics(workdir / "metrics.jsonl")
        logged = past_evaluations(rows, config.monitor)
        in_first_process(lambda: repair_checkpoints(workdir / "checkpoints", dict(logged)))
        checkpoints = Checkpoints(workdir)
        held.callback(checkpoints.close)
        statistics = dataset_statistics(classifier.frontend, train_tracks, progress=progress)
        variables = init_variables(classifier, spec, config.seed, statistics)
        if config.init_from and checkpoints.latest_step is None:
            variables, origin = initial_variables(variables, config, splits, progress=progress)
            in_first_process(lambda: origin.keep(workdir))
        state, stages = newest_state(config, variables, checkpoints, logged)
        step = int(state.step)
        skipped = Skipped(config.not_finite, rows, step)
        if step and not stages.done(step):
            in_first_process(lambda: require_same_draws(workdir, config))

        # 5. Steps: the update, compiled for every stage, and the evaluation.
        loader = loaders["train"]
        loss = make_loss(config, class_counts(train_tracks, config.task), len(train_tracks))

        def compile_update() -> Callable:
            update = make_train_step(
                classifier,
                make_optimizer(stages.config),
                loss,
                loader.inputs,
                seed=config.seed,
                l2=config.l2,
                accumulate=config.accumulate,
                ema_decay=config.ema_decay,
                augment=augment,
                classification_weight=config.classification_weight,
                auxiliary_weight=config.auxiliary_weight,
            )
            return partition.compile_update(update)

        update = compile_update()
        evaluate = SplitPredictor(
            classifier, spec, loaders["validation"], partition, per_track=config.eval_segments
        )

        # 6. Loop: update, log, evaluate, save, until the run is finished.
        inherited = inherited_leak(workdir) if config.init_from else ""
        protocol = protocol_of(train_tracks, config.clip_samples, seed=config.seed)
        protocol = protocol.with_leak(side.leak, inherited)
        if config.init_from:
            protocol = protocol.with_overlap(*inherited_overlaps(workdir))
        in_first_process(
            lambda: describe_run(
                *(workdir, config, spec, splits, side, protocol),
                step=step,
                done=stages.done(step),
                progress=progress,
            )
        )
        parameters = sum(x.size for x in jax.tree.leaves(variables["params"]))
        if progress:
            resident = isinstance(loader, ResidentLoader)
            announce(config, parameters, splits, protocol, resident=resident, step=step)
        leak = protocol.leak_mark.strip()
        summary = Summary(workdir, rows=rows, step=step, evaluated=checkpoints.scores, leak=leak)
        if jax.process_index() == 0 and not stages.done(step):
            started = time.perf_counter()
            held.callback(lambda: record_cost(workdir, parameters, time.perf_counter() - started))
        held.callback(checkpoints.wait)  # called first: writing the description may fail
        state = partition.replicate(state)
        data = partition.replicate(loader.data)
        batches = loader.train_batches(seed=config.seed, first_step=step)
        pending: list[dict[str, jax.Array]] = []  # metrics of the steps since the last log
        since = time.perf_counter()
        shown = None if progress else True  # None: only on a terminal
        bar = tqdm(total=config.num_steps, initial=step, unit="step", disable=shown)
        loss_now = ""

        def evaluated_at(step: int) -> bool:
            return step % config.eval_every == 0 or step >= stages.next_end

        # A resumed run begins with the evaluation that a stop interrupted.
        evaluating = step > 0 and evaluated_at(step) and step not in checkpoints.scores
        if not stages.done(step):
            evaluate.compile(state.variables)  # now, while there is nothing to save
        with bar, StopRequest() as stop:
            while evaluating or not stages.done(step):
                if not evaluating:
                    count = _steps_to_go(config, loader, step, stages.next_end)
                    batch = _next_batch(batches, count)
                    state, metrics = update(state, data, partition.shard(batch))
                    stop.hold()
                    pending.append(metrics)
                    # No further ahead of the devices, or a stop would wait for their queue.
                    jax.block_until_ready(pending[-2:-1])
                    step += count
                    bar.update(count)
                    evaluating = evaluated_at(step)
                if pending and (evaluating or step % config.log_every == 0):
                    steps, means = skipped.means(pending, step, checkpoints)
                    speed = steps * config.batch_size / (time.perf_counter() - since)
                    made = step - stages.stage_start - skipped.since(stages.stage_start)
                    rate = make_schedule(stages.config)(max(0, made - 1))
                    scalars = {f"train/{name}": value for name, value in means.items()}
                    scalars["learning_rate"] = float(rate) * stages.lr_scale
                    summary.write(step, scalars | {"clips_per_second": speed})
                    loss_now = f"{means['loss']:.3f}" if "loss" in means else "not finite"
                    bar.set_postfix(loss=loss_now, refresh=False)
                    pending = []
                if evaluating:
                    try:
                        predictions = evaluate(state.variables, progress=progress, check=stop.check)
                    except StoppedError:
                        break
                    scores = validation_metrics(predictions)
                    score = monitored(scores, config.monitor)
                    summary.write(step, scores)  # before the checkpoint, which needs it
                    checkpoints.save(partition.unreplicate(state), score)
                    summary.confusion(step, predictions.by_track())
                    if progress:
                        train_loss = f"train loss {loss_now}, " if loss_now else ""
                        told = f"step {step}: {train_loss}{tell_scores(scores, config)}"
                        log.info(told + protocol.leak_mark)
                        if skipped.total:
                            log.info(f"{tell_skipped(skipped.total, step)}.")
                    if stages.add(step, score):
                        best = first_of_stage(stages, checkpoints, partition.unreplicate(state))
                        state, update = partition.replicate(best), compile_update()
                        stop.release()  # all is saved, and compiling the next update takes long
                        if progress:
                            log.info(str(stages))
                    scale = partition.replicate(np.float32(stages.lr_scale))
                    state = state.replace(lr_scale=scale)
                    evaluating = False
                if not pending:
                    since = time.perf_counter()
                if stop.asked() and not stages.done(step):
                    break
            if evaluating or not stages.done(step):
                final = partition.unreplicate(state)
                _save_and_stop(checkpoints, final, pending, skipped, summary, stop)
            checkpoints.wait()  # before a signal interrupts again
        if stages.out_of_patience and progress:
            log.info(f"Stopped at step {step}: no improvement of {config.monitor}.")
    return TrainResult(
        step=step,
        stopped_early=stages.out_of_patience,
        monitor=config.monitor,
        best=abs(stages.best) if np.isfinite(stages.best) else float("nan"),
        protocol=protocol,
        next_split=next_split(train_tracks.account),
        first_process=jax.process_index() == 0,
        skipped=skipped.total,
    )


def _make_augment(config: ConfigDict) -> Augment | None:
    if not config.augment:
        return None
    stored = config.frontend.name == "precomputed"
    return make_augment(config.augment, sample_rate=0 if stored else config.sample_rate)


def _with_absolute_paths(config: ConfigDict) -> ConfigDict:
    """Makes paths of a config absolute, so that the run is found from other folders later."""
    for group, field in ((config, "data_dir"), (config.side_inputs, "table")):
        if group[field]:
            group[field] = str(expand(group[field]).absolute())
    config.dataset, config.data_dir = without_path(
        config.dataset, sample_rate=config.sample_rate, data_dir=config.data_dir
    )
    return config


def _steps_to_go(config: ConfigDict, loader: Loader, step: int, end: float) -> int:
    """Number of updates until the host has something to do."""
    if not isinstance(loader, ResidentLoader):
        return 1
    every = (config.log_every, config.eval_every)
    until = min(end, *(step - step % n + n for n in every))
    return int(min(config.steps_per_dispatch, until - step))


def _next_batch(batches: Iterator[Batch], count: int) -> Batch:
    """Batches of some steps as one, [batch, steps, ...]."""
    batch = stack_batches([next(batches) for _ in range(count)], axis=1)
    # Keys take 32 bits, and jax would convert wider numbers in its own way.
    batch["index"] = batch["index"].astype(np.uint32)
    return batch


def _save_and_stop(
    checkpoints: Checkpoints,
    state: TrainState,
    pending: Sequence[Mapping[str, jax.Array]],
    skipped: Skipped,
    summary: Summary,
    stop: StopRequest,
) -> NoReturn:
    step = int(state.step)
    if checkpoints.latest_step != step:
        if pending:
            _, means = skipped.means(pending, step, checkpoints)
            if means.get("skipped"):  # the next row would not count these
                summary.write(step, {"train/skipped": means["skipped"]})
        checkpoints.save(state)
    checkpoints.wait()
    kept = checkpoints.latest_step or 0
    told = f"stopped at step {step}; the same command resumes from step {kept}"
    if stop.signal == signal.SIGTERM:
        raise UserError(told, code="training.stopped")
    raise UserError(told, code="training.interrupted")
