"""What a classifier says of the filling of short clips, and what it does with it."""

import jax
import numpy as np
import pytest

from mgr_jax.classifier import create_classifier, how_filled, init_variables
from mgr_jax.config import base_config
from mgr_jax.training.optim import cross_entropy, make_optimizer
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_eval_step, make_train_step

SAMPLES, BATCH, CLASSES = 1200, 8, 3


@pytest.fixture
def config():
    config = base_config()
    config.update({"sample_rate": 4000, "clip_samples": SAMPLES, "batch_size": BATCH})
    config.frontend.kwargs = {"n_fft": 64, "hop_length": 32, "n_mels": 8}
    config.model.name = "cnn1d"
    config.model.kwargs = {"widths": (4,), "pool": 2, "conv_dropout": 0.0}
    return config


@pytest.mark.parametrize(
    ("changes", "masks", "says"),
    [
        ({}, True, "end where their tracks do"),
        ({"short_clip": "repeat"}, False, "are repeated"),
        ({"mask_filling": False}, False, "counts (config.mask_filling=False)"),
        ({"model": {"name": "mlp", "kwargs": {}}}, False, "counts (mlp cannot leave it out)"),
    ],
    ids=str,
)
def test_the_spec_says_whether_filling_counts_and_a_sentence_why(config, changes, masks, says):
    config.update({name: value for name, value in changes.items() if name != "model"})
    config.model = changes.get("model", config.model)
    classifier, spec = create_classifier(config, CLASSES)
    assert spec.mask_filling is masks
    assert says in how_filled(classifier, spec)


def test_what_is_in_the_filling_does_not_matter_on_one_device_or_several(config):
    rng = np.random.default_rng(0)
    clips = rng.integers(-9000, 9000, (BATCH, SAMPLES)).astype(np.int16)
    lengths = np.array([150, 200, SAMPLES, SAMPLES, 900, 310, SAMPLES, 500], np.int32)
    filling = np.arange(SAMPLES) >= lengths[:, None]
    targets = rng.integers(0, CLASSES, BATCH).astype(np.int32)
    loud, silent = clips, np.where(filling, 0, clips).astype(np.int16)

    def run(inputs, name):
        partition = make_partition(name, BATCH)
        classifier, spec = create_classifier(config, CLASSES, axis_name=partition.axis_name)
        optimizer = make_optimizer(config)
        state = create_state(init_variables(classifier, spec, 0), optimizer)
        state = partition.replicate(jax.device_get(state))
        shown = [lambda _, batch: batch["inputs"]]
        update = make_train_step(classifier, optimizer, cross_entropy, *shown, seed=0)
        batch = {"inputs": inputs, "targets": targets, "lengths": lengths}
        batch["index"] = np.arange(BATCH, dtype=np.uint32)
        state, metrics = partition.compile_update(update)(
            state, {}, partition.shard({key: rows[:, None] for key, rows in batch.items()})
        )
        del batch["targets"], batch["index"]
        evaluate = partition.compile_predict(make_eval_step(classifier, *shown, task=config.task))
        rows = evaluate(state.variables, {}, partition.shard(batch))["probabilities"]
        statistics = jax.tree.leaves(partition.unreplicate(state).batch_stats)
        return [np.mean(metrics["loss"]), partition.gather(rows), *statistics]

    expected = run(silent, "jit")
    for other in (run(loud, "jit"), run(silent, "pmap")):
        for actual, value in zip(other, expected, strict=True):
            np.testing.assert_allclose(actual, value, rtol=1e-3, atol=1e-4)
