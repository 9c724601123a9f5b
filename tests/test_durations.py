"""Durations in steps, epochs or examples: what they come to, and who has the last word."""

import json

import numpy as np
import pytest
from errors import user_error

from mgr_jax.cli._flags import Flags
from mgr_jax.config import (
    base_config,
    clear_others,
    differences,
    load_config,
    resolve,
    stage_config,
    validate,
)
from mgr_jax.training.optim import make_schedule
from mgr_jax.training.train import train


def config_with(**fields):
    """A config in which these fields, and not the others of the same durations, are set."""
    config = base_config()
    config.update_from_flattened_dict(fields)
    clear_others(config, fields)
    validate(config)
    return config


def resolved(num_examples, **fields):
    config = config_with(**fields)
    before = config.to_dict()
    found = resolve(config, num_examples)
    assert config.to_dict() == before
    validate(found)
    assert resolve(found, num_examples + 1).to_dict() == found.to_dict()
    unresolved = [name for name in found if name.endswith(("_epochs", "_examples"))]
    assert unresolved
    assert not any(found[name] for name in unresolved)
    return found


@pytest.mark.parametrize(
    ("given", "steps"),
    [
        ({"eval_every_epochs": 1}, 28),  # 27.7
        ({"eval_every_epochs": 10}, 277),  # 276.9, of which 10 times 28 would be too many
        ({"eval_every_epochs": 0.5}, 14),
        ({"eval_every_epochs": 1e-9}, 1),
        ({"eval_every_examples": 16}, 1),
        ({"eval_every_examples": 17}, 2),
        ({"eval_every_examples": 1}, 1),
        ({"eval_every": 5}, 5),
    ],
)
def test_an_epoch_is_all_training_tracks_and_an_update_a_batch(given, steps):
    assert resolved(443, batch_size=16, **given).eval_every == steps


def test_decimal_numbers_of_epochs_are_taken_as_they_are_written():
    assert 0.07 * 100 > 7
    assert resolved(100, batch_size=1, num_epochs=0.07).num_steps == 7


def test_more_steps_than_can_be_counted_are_refused():
    config = config_with(num_epochs=2e9, batch_size=16)
    assert resolve(config, 16).num_steps == 2_000_000_000
    with user_error("config.out_of_range", "2000000000.0 epochs of 443 examples"):
        resolve(config, 443)


def test_a_config_in_steps_stays_as_it_is():
    config = base_config()
    config.stages = ({"patience": 3}, {"steps": 7, "optimizer": {"learning_rate": 1e-4}})
    assert differences(resolve(config, 99), config) == []
    config.update({"stages": (), "num_steps": 0})  # nothing is to be trained
    assert resolve(config, 99).num_steps == 0


def test_stages_have_units_of_their_own():
    stages = ({"epochs": 2, "patience": 3}, {"examples": 50}, {"steps": 4}, {"patience": 5})
    config = config_with(num_epochs=20, batch_size=16, stages=stages)
    assert stage_config(config, 0).num_epochs == 2
    assert stage_config(config, 3).num_epochs == 20
    found = resolve(config, 100)
    assert found.num_steps == 125
    assert found.stages == (
        {"patience": 3, "steps": 13}, {"steps": 4}, {"steps": 4}, {"patience": 5},
    )  # fmt: skip
    assert stage_config(found, 1).num_steps == 4
    with user_error("config.stages_too_long", "21 steps", "config.num_steps = 13"):
        resolve(config_with(num_epochs=2, batch_size=16, stages=stages), 100)


@pytest.mark.parametrize("name", ["one_cycle", "cosine"])
def test_a_warm_up_lasts_as_long_as_it_says(name):
    recipe = {"schedule.name": name, "num_epochs": 10, "batch_size": 10}
    of_all = resolved(100, **recipe, **{"schedule.warmup_fraction": 0.2})
    assert (of_all.schedule.warmup_fraction, of_all.schedule.warmup_steps) == (0.2, 0)
    rates = [float(make_schedule(of_all)(step)) for step in range(100)]
    for given in ({"warmup_epochs": 2}, {"warmup_examples": 191}, {"warmup_steps": 20}):
        found = resolved(100, **recipe, **{f"schedule.{k}": v for k, v in given.items()})
        assert (found.schedule.warmup_fraction, found.schedule.warmup_steps) == (0.0, 20)
        assert [float(make_schedule(found)(step)) for step in range(100)] == rates
        # A longer training has the same warm-up, and is the same run in this.
        found.num_steps = 200
        longer = [float(make_schedule(found)(step)) for step in range(200)]
        assert np.argmax(longer) == np.argmax(rates) == 20


