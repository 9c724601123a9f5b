"""Times training from int16 samples to the update: loader, log-mel spectrogram, network."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from mgr_jax.benchmark.flops import count_flops
from mgr_jax.benchmark.record import compare
from mgr_jax.benchmark.steps import Steps, start_steps, time_steps
from mgr_jax.benchmark.timing import available_cores
from mgr_jax.benchmark.train_cases import LEARNING_RATE
from mgr_jax.classifier import GenreClassifier, init_variables
from mgr_jax.config.files import read_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.loader import Batch, stack_batches
from mgr_jax.data.pipeline import make_loader, open_split
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.errors import UserError
from mgr_jax.side_inputs import SOUND_ALONE
from mgr_jax.training.inference import classifier_for
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_train_step

SUITE = "train"
FIXED = "mgr_jax, one batch on the device"
EAGER, COMPILED = "PyTorch bfloat16", "PyTorch compiled bfloat16"
_MOST_WORKERS = 8  # workers of the DataLoader
_NEAR = 0.05  # relative to the largest logit, with TF32

Report = dict[str, Any]


def own_name(partition: str, dispatch: int) -> str:
    """The name of mgr_jax's steps with a resident loader and so many steps per dispatch."""
    return f"mgr_jax, {partition}, {dispatch} per dispatch"


def audio_config(dataset: str, data_dir: Path, *, tiny: bool = False) -> ConfigDict:
    """Short-chunk CNN in bfloat16 on clips of 4.9 s at 12 kHz: 231 frames of 128 mels.

    Args:
      dataset: a dataset prepared at 12 kHz.
      data_dir: its TFDS folder.
      tiny: few and narrow layers on clips of 0.3 s, for a test.
    """
    config = read_config("demo")
    config.dataset, config.data_dir = dataset, str(data_dir)
    config.loader, config.compute_dtype = "resident", "bfloat16"
    config.clip_samples, config.batch_size = 230 * 256, 64
    fields = {"n_fft": 1024, "hop_length": 256, "n_mels": 128}
    config.model = {"name": "short_chunk", "kwargs": {}}
    if tiny:
        config.clip_samples, config.batch_size, fields["n_mels"] = 15 * 256, 4, 16
        config.model["kwargs"] = {"widths": (4,), "pools": ((16, 16),)}
    config.frontend.kwargs.update(fields)
    return config


