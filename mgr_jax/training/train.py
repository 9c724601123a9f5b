"""Training: any front end, any model, any dataset, any number of devices."""

import contextlib
import functools
import logging
import time
import warnings
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

from mgr_jax import config as configs
from mgr_jax.audio.augment import Augment, make_augment
from mgr_jax.classifier import (
    GenreClassifier,
    abstract_outputs,
    create_classifier,
    init_variables,
)
from mgr_jax.data.cache import Tracks
from mgr_jax.data.loader import Loader
from mgr_jax.data.pipeline import class_counts, open_split, protocol_of, target_names
from mgr_jax.data.published import copies_of_scored, copies_sentence
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.side_inputs import side_inputs_of
from mgr_jax.data.statistics import dataset_statistics
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Protocol
from mgr_jax.input_spec import InputSpec
from mgr_jax.model_folder import require_same_side_inputs
from mgr_jax.side_inputs import SideInputs
from mgr_jax.training.checkpoint import Checkpoints
from mgr_jax.training.inference import SplitPredictor
from mgr_jax.training.inputs import feature_format, make_loaders
from mgr_jax.training.loop import Loop, TrainResult
from mgr_jax.training.losses import LOSSES, Loss, balanced_weights
from mgr_jax.training.optim import make_optimizer
from mgr_jax.training.partition import Partition, make_partition
from mgr_jax.training.progress import Progress, past_evaluations
from mgr_jax.training.steps import TrainState, create_state
from mgr_jax.training.summary import Summary, read_metrics
from mgr_jax.training.transfer import inherited_leak, initial_variables
from mgr_jax.training.workdir import describe_run, lock, record_cost, require_same_run

log = logging.getLogger(__name__)


def train(config: ConfigDict, workdir: str | Path, *, progress: bool = True) -> TrainResult:
    """Trains what a config describes; the same call again goes on where it stopped.

    Writes config.json, model.json, dataset.json, tracks.json, checkpoints/, metrics.jsonl,
    TensorBoard events, and init_from.json for a run that begins with the weights of another one,
    into `workdir`.

    Args:
      config: see `mgr_jax.config`.
      workdir: folder of the run; made if absent.
      progress: show bars, and log what goes on (as info).

    Raises:
      UserError: a bad config, a dataset that is not there, a work directory of another run, or a
        loss that is not finite (the last good checkpoint stays).
    """
    configs.validate(config)
    augment = _make_augment(config)
    config = config.copy_and_resolve_references()
    for group, field in ((config, "data_dir"), (config.side_inputs, "table")):
        if group[field]:  # the run is found from other folders later
            group[field] = str(Path(group[field]).expanduser().absolute())
    workdir = Path(workdir).expanduser().absolute()
    partition = make_partition(config.partition, config.batch_size, config.accumulate)
    splits = {name: open_split(config, name) for name in ("train", "validation")}
    for name, tracks in splits.items():
        if short := int((tracks.length < config.clip_samples).sum()):
            warnings.warn(
                f"{short} of {len(tracks)} {name} tracks are shorter than config.clip_samples; "
                f"they are filled (config.short_clip = {config.short_clip})",
                stacklevel=2,
            )
    if copies := copies_of_scored(splits["train"].track_id.tolist()):
        warnings.warn(copies_sentence(copies), stacklevel=2)
    side, side_arrays = side_inputs_of(config, splits)
    classifier, spec = create_classifier(
        config,
        len(target_names(splits["train"], config.task)),
        features=feature_format(splits["train"]),
        side=side.format,
        axis_name=partition.axis_name,
    )
    _require_mixable(augment, config, spec)
    _require_loss(config, classifier, spec)
    with lock(workdir) if jax.process_index() == 0 else contextlib.nullcontext():
        require_same_run(workdir, config, splits["train"].account)
        require_same_side_inputs(workdir, side)
        loaders = make_loaders(config, splits, classifier.frontend, side_arrays, progress=progress)
        protocol = protocol_of(splits["train"], config.clip_samples).with_leak(side.leak)
        return _start(
            config, workdir, partition, classifier, spec, side, augment, loaders, protocol, progress
        )


