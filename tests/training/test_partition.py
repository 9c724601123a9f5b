"""pmap and sharded jit train the same network, on one device or several, with everything on."""

import errno

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mgr_jax.audio.augment import make_augment
from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.errors import UserError
from mgr_jax.side_inputs import SOUND_ALONE, SideFormat
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.partition import Pmap, ShardedJit, in_first_process, make_partition
from mgr_jax.training.steps import create_state, make_eval_step, make_train_step
from mgr_jax.training.summary import Summary

STEPS, BATCH, CLASSES = 10, 16, 3
SIDE = SideFormat(columns=2, categories=(("artist", 4),))
# Whatever draws at random, and parts of a batch, and averages.
AUGMENT = ({"name": "gain", "p": 0.5}, {"name": "mixup"}, {"name": "time_mask", "max_frames": 4})
NETWORKS = {
    "fcn": {"widths": (8, 16), "pools": ((4, 4), (2, 2)), "dropout": 0.3},
    "cnn_sa": {
        "widths": (8,), "pools": ((4, 8),), "heads": 2, "hidden": 16, "layers": 1,
        "encoder_dropout": 0.3, "attention_dropout": 0.3, "dropout": 0.3,
    },
    "fusion": {
        "encoder": {"name": "mlp", "kwargs": {"units": (8,), "dropout": 0.3}},
        "dropout": 0.3, "category_dropout": 0.5, "units": (16, 8),
    },
}  # fmt: skip


class FewerPmap(Pmap):
    """pmap over the first devices alone."""

    def __init__(self, devices):
        self.devices = devices

    def replicate(self, state):
        return jax.tree.map(lambda x: np.stack([x] * self.devices), state)

    def unreplicate(self, state):
        return jax.tree.map(lambda x: np.asarray(x)[0], state)

    def shard(self, batch):
        return jax.tree.map(lambda x: x.reshape(self.devices, -1, *x.shape[1:]), batch)

    def compile_update(self, step):
        return jax.pmap(step, self.axis_name, devices=jax.devices()[: self.devices])


class FewerJit(ShardedJit):
    """Sharded jit over the first devices alone."""

    def __init__(self, devices):
        mesh = Mesh(np.array(jax.devices()[:devices]), ("devices",))
        self._replicated = NamedSharding(mesh, PartitionSpec())
        self._sharded = NamedSharding(mesh, PartitionSpec("devices"))


def batches(config, side):
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        batch = {
            "inputs": rng.integers(-9_000, 9_000, (BATCH, config.clip_samples)).astype(np.int16),
            "targets": rng.integers(0, CLASSES, BATCH).astype(np.int32),
            "index": np.arange(step * BATCH, (step + 1) * BATCH, dtype=np.uint32),
        }
        if side:
            table = rng.normal(size=(BATCH, 2)).astype("f")
            batch["aux"] = {"table": table, "categories": rng.integers(0, 5, (BATCH, 1))}
        yield batch


def take_inputs(data, batch):
    del data
    return batch["inputs"]


def run(config, partition, accumulate=1):
    side = SIDE if config.model.name == "fusion" else SOUND_ALONE
    axis_name = partition.axis_name
    classifier, spec = create_classifier(config, CLASSES, side=side, axis_name=axis_name)
    optimizer = make_optimizer(config)
    state = create_state(init_variables(classifier, spec, 0), optimizer, averaged=True)
    state = partition.replicate(jax.device_get(state))
    update = make_train_step(
        classifier,
        optimizer,
        cross_entropy,
        take_inputs,
        seed=config.seed,
        accumulate=accumulate,
        ema_decay=0.9,
        augment=make_augment(AUGMENT, sample_rate=config.sample_rate),
    )
    train = partition.compile_update(update)
    losses = []
    for batch in batches(config, side):
        steps = jax.tree.map(lambda rows: rows[:, None], batch)
        state, metrics = train(state, {}, partition.shard(steps))
        losses.append(float(np.mean(jax.device_get(metrics["loss"]))))
    return np.array(losses), partition.unreplicate(state)


