"""pmap and sharded jit on four devices train the same network as one device would."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from errors import user_error

from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.errors import UserError
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.partition import in_first_process, make_partition
from mgr_jax.training.steps import create_state, make_eval_step, make_train_step

STEPS, BATCH, CLASSES = 10, 8, 3


def batches(config):
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        yield {
            "inputs": rng.integers(-9_000, 9_000, (BATCH, config.clip_samples)).astype(np.int16),
            "targets": rng.integers(0, CLASSES, BATCH).astype(np.int32),
        }


class OneDevice:
    """What the partitions are compared with: plain jit on the first device."""

    axis_name = None

    def replicate(self, state):
        return jax.device_put(state, jax.devices()[0])

    def unreplicate(self, state):
        return jax.device_get(state)

    def shard(self, batch):
        return batch

    def compile_update(self, step):
        return jax.jit(step)

    compile_predict = compile_update

    def gather(self, rows):
        return np.asarray(rows)


def take_inputs(data, batch):
    del data
    return batch["inputs"]


def run(config, partition):
    classifier, spec = create_classifier(config, CLASSES, axis_name=partition.axis_name)
    optimizer = make_optimizer(config)
    state = create_state(init_variables(classifier, spec, config.seed), optimizer)
    state = partition.replicate(jax.device_get(state))
    train = partition.compile_update(
        make_train_step(classifier, optimizer, cross_entropy, take_inputs, seed=config.seed)
    )
    evaluate = partition.compile_predict(make_eval_step(classifier, take_inputs, task=config.task))
    losses = []
    for batch in batches(config):
        steps = {name: array[:, None] for name, array in batch.items()}
        state, metrics = train(state, {}, partition.shard(steps))
        losses.append(float(np.mean(jax.device_get(metrics["loss"]))))
    rows = evaluate(state.variables, {}, partition.shard({"inputs": batch["inputs"]}))
    rows = partition.gather(rows["probabilities"])
    return np.array(losses), partition.unreplicate(state), rows


@pytest.fixture
def config(tiny_config):
    tiny_config.model.name = "choi_crnn"
    tiny_config.model.kwargs = {
        "pools": ((2, 2), (2, 4), (2, 4), (1, 1)), "conv_dropout": 0.0, "dropout": 0.0,
    }  # fmt: skip
    tiny_config.optimizer.learning_rate = 1e-3
    return tiny_config


@pytest.mark.slow
def test_both_partitions_equal_one_device_over_ten_steps(config):
    assert jax.device_count() == 4
    expected, state, rows = run(config, OneDevice())
    for name in ("pmap", "jit"):
        losses, other, probabilities = run(config, make_partition(name, BATCH))
        np.testing.assert_allclose(losses, expected, atol=1e-5, err_msg=name)
        assert int(other.step) == STEPS
        for a, b in zip(
            jax.tree.leaves(state.batch_stats), jax.tree.leaves(other.batch_stats), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(probabilities, rows, atol=1e-3)


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
