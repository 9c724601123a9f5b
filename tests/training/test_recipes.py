"""The pieces of published recipes, in whole runs and single steps."""

import itertools
import shutil
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
from mgr_jax.training.checkpoint import read_history
from mgr_jax.training.optim import binary_cross_entropy, cross_entropy
from mgr_jax.training.partition import make_partition
from mgr_jax.training.stages import first_of_stage
from mgr_jax.training.steps import create_state, make_train_step
from mgr_jax.training.summary import Summary, read_metrics
from mgr_jax.training.train import train


class Linear(nn.Module):
    """One dense layer: a gradient that can be computed by hand."""

    @nn.compact
    def __call__(self, features, *, train):
        del train
        return nn.Dense(2, use_bias=False, kernel_init=nn.initializers.ones)(features), {}


class Identity(nn.Module):
    def __call__(self, inputs, aux=None):
        return inputs


def one_update(*, steps=1, until=None, **options):
    """State and metrics of (the first `until` of) some updates of Linear, from a kernel of ones."""
    classifier = GenreClassifier(Identity(), Linear(), input_norm="none")
    params = {"model": {"Dense_0": {"kernel": jnp.ones((3, 2))}}}
    optimizer = optax.sgd(0.1)
    averaged = bool(options.get("ema_decay"))
    state = create_state({"params": params}, optimizer, averaged=averaged)
    update = make_train_step(
        classifier, optimizer, cross_entropy, lambda _, b: b["inputs"], seed=0, **options
    )
    rows = np.random.default_rng(0).normal(size=(4, steps, 3)).astype("f")
    targets = np.tile(np.array([0, 1, 1, 0])[:, None], (1, steps))
    batch = {"inputs": rows, "targets": targets, "index": np.zeros((4, steps), np.uint32)}
    return jax.jit(update)(state, {}, {name: array[:, :until] for name, array in batch.items()})


def kernel(state):
    return np.asarray(state.params["model"]["Dense_0"]["kernel"])


def test_parts_of_a_batch_add_up_to_its_gradient():
    whole, metrics = one_update()
    for parts in (2, 4):
        split, others = one_update(accumulate=parts)
        np.testing.assert_allclose(kernel(split), kernel(whole), atol=1e-6)
        np.testing.assert_allclose(others["loss"], metrics["loss"], atol=1e-6)


def test_many_updates_in_one_dispatch_are_the_same_updates():
    together, metrics = one_update(steps=3)
    assert metrics["loss"].shape == (3,)
    assert int(together.step) == 3
    for count, loss in enumerate(metrics["loss"], start=1):
        state, one = one_update(steps=3, until=count)
        assert float(one["loss"][-1]) == pytest.approx(float(loss), abs=1e-6)
    np.testing.assert_allclose(kernel(together), kernel(state))


def test_the_penalty_pulls_kernels_and_is_not_reported():
    plain, metrics = one_update()
    penalised, others = one_update(l2=0.01)
    # The gradient of 0.01 * w^2 is 0.02 w, and the learning rate is 0.1.
    np.testing.assert_allclose(kernel(penalised), kernel(plain) - 0.1 * 0.02, atol=1e-6)
    np.testing.assert_allclose(others["loss"], metrics["loss"])


def test_the_average_follows_the_weights_slowly():
    state, _ = one_update(steps=4, ema_decay=0.9)
    # After update n it keeps min(0.9, (1 + n) / (10 + n)): from the start 1, weights w1...w4.
    expected = np.ones((3, 2))
    for n in range(1, 5):
        keep = (1 + n) / (10 + n)
        expected = keep * expected + (1 - keep) * kernel(one_update(steps=4, until=n)[0])
    average = state.average["params"]["model"]["Dense_0"]["kernel"]
    np.testing.assert_allclose(average, expected, atol=1e-6)
    assert state.variables is state.average


def test_class_weights_scale_the_loss_of_their_class():
    logits = np.array([[2.0, 0.0], [0.0, 1.0]], "f")
    plain = cross_entropy(logits, np.array([0, 1]))
    weighted = cross_entropy(logits, np.array([0, 1]), weights=np.array([3.0, 0.5], "f"))
    np.testing.assert_allclose(weighted, plain * np.array([3.0, 0.5]), rtol=1e-6)
    tags = np.array([[1, 0], [0, 1]])
    weighted = binary_cross_entropy(logits, tags, weights=np.array([3.0, 5.0], "f"))
    each = np.log1p(np.exp(np.where(tags, -logits, logits))) * np.where(tags, [3.0, 5.0], 1)
    np.testing.assert_allclose(weighted, each.mean(1), rtol=1e-5)


@pytest.fixture
def quick(tiny_config):
    """A run whose network compiles in no time, and draws no random numbers."""
    tiny_config.model.name = "mlp"
    tiny_config.model.kwargs = {"units": (16,), "dropout": 0.0}
    tiny_config.schedule.name = "constant"
    tiny_config.optimizer.update({"name": "sgd", "weight_decay": 0.0, "learning_rate": 1e-2})
    return tiny_config


@pytest.mark.slow
@pytest.mark.parametrize("partition", ["pmap", "jit"])
def test_a_resident_run_equals_a_streaming_one(quick, tmp_path, partition):
    quick.partition = partition
    quick.update({"num_steps": 7, "eval_every": 4, "log_every": 2, "steps_per_dispatch": 3})
    losses = {}
    for loader in ("streaming", "resident"):
        quick.loader = loader
        train(quick, tmp_path / loader, progress=False)
        rows = read_metrics(tmp_path / loader / "metrics.jsonl")
        losses[loader] = [(row["step"], row["train/loss"]) for row in rows if "train/loss" in row]
    assert [step for step, _ in losses["resident"]] == [2, 4, 6, 7]
    np.testing.assert_allclose(losses["resident"], losses["streaming"], atol=1e-4)