def test_a_warm_up_that_never_ends_is_refused():
    with user_error("config.warmup_too_long", "warmup_steps is 1000", "of 1000 steps"):
        config_with(**{"schedule.warmup_steps": 1000})
    config = config_with(**{"schedule.warmup_epochs": 3}, num_epochs=4, stages=({"epochs": 2},))
    with user_error("config.warmup_too_long", "warmup_steps is 30", "of 20 steps"):
        resolve(config, 160)
    for fields in ({"schedule.name": "constant"}, {"num_steps": 0}):  # which have none
        make_schedule(config_with(**{"schedule.warmup_steps": 1000}, **fields))


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({"num_epochs": 40}, "config.several_units", "config.num_steps is 1000"),
        ({"num_epochs": 40}, "config.several_units", "config.num_epochs is 40.0"),
        ({"eval_every_examples": 3}, "config.several_units", "config.eval_every is 200"),
        ({"schedule.warmup_steps": 3}, "config.several_units", "config.schedule.warmup_fraction"),
        ({"eval_every": 0}, "config.no_evaluation", "config.eval_every_epochs"),
    ],
)
def test_a_duration_is_given_in_one_unit(fields, code, named):
    config = base_config()
    config.update_from_flattened_dict(fields)
    with user_error(code, named):
        validate(config)


@pytest.fixture
def config_file(tmp_path):
    """A config of 40 epochs, evaluated after each of them."""
    path = tmp_path / "mine.py"
    path.write_text(
        "from mgr_jax.config import base_config\n\n\n"
        "def get_config():\n"
        "    config = base_config()\n"
        "    config.update({'num_steps': 0, 'num_epochs': 40})\n"
        "    config.update({'eval_every': 0, 'eval_every_epochs': 1})\n"
        "    return config\n"
    )
    return path


@pytest.mark.parametrize(
    ("overrides", "training", "evaluation"),
    [
        ([], (0, 40, 0), (0, 1, 0)),
        (["--config.num_steps=50"], (50, 0, 0), (0, 1, 0)),
        (["--config.num_steps=0"], (0, 0, 0), (0, 1, 0)),
        (["--config.num_examples=99", "--config.eval_every=7"], (0, 0, 99), (7, 0, 0)),
        (["--config.num_epochs=2.5", "--config.num_steps=0"], (0, 2.5, 0), (0, 1, 0)),
    ],
)
def test_an_override_of_one_unit_clears_the_others(config_file, overrides, training, evaluation):
    flags = Flags([f"--config={config_file}", *overrides])
    flags.config()
    flags(["mgr-jax", *flags.argv])
    config = flags.require_config()
    assert (config.num_steps, config.num_epochs, config.num_examples) == training
    found = (config.eval_every, config.eval_every_epochs, config.eval_every_examples)
    assert found == evaluation


def test_a_run_keeps_its_durations_in_steps_and_goes_on(tiny_config, tmp_path):
    fields = {"num_epochs": 2, "eval_every_epochs": 0.5, "schedule.warmup_epochs": 1}
    tiny_config.update_from_flattened_dict(fields)
    clear_others(tiny_config, fields)
    assert train(tiny_config, tmp_path, progress=False).step == 5  # 36 of 18 tracks by 8
    kept = load_config(tmp_path / "config.json")
    assert (kept.num_steps, kept.eval_every, kept.schedule.warmup_steps) == (5, 2, 3)
    assert differences(kept, resolve(tiny_config, 18)) == []
    rows = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "validation/track/accuracy" in row] == [2, 4, 5]
    assert train(tiny_config, tmp_path, progress=False).step == 5
    assert differences(load_config(tmp_path / "config.json"), kept) == []
    tiny_config.num_epochs = 3
    with pytest.warns(UserWarning, match="num_steps was 5 and is 7 now"):
        assert train(tiny_config, tmp_path, progress=False).step == 7