def time_audio(
    config: ConfigDict,
    folder: Path,
    *,
    rounds: int,
    steps: int,
    dispatches: Sequence[int] = (10, 1, 50),
    compiled: bool = True,
    keep: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Times training on audio that lies on the device as int16, beside PyTorch.

    mgr_jax has its resident loader: the host draws positions, and the step cuts the clips, computes
    the log-mel spectrogram and updates the network. PyTorch has the same front end and network,
    channels last, under autocast to bfloat16: on clips cut on the device, and on clips from a
    DataLoader, whose workers cut them from a memory-mapped file.

    Args:
      config: result of `audio_config`.
      folder: where the file for the DataLoader is written.
      rounds: turns of each.
      steps: steps per turn; a multiple of all dispatches.
      dispatches: steps between returns to the host: the usual number, and others, with which jit is
        timed too.
      compiled: also compile PyTorch's network, which takes up to a minute.
      keep: gets a report before the less important parts.

    Returns:
      A report for JSON, see `time_network`; "clips_per_second", medians by name; "input_share", the
      share of the usual step's time that a batch on the device saves; "rows" of `compare`.

    Raises:
      UserError: PyTorch's logits differ.
    """
    tracks = open_split(config, "train")
    usual, *others = dispatches
    report: Report = {
        "model": config.model.name,
        "samples": config.clip_samples,
        "batch": config.batch_size,
        "dtype": config.compute_dtype,
        "rounds": rounds,
        "steps_per_round": steps,
        "failures": {},
    }
    classifier, spec = classifier_for(config, tracks, SOUND_ALONE)
    variables = jax.device_get(init_variables(classifier, spec, config.seed))
    loader = _resident(config, tracks, classifier)
    report["flops"] = _flops(classifier, variables, loader)

    def own(partition: str, dispatch: int, *, fixed: bool = False) -> Callable[[], Steps]:
        return partial(_own_steps, config, loader, variables, partition, dispatch, fixed=fixed)

    makers = {own_name("pmap", usual): own("pmap", usual), FIXED: own("pmap", usual, fixed=True)}
    late = {own_name("pmap", number): own("pmap", number) for number in others}
    if others:
        late[own_name("jit", usual)] = own("jit", usual)
    try:
        from mgr_jax.benchmark import torch_audio, torch_steps
    except ImportError as error:
        report["failures"]["PyTorch"] = f"not compared, as it cannot be imported: {error}"
    else:
        torch_steps.prepare(available_cores())
        report["agreement"] = _require_agreement(classifier, variables, loader)
        data, targets = loader.data, tracks.label.astype(np.int64)
        sizes = {"batch": config.batch_size, "samples": config.clip_samples}
        resident = partial(torch_audio.resident_batches, data, targets, **sizes)
        steps_on = partial(torch_audio.make_steps, classifier, variables)
        makers[EAGER] = partial(steps_on, resident)
        if compiled:
            makers[COMPILED] = partial(steps_on, resident, compiled=True)
        file = folder / "tracks.npy"
        np.save(file, data)
        clips = torch_audio.Clips(
            file, targets, samples=config.clip_samples, count=100_000 * config.batch_size
        )
        workers = min(_MOST_WORKERS, available_cores())
        loaded = partial(
            torch_audio.loaded_batches, clips, batch=config.batch_size, workers=workers
        )
        name = f"{COMPILED if compiled else EAGER}, DataLoader"
        late[name] = partial(steps_on, loaded, compiled=compiled)
    functions: dict[str, Steps] = {}
    for stage in filter(None, (makers, late)):
        functions |= start_steps(stage, report)
        report["seconds"] = time_steps(functions, rounds=rounds, steps=steps)
        report |= _summary(report, own_name("pmap", usual))
        keep(report)
    return report


def _resident(config: ConfigDict, tracks: Tracks, classifier: GenreClassifier) -> ResidentLoader:
    loader = make_loader(config, tracks, classifier.frontend, ResidentLoader)
    assert isinstance(loader, ResidentLoader)
    return loader


def _own_steps(
    config: ConfigDict,
    loader: ResidentLoader,
    variables: Mapping[str, Any],
    partition: str,
    dispatch: int,
    *,
    fixed: bool,
) -> Steps:
    """The trainer's step on its loader's batches, or on one that lies on the device as int16."""
    spread = make_partition(partition, config.batch_size)
    classifier, _ = classifier_for(config, loader.tracks, SOUND_ALONE, axis_name=spread.axis_name)
    optimizer = optax.adam(LEARNING_RATE)
    loss = optax.softmax_cross_entropy_with_integer_labels
    inputs = (lambda data, batch: batch["clips"]) if fixed else loader.inputs
    update = spread.compile_update(make_train_step(classifier, optimizer, loss, inputs, seed=0))
    state = spread.replicate(jax.device_get(create_state(dict(variables), optimizer)))
    data = spread.replicate({} if fixed else loader.data)
    batches = _batches(loader, dispatch)
    if fixed:
        batch = next(batches)
        clips = jax.vmap(loader.inputs, (None, 1), 1)(jnp.asarray(loader.data), _positions(batch))
        kept = {name: batch[name] for name in ("targets", "index")} | {"clips": np.asarray(clips)}
        placed = jax.device_put(spread.shard(kept))

    def make(steps: int) -> float:
        nonlocal state
        for _ in range(max(1, steps // dispatch)):
            batch = placed if fixed else spread.shard(next(batches))
            state, metrics = update(state, data, batch)
        jax.block_until_ready(state)
        return float(np.mean(jax.device_get(metrics["loss"])))

    return make


def _batches(loader: ResidentLoader, dispatch: int) -> Iterator[Batch]:
    """Batches of so many steps, [batch, steps, ...], as the trainer makes them."""
    batches = loader.train_batches(seed=0)
    while True:
        batch = stack_batches([next(batches) for _ in range(dispatch)], axis=1)
        yield batch | {"index": batch["index"].astype(np.uint32)}


def _positions(batch: Batch) -> Batch:
    return {name: batch[name] for name in ("track", "start")}


def _clips(loader: ResidentLoader) -> np.ndarray:
    """Clips [batch, samples] int16 of the first batch."""
    return np.asarray(loader.inputs(jnp.asarray(loader.data), next(loader.train_batches(seed=0))))


def _flops(classifier: GenreClassifier, variables: Any, loader: ResidentLoader) -> int:
    """Operations of a step: three times those forward, see `train.flops_of_step`."""
    return 3 * count_flops(lambda v, x: classifier.apply(v, x)[0], variables, _clips(loader))


def _require_agreement(
    classifier: GenreClassifier, variables: Mapping[str, Any], loader: ResidentLoader
) -> float:
    """Difference of the first batch's logits from PyTorch's, relative to the largest."""
    from mgr_jax.benchmark import torch_audio

    clips = _clips(loader)
    single = classifier.clone(model=classifier.model.clone(dtype=np.float32))
    ours = np.asarray(jax.jit(lambda v, x: single.apply(v, x)[0])(variables, clips))
    theirs = torch_audio.AudioClassifier(classifier, variables).classify(clips)
    distance = float(np.abs(ours - theirs).max() / np.abs(ours).max())
    if not distance < _NEAR:
        raise UserError(
            f"logits of the network in PyTorch differ by {distance:.2g} of the largest; what "
            "computes something else is not compared",
            code="benchmark.differs",
        )
    return distance


def _summary(report: Report, usual: str) -> Report:
    """Numbers derived from the seconds: clips per second, the share of the input, rows."""
    seconds: dict[str, list[float]] = report["seconds"]
    found: Report = {
        "clips_per_second": {
            name: report["batch"] / statistics.median(each) for name, each in seconds.items()
        }
    }
    if usual not in seconds:
        return found
    if FIXED in seconds:
        shares = [
            1 - one / other for one, other in zip(seconds[FIXED], seconds[usual], strict=True)
        ]
        found["input_share"] = statistics.median(shares)
    case = f"{report['model']} from int16 audio, {report['dtype']}"
    found["rows"] = [
        compare(SUITE, case, peer, seconds[usual], each)
        for peer, each in seconds.items()
        if peer.startswith("PyTorch")
    ]
    return found