def test_data_that_do_not_fit_are_not_made_resident(quick, tmp_path, monkeypatch):
    monkeypatch.setattr("mgr_jax.data.pipeline._free_memory", lambda: 1e6)
    quick.loader = "resident"
    with user_error("loader.too_large", "0.00 GB", "config.loader=streaming"):
        train(quick, tmp_path / "run", progress=False)


@pytest.mark.slow
def test_stages_restart_from_the_best_weights_and_are_resumed(quick, tmp_path, caplog):
    quick.update({"num_steps": 12, "eval_every": 2, "log_every": 2, "ema_decay": 0.5})
    quick.stages = (
        {"steps": 6, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
        {"steps": 6, "optimizer": {"name": "sgd", "learning_rate": 5e-3}},
    )
    with caplog.at_level("INFO"):
        train(quick, tmp_path / "whole")
    assert "stage 2 of 2, from the best weights: sgd, learning rate 0.005" in caplog.messages
    rows = read_metrics(tmp_path / "whole/metrics.jsonl")
    rates = {row["step"]: row["learning_rate"] for row in rows if "learning_rate" in row}
    assert rates == pytest.approx({2: 1e-3, 4: 1e-3, 6: 1e-3, 8: 5e-3, 10: 5e-3, 12: 5e-3})

    # Stopped at the end of the first stage, and after the first evaluation of the second.
    from mgr_jax.training import summary

    for stop in (6, 10):
        write = summary.Summary.write

        def write_or_die(self, step, scalars, write=write, stop=stop):
            write(self, step, scalars)
            if step == stop + 2 and "train/loss" in scalars:
                raise RuntimeError("power cut")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(summary.Summary, "write", write_or_die)
            with pytest.raises(RuntimeError, match="power cut"):
                train(quick, tmp_path / f"cut{stop}", progress=False)
        train(quick, tmp_path / f"cut{stop}", progress=False)
        again = read_metrics(tmp_path / f"cut{stop}/metrics.jsonl")
        assert [row["step"] for row in again] == [row["step"] for row in rows]
        for one, other in zip(rows, again, strict=True):
            if "train/loss" in one:
                assert other["train/loss"] == pytest.approx(one["train/loss"], abs=1e-3)
    assert load_config(tmp_path / "whole/config.json").stages[1]["optimizer"]["name"] == "sgd"


@pytest.mark.slow
def test_a_stage_passes_over_a_damaged_best_checkpoint(quick, tmp_path):
    quick.update({"num_steps": 6, "eval_every": 2, "log_every": 2})
    quick.stages = ({"steps": 4}, {"steps": 2})
    worse = itertools.count(0, -1)

    def damage_the_best(stages, checkpoints, state):
        checkpoints.wait()
        assert (checkpoints.best_step, checkpoints.latest_step) == (2, 4)
        for path in (checkpoints.folder / "2/model").rglob("*"):
            if path.is_file():
                path.write_bytes(b"")
        return first_of_stage(stages, checkpoints, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mgr_jax.training.train.monitored", lambda *_: next(worse))
        patch.setattr("mgr_jax.training.train.first_of_stage", damage_the_best)
        with pytest.warns(UserWarning, match=r"checkpoints/2 is damaged.*step 4 is used instead"):
            assert train(quick, tmp_path / "run", progress=False).step == 6
    assert (tmp_path / "run/checkpoints/damaged-2").is_dir()


@pytest.mark.slow
def test_a_resident_run_that_is_stopped_where_it_logs_keeps_its_step(quick, tmp_path):
    quick.update({"loader": "resident", "steps_per_dispatch": 2, "log_every": 2, "eval_every": 8})
    calls = []

    def stop_after_two(bar, n=1):
        calls.append(n)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mgr_jax.training.train.tqdm.update", stop_after_two)
        with user_error("training.interrupted", "stopped at step 4", "from step 4"):
            train(quick, tmp_path / "run", progress=False)
    assert calls == [2, 2]
    assert train(quick, tmp_path / "run", progress=False).step == 8


def test_an_evaluation_that_no_checkpoint_knows_of_is_made_again(tmp_path):
    rows = [{"step": 2, "train/loss": 1.0}, {"step": 2, "validation/track/accuracy": 0.5}]
    path = tmp_path / "metrics.jsonl"
    for evaluated, kept in (([2], rows), ([], rows[:1])):
        path.touch()
        Summary(tmp_path, rows=rows, step=2, evaluated=evaluated)
        assert read_metrics(path) == kept


@pytest.mark.slow
def test_without_its_log_only_a_run_of_an_older_version_is_not_gone_on_with(quick, tmp_path):
    quick.update({"num_steps": 4, "eval_every": 2})
    train(quick, tmp_path / "run", progress=False)
    older = shutil.copytree(tmp_path / "run", tmp_path / "older")
    for folder in (tmp_path / "run", older):
        (folder / "metrics.jsonl").unlink()
    quick.num_steps = 6
    with pytest.warns(UserWarning, match=r"metrics\.jsonl has lost lines, such as those of step 2"):
        assert train(quick, tmp_path / "run", progress=False).step == 6
    scores = read_history(tmp_path / "run/checkpoints/6")
    assert list(scores) == [2, 4, 6]
    for checkpoint in (older / "checkpoints").iterdir():
        shutil.rmtree(checkpoint / "history")
        (checkpoint / "sums.json").unlink()
    with user_error("run.missing_evaluation", "metrics.jsonl", "evaluation of checkpoint"):
        train(quick, older, progress=False)


def test_parts_must_divide_the_batch():
    with user_error("devices.not_divisible", "3 parts", "config.accumulate", "multiple of 12"):
        make_partition("jit", 16, 3)
