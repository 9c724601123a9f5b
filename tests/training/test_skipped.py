"""Updates that are not finite: never applied, told, and counted or the end of the run."""

import signal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from errors import user_error
from flax import linen as nn

from mgr_jax.classifier import GenreClassifier
from mgr_jax.config import load_config
from mgr_jax.training import skipped
from mgr_jax.training.checkpoint import list_steps, load_variables
from mgr_jax.training.optim import cross_entropy, make_loss, make_schedule
from mgr_jax.training.partition import make_partition
from mgr_jax.training.skipped import Skipped
from mgr_jax.training.steps import create_state, make_train_step
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import _next_batch, train

BATCH = 8


class Normed(nn.Module):
    """A dense layer and batch norm that every device keeps to itself."""

    @nn.compact
    def __call__(self, features, *, train):
        x = nn.BatchNorm(use_running_average=not train, momentum=0.5)(features)
        return nn.Dense(3)(x), {}


class Identity(nn.Module):
    def __call__(self, inputs, aux=None):
        return inputs


def bad(logits, targets):
    """0, or what is no number, where a target is -1."""
    return jnp.where(targets == -1, jnp.nan, 0.0) + 0 * logits.sum(-1)


@jax.custom_vjp
def steep(logits, targets):
    """0 everywhere, but of no slope where a target is -1."""
    del targets
    return 0 * logits.sum(-1)


def steep_forward(logits, targets):
    return steep(logits, targets), (logits, targets)


def steep_backward(kept, slopes):
    logits, targets = kept
    return jnp.where(targets == -1, jnp.nan, 0 * slopes)[:, None] + 0 * logits, None


steep.defvjp(steep_forward, steep_backward)


def loss(logits, targets, more=bad):
    return cross_entropy(logits, targets) + more(logits, targets)


def after(poisoned, *, steps=3, partition="jit", made=None, more=bad, optimizer=None, **options):
    """State and "finite" of updates in one dispatch, some of whose batches are poisoned."""
    spread = make_partition(partition, BATCH)
    classifier = GenreClassifier(Identity(), Normed(), "none", spread.axis_name)
    rng = np.random.default_rng(0)
    batch = {
        "inputs": rng.normal(size=(BATCH, steps, 5)).astype("f"),
        "targets": rng.integers(0, 3, (BATCH, steps)),
        "index": np.arange(BATCH * steps, dtype=np.uint32).reshape(steps, BATCH).T,
    }
    batch["targets"][5, list(poisoned)] = -1  # one row, of one device and part
    if made is not None:
        batch = {name: rows[:, made] for name, rows in batch.items()}
    optimizer = optimizer or optax.adam(0.1)
    variables = classifier.init(jax.random.key(0), batch["inputs"][:, 0])
    state = create_state(variables, optimizer, averaged=bool(options.get("ema_decay")))
    update = make_train_step(
        classifier, optimizer, lambda *x: loss(*x, more), lambda _, b: b["inputs"], seed=0,
        **options,
    )  # fmt: skip
    state = spread.replicate(jax.device_get(state))
    state, metrics = spread.compile_update(update)(state, {}, spread.shard(batch))
    if partition == "pmap":  # all devices have come to the same
        np.testing.assert_array_equal(metrics["finite"], metrics["finite"][:1].repeat(4, 0))
    return spread.unreplicate(state), np.asarray(metrics["finite"]).reshape(
        -1, batch["inputs"].shape[1]
    )[0]


def assert_same(first, second):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), first, second)


@pytest.mark.parametrize(
    ("partition", "options", "more"),
    [("jit", {"l2": 0.1}, bad), ("pmap", {"accumulate": 2}, bad), ("pmap", {}, steep)],
)
def test_an_update_that_is_not_finite_leaves_all_but_the_step(partition, options, more):
    state, finite = after([1], partition=partition, more=more, **options)
    np.testing.assert_array_equal(finite, [1, 0, 1])
    assert int(state.step) == 3
    # As if its batch had never been, the optimizer's count among it.
    without, finite = after([], partition=partition, made=[0, 2], more=more, **options)
    np.testing.assert_array_equal(finite, [1, 1])
    assert_same(state.replace(step=0), without.replace(step=0))
    first, _ = after([], made=[0])
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), state.params, first.params)
    assert max(jax.tree.leaves(moved)) > 0.01  # the last update counts


def test_averages_leave_it_out():
    before, _ = after([], made=[0], ema_decay=0.9)
    state, _ = after([1], steps=2, ema_decay=0.9)
    assert (int(before.step), int(state.step)) == (1, 2)
    assert_same(before.replace(step=0), after([1], made=[0, 1], ema_decay=0.9)[0].replace(step=0))


def test_what_overflows_on_the_way_to_the_parameters_is_not_applied():
    huge = optax.chain(optax.scale(-1e38), optax.scale(1e38))
    state, finite = after([], steps=1, optimizer=huge)
    assert not finite
    assert_same(state.params, after([0], steps=1)[0].params)


