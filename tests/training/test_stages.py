"""Stages, plateaus and patience: what follows from the scores of the evaluations."""

import pytest
from errors import user_error

from mgr_jax.config import base_config, validate
from mgr_jax.training.stages import Stages, past_evaluations


def config_with(**fields):
    config = base_config()
    config.optimizer.update({"name": "sgd", "weight_decay": 0.0})
    config.update({"num_steps": 1000, "eval_every": 10} | fields)
    validate(config)
    return config


def follow(standing, scores, every=10):
    """Adds evaluations; returns, for each, whether a stage began, the stage and the scale."""
    return [
        (standing.add(every * n, score), standing.stage, standing.lr_scale)
        for n, score in enumerate(scores, start=1)
    ]


def test_without_stages_a_run_ends_at_its_last_step():
    standing = Stages(config_with(num_steps=30))
    assert standing.next_end == 30
    follow(standing, [0.1, 0.2])
    assert not standing.done(20)
    standing.add(30, 0.1)
    assert standing.done(30)
    assert not standing.out_of_patience
    assert standing.best == 0.2


def test_patience_counts_evaluations_without_a_better_one():
    standing = Stages(config_with(patience=2))
    follow(standing, [0.5, 0.5])
    assert not standing.done(20)
    standing.add(30, 0.4)
    assert standing.done(30)
    assert standing.out_of_patience


def test_each_stage_has_its_own_patience_and_starts_from_the_best():
    stages = tuple(
        {"patience": 2, "optimizer": {"learning_rate": rate}} for rate in (0.01, 0.002, 0.0004)
    )
    standing = Stages(config_with(stages=stages))
    began = follow(standing, [0.1, 0.3, 0.2, 0.2])
    assert [stage for _, stage, _ in began] == [0, 0, 0, 1]
    assert [new for new, _, _ in began] == [False, False, False, True]
    assert standing.stage_start == 40
    assert standing.config.optimizer.learning_rate == 0.002
    # Worse than the best of all, yet the first of its stage: patience starts anew.
    for step, score in ((50, 0.2), (60, 0.1), (70, 0.1)):
        standing.add(step, score)
    assert standing.stage == 2
    for step in (80, 90, 100):
        standing.add(step, 0.0)
    assert standing.done(100)
    assert standing.best == 0.3


def test_stages_end_at_their_steps_and_may_change_the_optimizer():
    stages = (
        {"steps": 25, "optimizer": {"name": "adam", "learning_rate": 1e-4}},
        {"steps": 20, "optimizer": {"name": "sgd", "learning_rate": 1e-3}},
    )
    standing = Stages(config_with(stages=stages))
    assert standing.next_end == 25
    standing.add(10, 0.1)
    assert standing.add(25, 0.2)
    assert (standing.config.optimizer.name, standing.next_end) == ("sgd", 45)
    assert not standing.add(45, 0.3)
    assert standing.done(45)


def test_a_plateau_lowers_the_rate_as_keras_does():
    # ReduceLROnPlateau(factor=0.5, patience=2, min_delta=0.01): waits 2 evaluations, then again.
    plateau = {"factor": 0.5, "patience": 2, "min_delta": 0.01}
    standing = Stages(config_with(plateau=plateau))
    scales = [scale for _, _, scale in follow(standing, [0.5, 0.505, 0.504, 0.5, 0.5, 0.6, 0.6])]
    assert scales == [1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_patience_belongs_to_the_stages_where_there_are_some():
    with user_error("config.patience_beside_stages", "config.patience is 3", "config.stages"):
        config_with(stages=({"steps": 5},), patience=3)


def test_a_stage_without_a_limit_goes_on_to_the_end():
    standing = Stages(config_with(stages=({"steps": 20}, {}), num_steps=300))
    standing.add(20, 0.1)
    for step in (100, 200):
        assert not standing.add(step, 0.1)
        assert (standing.stage, standing.next_end) == (1, 300)


def test_a_run_is_where_its_log_says():
    config = config_with(stages=({"patience": 1}, {"patience": 1}), monitor="log_loss")
    rows = [
        {"step": 10, "validation/track/log_loss": 0.9},
        {"step": 15, "train/loss": 1.0},
        {"step": 20, "validation/track/log_loss": 0.95},
        {"step": 30, "validation/track/log_loss": None},
    ]
    evaluations = past_evaluations(rows, "log_loss")
    assert evaluations == [(10, -0.9), (20, -0.95), (30, float("-inf"))]
    replayed, live = Stages(config, evaluations), Stages(config)
    for step, score in evaluations:
        live.add(step, score)
    assert vars(replayed) | {"_config": 0} == vars(live) | {"_config": 0}
    assert (live.stage, live.stage_start) == (1, 20)


@pytest.mark.parametrize(
    ("stages", "code", "named"),
    [
        (({"stpes": 3},), "unknown_name", ("stpes", "steps")),
        (({"steps": -1},), "config.bad_stage", ("stages[0]", "steps -1")),
        (({}, {}), "config.endless_stage", ("stages[0]", "steps, epochs, examples or patience")),
        (({"steps": 5, "optimizer": {"name": "sdg"}},), "config.bad_stage", ("'sdg'", "sgd")),
        (({"steps": 5, "optimizer": {"lr": 1.0}},), "config.bad_stage", ("optimizer", "'lr'")),
        (({"steps": 5, "optimizer": "sgd"},), "config.bad_stage", ("stages[0]", "optimizer 'sgd'")),
        (({"steps": 5, "optimizer": {"learning_rate": "x"}},), "config.bad_stage", ("stages[0]",)),
        (
            ({"steps": 5, "optimizer": {"weight_decay": 0.1}},),
            "config.bad_stage",
            ("stages[0]", "adamw"),
        ),
        (({"steps": True},), "config.bad_stage", ("steps True",)),
        (
            ({"steps": 900}, {"steps": 900}),
            "config.stages_too_long",
            ("1800", "config.num_steps = 1000"),
        ),
        (({"epochs": -1},), "config.bad_stage", ("epochs -1",)),
        (({"examples": 0.5},), "config.bad_stage", ("examples 0.5",)),
        (
            ({"steps": 5, "epochs": 1},),
            "config.several_units",
            ("stages[0].steps is 5", "stages[0].epochs is 1"),
        ),
    ],
)
def test_mistakes_in_stages_give_one_sentence(stages, code, named):
    with user_error(code, *named):
        config_with(stages=stages)
