"""Checkpoints that are damaged are found before they are used, and others take their place."""

import contextlib
import json
import logging
import shutil
import warnings

import jax
import numpy as np
import optax
import pytest
from errors import user_error

from mgr_jax.errors import UserError
from mgr_jax.integrity import find_damage
from mgr_jax.training.checkpoint import list_steps, load_variables, read_history
from mgr_jax.training.checkpoint_files import repair_checkpoints
from mgr_jax.training.checkpoints import Checkpoints
from mgr_jax.training.steps import create_state

BEST, MIDDLE, LATEST = 2, 4, 6


def state_at(step, value):
    params = {"dense": {"kernel": np.full((50, 20), value, np.float32)}}
    state = create_state({"params": params, "batch_stats": {}}, optax.sgd(0.1, momentum=0.9))
    return jax.device_get(state).replace(step=np.int32(step))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run with the checkpoints of steps 2 (the best), 4 and 6 (the latest)."""
    folder = tmp_path_factory.mktemp("checkpoints") / "run"
    with contextlib.closing(Checkpoints(folder)) as checkpoints:
        for step, score in ((BEST, 0.9), (MIDDLE, float("-inf"))):
            checkpoints.save(state_at(step, step), score)
        checkpoints.wait()
        kept = shutil.copytree(folder / "checkpoints/4", folder / "4")
        checkpoints.save(state_at(LATEST, LATEST), 0.5)
        checkpoints.wait()
        assert list_steps(folder / "checkpoints") == [LATEST, BEST]
    kept.rename(folder / "checkpoints/4")
    return folder


@pytest.fixture
def run(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "run")


def value_of(variables):
    return variables["params"]["dense"]["kernel"][0, 0]


def restored(run, logged=()):
    """The step that a run goes on from, and the scores that it has had."""
    repair_checkpoints(run / "checkpoints", dict(logged))
    with contextlib.closing(Checkpoints(run)) as checkpoints:
        state = checkpoints.restore(lambda step, scores: state_at(step, 0), dict(logged))
        assert value_of(state.variables) == int(state.step)
        return int(state.step), checkpoints.scores


def flip(path, at=0.5):
    content = bytearray(path.read_bytes())
    content[int(at * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


DAMAGE = {
    "flipped": flip,
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "a folder": replace_by_folder,
}


def files_of(checkpoint, item):
    return sorted(path for path in (checkpoint / item).rglob("*") if path.is_file())


def make_older(checkpoint):
    """Leaves a checkpoint as version 0.1.0 wrote it."""
    (checkpoint / "sums.json").unlink()
    shutil.rmtree(checkpoint / "history")


def test_a_checkpoint_gets_its_sums_with_its_name_and_keeps_the_scores_so_far(saved):
    for step in (BEST, MIDDLE, LATEST):
        assert not find_damage(saved / f"checkpoints/{step}")
        told = json.loads((saved / f"checkpoints/{step}/sums.json").read_text())
        items = {name.split("/")[0] for name in told}
        assert items == {"model", "optimizer"}
    assert read_history(saved / "checkpoints/6") == {2: 0.9, 4: float("-inf"), 6: 0.5}
    assert restored(saved) == (LATEST, {2: 0.9, 4: float("-inf"), 6: 0.5})


@pytest.mark.parametrize("kind", DAMAGE)
def test_whatever_happens_to_a_file_of_the_model_another_checkpoint_predicts(run, kind):
    checkpoint = run / "checkpoints/4"
    for path in files_of(checkpoint, "model"):
        whole = path.read_bytes()
        DAMAGE[kind](path)
        with user_error("checkpoint.damaged", checkpoint, path.name, "name another step"):
            load_variables(run, which=MIDDLE)
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(whole)
    assert value_of(load_variables(run, which=MIDDLE)) == MIDDLE


def test_in_place_of_the_best_or_the_latest_the_next_older_one_is_read_else_a_newer_one(run):
    for which, first, instead in (("latest", 6, 4), ("best", 2, 4)):
        copy = shutil.copytree(run, run.parent / which)
        flip(files_of(copy / f"checkpoints/{first}", "model")[-1])
        told = rf"checkpoints/{first} is damaged \(model/.*step {instead} is used instead"
        with pytest.warns(UserWarning, match=told):
            assert value_of(load_variables(copy, which=which)) == instead
        assert list_steps(copy / "checkpoints") == [6, 4, 2]  # who reads renames nothing
    for checkpoint in (run / "checkpoints").iterdir():
        flip(files_of(checkpoint, "model")[-1])
    with user_error("checkpoint.damaged", "checkpoints/2", "checkpoints/4", "checkpoints/6"):
        load_variables(run)


def test_prediction_does_not_mind_what_it_does_not_read(run):
    for checkpoint in (run / "checkpoints").iterdir():
        shutil.rmtree(checkpoint / "optimizer")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of(load_variables(run)) == BEST


@pytest.mark.parametrize("item", ["model", "optimizer"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_run_goes_on_from_the_next_older_checkpoint_that_is_whole(run, item, kind):
    DAMAGE[kind](files_of(run / "checkpoints/6", item)[-1])
    with pytest.warns(UserWarning, match=r"renamed to damaged-6; that of step 4 is used instead"):
        assert restored(run) == (4, {2: 0.9, 4: float("-inf")})
    assert restored(run)[0] == 4  # and nothing is left to be told of
    assert (run / "checkpoints/damaged-6").is_dir()


def test_a_run_without_a_checkpoint_that_is_whole_does_not_begin_again(run):
    for checkpoint in (run / "checkpoints").iterdir():
        shutil.rmtree(checkpoint / "optimizer")
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with user_error("checkpoint.none_readable", run / "checkpoints"):
                restored(run)


def test_a_stage_does_not_begin_with_weights_that_have_been_damaged_since(run):
    repair_checkpoints(run / "checkpoints", {})
    with contextlib.closing(Checkpoints(run)) as checkpoints:
        flip(files_of(run / "checkpoints/2", "model")[-1])
        with pytest.warns(UserWarning, match=r"renamed to damaged-2"):
            best = checkpoints.best_variables(state_at(0, 0).variables)
    assert value_of(best) == LATEST  # of those that are left the best


@pytest.mark.parametrize("name", ["history/history", "metrics/metrics"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_scores_are_known_where_one_of_their_files_is_damaged(run, name, kind):
    for checkpoint in (run / "checkpoints").iterdir():
        DAMAGE[kind](checkpoint / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert value_of(load_variables(run)) == BEST
    logged = {2: 0.9, 4: float("-inf"), 6: 0.5}
    assert restored(run, logged) == (LATEST, logged)


@pytest.mark.parametrize("kind", DAMAGE)
def test_where_the_sums_are_damaged_nothing_tells_that_the_rest_is_whole(run, kind):
    DAMAGE[kind](run / "checkpoints/6/sums.json")  # of an older version, which had none, is none
    with pytest.warns(UserWarning, match=r"renamed to damaged-6; that of step 4 is used instead"):
        assert restored(run)[0] == 4


def test_a_score_that_orbax_cannot_read_is_mended(run):
    (run / "checkpoints/2/metrics/metrics").write_text('{"sco')
    with pytest.warns(UserWarning, match=r"score of checkpoint .*/2 was damaged, and was mended"):
        restored(run)
    assert json.loads((run / "checkpoints/2/metrics/metrics").read_text()) == {"score": 0.9}
    make_older(run / "checkpoints/2")
    for score, told in ((0.8, "mended"), (None, "lost")):
        (run / "checkpoints/2/metrics/metrics").write_text("[]")
        with pytest.warns(UserWarning, match="score of checkpoint .*/2 is damaged; it is not"):
            load_variables(run)
        with pytest.warns(UserWarning, match=rf"/2 was damaged, and \w+ {told}"):
            repair_checkpoints(run / "checkpoints", {2: score} if score else {})
    assert list_steps(run / "checkpoints") == [6, 4, 2]  # it is still one to go on from


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_orbax_notes_of_itself_is_not_missed(run, kind, caplog):
    for checkpoint in (run / "checkpoints").iterdir():
        DAMAGE[kind](checkpoint / "_CHECKPOINT_METADATA")
    assert value_of(load_variables(run)) == BEST
    assert restored(run)[0] == LATEST
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_step_that_was_saved_without_a_score_is_given_it(run):
    repair_checkpoints(run / "checkpoints", {})
    with contextlib.closing(Checkpoints(run)) as checkpoints:
        checkpoints.restore(lambda step, scores: state_at(step, 0), {})
        checkpoints.save(state_at(8, 8))
        assert (checkpoints.latest_step, checkpoints.best_step) == (8, BEST)
        checkpoints.save(state_at(8, 8), 0.95)
        checkpoints.wait()
        assert checkpoints.best_step == 8
    assert restored(run) == (8, {2: 0.9, 4: float("-inf"), 6: 0.5, 8: 0.95})
    assert value_of(load_variables(run)) == 8


def test_checkpoints_of_an_older_version_are_read_as_they_are(run):
    for checkpoint in (run / "checkpoints").iterdir():
        make_older(checkpoint)
    assert value_of(load_variables(run)) == BEST
    logged = {2: 0.9, 4: 0.1, 6: 0.5}
    assert restored(run, logged) == (6, logged)
    (run / "checkpoints/6/model/_METADATA").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"checkpoints/6 is damaged \(\w+\); that of step 4"):
        load_variables(run, which="latest")
    with pytest.warns(UserWarning, match=r"checkpoints/6 is damaged \(\w+\) and was renamed"):
        assert restored(run, logged) == (4, {2: 0.9, 4: 0.1})
    with user_error("run.missing_evaluation", run / "metrics.jsonl", "checkpoint 2"):
        restored(run)


def test_what_was_to_be_deleted_when_a_run_was_killed_is_deleted(run):
    half = run / "checkpoints/deleted/3"
    half.mkdir(parents=True)
    assert restored(run)[0] == LATEST
    assert not half.parent.exists()
    with pytest.raises(UserError):
        load_variables(run, which=3)