def poison(monkeypatch, *steps, more=bad):
    """Makes the updates of a run that lead to these steps not finite."""

    def next_batch(batches, count):
        batch = _next_batch(batches, count)
        poisoned = np.isin(batch["index"] // BATCH + 1, steps)
        return batch | {"targets": np.where(poisoned, -1, batch["targets"])}

    def poisoned_loss(*args):
        plain = make_loss(*args)
        return lambda logits, targets: plain(logits, targets) + more(logits, targets)

    monkeypatch.setattr("mgr_jax.training.train._next_batch", next_batch)
    monkeypatch.setattr("mgr_jax.training.train.make_loss", poisoned_loss)


@pytest.fixture
def quick(tiny_config):
    """A run whose network compiles in no time."""
    tiny_config.model.name = "mlp"
    tiny_config.model.kwargs = {"units": (4,)}
    tiny_config.update({"num_steps": 12, "eval_every": 4, "log_every": 2})
    return tiny_config


def rows_of(workdir, field):
    rows = read_metrics(workdir / "metrics.jsonl")
    return {row["step"]: row[field] for row in rows if field in row}


@pytest.mark.parametrize(
    ("more", "what"), [(bad, "the loss is nan"), (steep, "the gradients are not finite")]
)
def test_a_run_stops_at_the_step_and_keeps_its_checkpoint(quick, tmp_path, monkeypatch, more, what):
    poison(monkeypatch, 7, more=more)
    named = (f"{what} at step 7;", "learning_rate", "config.not_finite=skip", "of step 4 is kept")
    with user_error("training.not_finite", *named):
        train(quick, tmp_path, progress=False)
    assert list_steps(tmp_path / "checkpoints")[0] == 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(load_variables(tmp_path)))
    # The same run may go on without that update.
    quick.not_finite = "skip"
    result = train(quick, tmp_path, progress=False)
    assert (result.step, result.skipped) == (12, 1)
    assert load_config(tmp_path / "config.json").not_finite == "skip"


@pytest.mark.parametrize(
    "changes",
    [
        {"partition": "pmap", "accumulate": 2, "ema_decay": 0.9},
        {"partition": "jit", "loader": "resident", "steps_per_dispatch": 3},
        {"partition": "pmap", "compute_dtype": "bfloat16"},
    ],
    ids=str,
)
def test_a_run_goes_on_without_them_and_counts(quick, tmp_path, monkeypatch, changes, caplog):
    quick.update({"not_finite": "skip", "num_steps": 8} | changes)
    quick.schedule.name = "constant"
    poison(monkeypatch, 3, 5, 6, more=steep)
    with caplog.at_level("INFO", "mgr_jax"):
        result = train(quick, tmp_path)
    assert rows_of(tmp_path, "train/skipped") == {2: 0, 4: 1, 6: 2, 8: 0}
    losses = rows_of(tmp_path, "train/loss")
    assert list(losses) == [2, 4, 8]  # of 5 and 6 there is nothing to tell
    assert np.isfinite(list(losses.values())).all()
    told = "3 of 8 updates were skipped, since they were not finite"
    assert str(result).endswith(told)
    assert f"{told}." in caplog.text
    assert "train loss not finite" not in caplog.text

    quick.num_steps = 12
    poison(monkeypatch, 9)
    assert train(quick, tmp_path, progress=False).skipped == 4


def test_the_rate_told_is_that_of_the_updates_made(quick, tmp_path, monkeypatch):
    quick.not_finite = "skip"
    poison(monkeypatch, 3, 5, 6)
    train(quick, tmp_path, progress=False)
    config = load_config(tmp_path / "config.json")
    made = {2: 2, 4: 3, 6: 3, 8: 5, 10: 7, 12: 9}
    rates = {step: float(make_schedule(config)(count - 1)) for step, count in made.items()}
    assert rows_of(tmp_path, "learning_rate") == pytest.approx(rates)


@pytest.mark.parametrize("not_finite", ["stop", "skip"])
def test_a_stop_signal_saves_nothing_that_is_not_finite(quick, tmp_path, monkeypatch, not_finite):
    calls = []

    def stop_after_three(bar, n=1):
        calls.append(n)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGTERM)

    quick.not_finite = not_finite
    poison(monkeypatch, 3)
    code = "training.not_finite" if not_finite == "stop" else "training.stopped"
    with monkeypatch.context() as patch, user_error(code, "step 3"):
        patch.setattr("mgr_jax.training.train.tqdm.update", stop_after_three)
        train(quick, tmp_path, progress=False)
    assert list_steps(tmp_path / "checkpoints") == ([3] if not_finite == "skip" else [])
    if not_finite == "skip":  # what was pending is not forgotten
        assert train(quick, tmp_path, progress=False).skipped == 1


def test_a_run_that_makes_no_more_updates_is_given_up(quick, tmp_path, monkeypatch):
    monkeypatch.setattr(skipped, "_IN_A_ROW", 5)
    quick.not_finite = "skip"
    poison(monkeypatch, *range(5, 13))
    named = ("none of the last 6 updates up to step 10", "look at the data", "step 8 is kept")
    with user_error("training.not_finite", *named):
        train(quick, tmp_path, progress=False)
    assert rows_of(tmp_path, "train/skipped") == {2: 0, 4: 0, 6: 2, 8: 2}


def test_rows_beyond_the_step_and_of_other_runs_do_not_count():
    rows = [{"step": 2, "train/skipped": 1.0}, {"step": 4, "train/loss": 1.0}]
    rows += [{"step": 6, "train/skipped": 2.0}, {"step": 8, "train/skipped": 4.0}]
    counted = Skipped("skip", rows, 6)
    assert (counted.total, counted.since(2), counted.since(6)) == (3, 2, 0)
    assert Skipped("stop", [], 0).total == 0
