"""Losses of a model's own, and weights that another run begins with."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from errors import user_error
from flax import traverse_util
from unsealed import read_unsealed

from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.data.pipeline import open_split
from mgr_jax.evaluation import Predictions, Protocol, evaluate, join_predictions
from mgr_jax.prediction.predictor import load
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.inference import predict_run
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train
from mgr_jax.training.transfer import initial_variables

AUTOENCODER = {"widths": (4, 8), "pools": ((4, 4), (4, 4)), "code": 8}


@pytest.fixture
def reconstruct(tiny_config):
    """A config that learns to reconstruct, without labels."""
    config = tiny_config
    config.model.name = "autoencoder"
    config.model.kwargs = AUTOENCODER
    config.classification_weight = 0.0
    config.monitor = "auxiliary_loss"
    config.optimizer.learning_rate = 1e-2
    return config


def flat(variables):
    return traverse_util.flatten_dict(variables, sep="/")


def begin(config, **changes):
    """A run's first variables, by themselves and with those of config.init_from."""
    splits = {
        name: dataclasses.replace(open_split(config, name), **changes)
        for name in ("train", "validation")
    }
    classifier, spec = create_classifier(config, len(splits["train"].classes))
    fresh = init_variables(classifier, spec, config.seed)
    variables, origin = initial_variables(fresh, config, splits)
    return flat(fresh), flat(variables), origin


def test_an_encoder_learns_to_reconstruct_and_is_reused(reconstruct, tmp_path):
    config = reconstruct
    config.update({"num_steps": 16, "eval_every": 8})
    train(config, tmp_path / "first", progress=False)
    rows = read_metrics(tmp_path / "first" / "metrics.jsonl")
    errors = [
        row["validation/track/auxiliary_loss"]
        for row in rows
        if "validation/track/auxiliary_loss" in row
    ]
    assert errors[1] < errors[0]
    losses = [row for row in rows if "train/loss" in row]
    assert len(losses) == 8
    assert all(row["train/loss"] == row["train/auxiliary_loss"] for row in losses)
    # Who only reconstructs knows nothing of classes.
    with pytest.warns(UserWarning, match="not trained to classify"):
        load(tmp_path / "first")
    # The best checkpoint is that of the least error.
    table = predict_run(tmp_path / "first", "validation")
    value, low, high = evaluate(table, resamples=50)["track"]["auxiliary_loss"]
    assert value == pytest.approx(min(errors), rel=1e-3)
    assert low <= value <= high

    config.update({"classification_weight": 1.0, "auxiliary_weight": 0.0, "monitor": "accuracy"})
    config.init_from = str(tmp_path / "first")
    fresh, variables, origin = begin(config)
    old = flat(load_variables(tmp_path / "first"))
    assert variables.keys() == fresh.keys()
    encoder = [name for name in variables if "encoder" in name]
    assert len(encoder) > 8
    for name in encoder:
        np.testing.assert_array_equal(variables[name], old[name])
    assert "are taken from" in origin.taken

    # With other classes the last layer says nothing.
    model = tmp_path / "first" / "model.json"
    model.write_text(json.dumps(read_unsealed(model)).replace('"hum"', '"drone"'))
    fresh, variables, origin = begin(config)
    head = "params/model/head/kernel"
    np.testing.assert_array_equal(variables[head], fresh[head])
    assert origin.taken.endswith("new: model/head.")

    config.update({"num_steps": 2, "log_every": 1, "eval_every": 2})
    train(config, tmp_path / "second", progress=False)
    rows = read_metrics(tmp_path / "second" / "metrics.jsonl")
    assert "train/loss" in rows[0]
    assert "train/auxiliary_loss" not in rows[0]


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"auxiliary_weight": 0.0}, "loss.nothing_to_learn", ("config.auxiliary_weight",)),
        (
            {"model": {"name": "choi_crnn"}, "monitor": "accuracy"},
            "loss.no_auxiliary",
            ("config.classification_weight is 0", "choi_crnn"),
        ),
        (
            {"model": {"name": "choi_crnn"}, "classification_weight": 1.0},
            "loss.no_auxiliary",
            ("config.monitor is auxiliary_loss", "choi_crnn"),
        ),
        ({"init_from": "nowhere"}, "init_from.not_a_run", ("config.init_from is nowhere",)),
    ],
    ids=str,
)
def test_what_cannot_be_learnt_is_said(reconstruct, tiny_config, tmp_path, changes, code, named):
    kwargs = {"pools": ((2, 2), (2, 4), (2, 4), (1, 1))} if "model" in changes else AUTOENCODER
    reconstruct.update(changes)
    reconstruct.model.kwargs = kwargs
    with user_error(code, *named):
        train(reconstruct, tmp_path / "run", progress=False)


def test_weights_that_would_leak_or_do_not_fit_are_refused(
    reconstruct, tiny_config, trained_run, tmp_path
):
    config = reconstruct
    config.init_from = str(trained_run)
    with user_error("init_from.no_weights", config.init_from):
        begin(config)
    leaking = tmp_path / "leaking"
    shutil.copytree(trained_run, leaking)
    tracks = read_unsealed(leaking / "tracks.json")
    tracks["train"] += open_split(config, "test").track_id.tolist()[:2]
    (leaking / "tracks.json").write_text(json.dumps(tracks))
    config.init_from = str(leaking)
    with user_error("init_from.leaks", leaking, "2 of the"):
        begin(config)
    # Some datasets have no test tracks.
    account = open_split(config, "train").account
    with user_error("init_from.no_weights", config.init_from):
        begin(config, account={**account, "tracks": {"train": 1, "validation": 1}})


def test_auxiliary_losses_stay_with_their_segments(tmp_path):
    table = Predictions(
        track=["a", "b", "a"],
        start=[0, 0, 1],
        end=[1, 1, 2],
        probabilities=[[0.5, 0.5]] * 3,
        label=[0, 1, 0],
        classes=("x", "y"),
        task="single_label",
        split="test",
        protocol=Protocol("dataset"),
        auxiliary_loss=[1.0, 5.0, 2.0],
    )
    table.save(tmp_path / "table.npz")
    read = Predictions.load(tmp_path / "table.npz")
    assert read.by_track().auxiliary_loss.tolist() == [1.5, 5.0]
    assert evaluate(read)["segment"]["auxiliary_loss"][0] == pytest.approx(8 / 3)
    with pytest.raises(ValueError, match="auxiliary_loss has shape"):
        Predictions(**vars(table) | {"auxiliary_loss": [1.0]})
    without = Predictions(**vars(table) | {"auxiliary_loss": None, "track": ["c", "d", "c"]})
    with pytest.raises(ValueError, match="other classes"):
        join_predictions([table, without], split="all", protocol=Protocol("dataset"))