def _start(
    config: ConfigDict,
    workdir: Path,
    partition: Partition,
    classifier: GenreClassifier,
    spec: InputSpec,
    side: SideInputs,
    augment: Augment | None,
    loaders: dict[str, Loader],
    protocol: Protocol,
    progress: bool,
) -> TrainResult:
    """Restores what is there, writes what describes the run, and lets it go."""
    splits = {name: loader.tracks for name, loader in loaders.items()}
    statistics = dataset_statistics(classifier.frontend, splits["train"], progress=progress)
    variables = init_variables(classifier, spec, config.seed, statistics)
    checkpoints = Checkpoints(workdir)
    if config.init_from and checkpoints.latest_step is None:
        variables, origin = initial_variables(variables, config, splits, progress=progress)
        if jax.process_index() == 0:
            origin.keep(workdir)
        if progress:
            log.info(origin.taken)
        inherited = origin.leak
    else:
        inherited = inherited_leak(workdir) if config.init_from else ""
    protocol = protocol.with_leak(inherited)
    new_state = functools.partial(create_state, averaged=bool(config.ema_decay))
    metrics = workdir / "metrics.jsonl"
    evaluations = past_evaluations(
        read_metrics(metrics) if metrics.exists() else [], config.monitor
    )

    def state_at(step: int) -> TrainState:
        before = Progress(config, [(s, score) for s, score in evaluations if s < step])
        return jax.device_get(new_state(variables, make_optimizer(before.config)))

    best = checkpoints.best_step
    if best is not None and best not in dict(evaluations):
        raise UserError(
            f"{metrics} lacks the evaluation of step {best}, which there is a checkpoint of, so "
            "that patience and stages cannot go on; restore it, or train in another folder"
        )
    state = checkpoints.restore(state_at) or state_at(0)
    step = int(state.step)
    if jax.process_index() == 0:
        describe_run(workdir, config, spec, splits, side, protocol, progress=progress)
    if progress:
        _announce(config, variables, splits, type(loaders["train"]), step, protocol)
    loop = Loop(
        config=config,
        partition=partition,
        classifier=classifier,
        loss=_make_loss(config, splits["train"]),
        augment=augment,
        loader=loaders["train"],
        validate=SplitPredictor(
            classifier, spec, loaders["validation"], partition, per_track=config.eval_segments
        ),
        checkpoints=checkpoints,
        summary=(
            Summary(workdir, step=step, leak=protocol.leak_mark.strip())
            if jax.process_index() == 0
            else None
        ),
        standing=Progress(config, [(s, score) for s, score in evaluations if s < step]),
        verbose=progress,
        protocol=protocol,
    )
    since, goes_on = time.perf_counter(), not loop.standing.done(step)
    try:
        last = [score for s, score in evaluations if s == step]
        return loop.go(state, step, last[0] if last else None)
    finally:
        if jax.process_index() == 0 and goes_on:
            record_cost(workdir, _count(variables), time.perf_counter() - since)
        checkpoints.close()
        if loop.summary:
            loop.summary.close()


def _make_loss(config: ConfigDict, tracks: Tracks) -> Loss:
    weights = None
    if config.class_weights == "balanced":
        counts = class_counts(tracks, config.task)
        weights = balanced_weights(counts, len(tracks), config.task)
    return functools.partial(
        LOSSES[config.task], label_smoothing=config.label_smoothing, weights=weights
    )


def _make_augment(config: ConfigDict) -> Augment | None:
    if not config.augment:
        return None
    stored = config.frontend.name == "precomputed"
    return make_augment(config.augment, sample_rate=0 if stored else config.sample_rate)


def _require_mixable(augment: Augment | None, config: ConfigDict, spec: InputSpec) -> None:
    """Makes sure that examples can be mixed, where they are to be."""
    if augment is None or not augment.mixes:
        return
    if spec.side:
        raise UserError(
            "config.augment mixes examples, but config.side_inputs are those of one track; remove "
            "mixup and cutmix"
        )
    if spec.aux:
        raise UserError(
            "config.augment mixes examples, but config.frontend normalises each by the statistics "
            "of its own track; remove mixup and cutmix, or use normalise_over='segment'"
        )
    alone = jax.device_count() if config.partition == "pmap" else 1
    if config.batch_size <= alone:
        raise UserError(
            f"config.augment mixes the examples of a device, of which there is one in a batch of "
            f"{config.batch_size}; raise config.batch_size"
        )


def _require_loss(config: ConfigDict, classifier: GenreClassifier, spec: InputSpec) -> None:
    """Makes sure that the network has the loss which the config builds on."""
    _, intermediates = abstract_outputs(classifier, spec)
    if "auxiliary_loss" in intermediates:
        if not config.classification_weight and not config.auxiliary_weight:
            raise UserError(
                "config.classification_weight and config.auxiliary_weight are both 0, so that "
                "there is nothing to learn; raise one"
            )
        return
    needs = {"monitor": config.monitor == "auxiliary_loss"}
    needs["classification_weight"] = not config.classification_weight
    for field, needed in needs.items():
        if needed:
            raise UserError(
                f"config.{field} is {config[field]}, but {config.model.name} adds no loss of its "
                "own; that is for models such as autoencoder"
            )


def _count(variables: Any) -> int:
    return sum(x.size for x in jax.tree.leaves(variables["params"]))


def _announce(
    config: ConfigDict,
    variables: Any,
    splits: dict[str, Tracks],
    loader: type,
    step: int,
    protocol: Protocol,
) -> None:
    sizes = " and ".join(f"{len(tracks)} {name}" for name, tracks in splits.items())
    devices = f"{jax.device_count()} {jax.devices()[0].platform} device(s)"
    where = "resident on" if loader is ResidentLoader else "streamed to"
    log.info(
        f"{config.frontend.name} + {config.model.name}, {_count(variables):,} parameters, "
        f"{config.partition}; {sizes} tracks of {config.dataset}, {where} {devices}."
    )
    if config.protocol.name != "dataset":
        log.info(f"Protocol: {protocol.sentence}.")
    if step:
        log.info(f"Going on from step {step} of {config.num_steps}.")