@pytest.fixture
def config(tiny_config):
    tiny_config.optimizer.learning_rate = 1e-3
    return tiny_config


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "accumulate", "pmaps", "jits"),
    [("fcn", 2, (4,), (4,)), ("cnn_sa", 1, (4,), (4,)), ("fusion", 1, (2, 4), (1, 4))],
)
def test_any_devices_give_the_losses_of_one_with_everything_on(
    config, name, accumulate, pmaps, jits
):
    config.model = {"name": name, "kwargs": NETWORKS[name]}
    expected, state = run(config, FewerPmap(1), accumulate)
    assert np.ptp(expected) > 0.01
    for count in pmaps:
        losses, other = run(config, FewerPmap(count), accumulate)
        np.testing.assert_allclose(losses, expected, atol=1e-5, err_msg=f"pmap, {count}")
        assert int(other.step) == STEPS
        # Not of the parameters: Adam makes whole steps of slopes that are 0 but for rounding, as
        # those of biases before a batch norm are.
        kept, others = (jax.tree.leaves(one.average["batch_stats"]) for one in (state, other))
        for a, b in zip(kept, others, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
    by_jit = [run(config, FewerJit(count), accumulate)[0] for count in jits]
    for losses in by_jit:
        np.testing.assert_allclose(losses, by_jit[0], atol=1e-5, err_msg="jit")
        np.testing.assert_allclose(losses, expected, atol=1e-4, err_msg="jit and pmap")


@pytest.mark.parametrize("name", ["pmap", "jit"])
def test_several_devices_predict_as_one(config, name):
    config.model = {"name": "mlp", "kwargs": {"units": (8,)}}
    classifier, spec = create_classifier(config, CLASSES)
    variables = jax.device_get(init_variables(classifier, spec, 0))
    step = make_eval_step(classifier, take_inputs, task=config.task)
    clips = next(batches(config, SOUND_ALONE))["inputs"]
    expected = jax.jit(step)(variables, {}, {"inputs": clips})["probabilities"]
    partition = make_partition(name, BATCH)
    found = partition.compile_predict(step)(
        partition.replicate(variables), {}, partition.shard({"inputs": clips})
    )
    np.testing.assert_allclose(partition.gather(found["probabilities"]), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["pmap", "jit"])
def test_rows_come_back_in_order(name):
    partition = make_partition(name, BATCH)
    rows = np.arange(BATCH * 3, dtype=np.float32).reshape(BATCH, 3)
    double = partition.compile_predict(lambda scale, batch: scale * batch["x"])
    found = partition.gather(
        double(partition.replicate(jnp.float32(2)), partition.shard({"x": rows}))
    )
    np.testing.assert_array_equal(found, 2 * rows)


def test_a_batch_that_cannot_be_divided_is_refused():
    with user_error("devices.not_divisible", "batch_size 6", "4 devices"):
        make_partition("pmap", 6)


@pytest.mark.parametrize(
    ("error", "code", "named"),
    [
        (UserError("the disk is full", code="disk.full"), "disk.full", "the disk is full"),
        (ZeroDivisionError(), "processes.first_failed", "ZeroDivisionError"),
    ],
)
def test_what_the_first_process_cannot_do_has_its_code_in_all(monkeypatch, error, code, named):
    sent = []

    def broadcast(text):
        sent.append(text)
        return sent[0]

    def fail():
        raise error

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("jax.experimental.multihost_utils.broadcast_one_to_all", broadcast)
    with pytest.raises(type(error)):
        in_first_process(fail)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    with user_error(code, named):
        in_first_process(fail)


def test_a_log_that_the_first_process_cannot_write_ends_all(monkeypatch, tmp_path):
    sent = []

    def broadcast(text):
        if not jax.process_index():
            sent.append(text)
        return sent[-1]

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr("jax.experimental.multihost_utils.broadcast_one_to_all", broadcast)
    summary = Summary(tmp_path, rows=[], step=0)
    monkeypatch.setattr("mgr_jax.training.summary.append", full)
    for process in (0, 1):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        with user_error("disk.full", tmp_path):
            summary.write(1, {"train/loss": 0.5})
