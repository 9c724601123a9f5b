"""Runs that commit 3e496c9 (version 0.1.0) made predict, evaluate, compare and go on as they did.

`make_old_runs.py` has made what stands in goldens/v0.1.0.
"""

import json
import shutil
from pathlib import Path

import jax
import numpy as np
import old_runs
import pytest
from errors import user_error
from later_version import make_later_version

import mgr_jax
from mgr_jax.config import load_config
from mgr_jax.evaluation import load_result
from mgr_jax.training.summary import read_metrics

OLD = Path(__file__).parent / "goldens/v0.1.0"
RUNS = ("waveform", "features")


@pytest.fixture(autouse=True, scope="module")
def compile_as_then():
    """Their last bits are those of optimised programs."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory) -> Path:
    """A TFDS folder with the datasets of the runs, prepared by the present code."""
    folder = tmp_path_factory.mktemp("tfds")
    old_runs.prepare_data(mgr_jax.prepare, folder)
    return folder


@pytest.fixture(scope="module")
def continued(tmp_path_factory, tfds_dir) -> dict[str, Path]:
    """Both runs, gone on to more steps by the present code."""
    folders = {}
    for name in RUNS:
        folders[name] = shutil.copytree(OLD / name, tmp_path_factory.mktemp("continued") / name)
        config = mgr_jax.Run.open(OLD / name).config
        config.data_dir = str(tfds_dir)
        config.num_steps = old_runs.STEPS["continued"]
        result = mgr_jax.train(config, folders[name], progress=False)
        assert result.step == config.num_steps
    return folders


def expected(name: str) -> dict:
    return json.loads((OLD / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", RUNS)
def test_an_old_run_predicts_what_it_did(name, tmp_path):
    predictor = mgr_jax.load(shutil.copytree(OLD / name, tmp_path / name))
    if name == "waveform":
        prediction = predictor.predict(old_runs.song(), old_runs.RATE)
    else:
        prediction = predictor.predict_features(old_runs.track())
    np.testing.assert_allclose(
        prediction.probabilities, expected(name)["probabilities"], rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("name", RUNS)
def test_an_old_run_is_scored_as_it_was(name, tfds_dir, tmp_path):
    workdir = shutil.copytree(OLD / name, tmp_path / name)
    before = load_result(workdir, "test")
    result = mgr_jax.evaluate(workdir, "test", data_dir=tfds_dir, progress=False)
    np.testing.assert_array_equal(result.segments.track, before.segments.track)
    np.testing.assert_allclose(
        result.segments.probabilities, before.segments.probabilities, rtol=0, atol=1e-5
    )
    assert result.system == before.system
    assert result.protocol.comparable(before.protocol)
    for level in ("segment", "track"):
        assert result.scores[level] == {
            metric: pytest.approx(values, abs=1e-4)
            for metric, values in before.scores[level].items()
        }


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_an_old_run_goes_on_as_it_did(name, continued):
    now, before = (
        read_metrics(folder / "metrics.jsonl") for folder in (continued[name], OLD / name)
    )
    assert now[: len(before)] == before  # it did not begin again
    # What dropout and mixing draw is another than then, so that losses are; all else is not.
    then = expected(name)["metrics"]
    assert [row.keys() for row in now] == [row.keys() for row in then]
    for field in ("step", "learning_rate"):
        found, known = ([row[field] for row in some if field in row] for some in (now, then))
        assert found == pytest.approx(known)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_an_old_run_is_compared_with_a_new_one(name, continued, tfds_dir, tmp_path):
    old = shutil.copytree(OLD / name, tmp_path / name)
    mgr_jax.evaluate(continued[name], "test", data_dir=tfds_dir, progress=False)
    comparison = mgr_jax.compare([old, continued[name]])
    assert {row["compared"] for row in comparison.rows} == {"reference", True}
    assert {row["tracks"] for row in comparison.rows} == {3 if name == "waveform" else 6}


@pytest.mark.slow
def test_an_old_run_goes_on_under_a_version_with_other_defaults(tfds_dir, tmp_path, monkeypatch):
    workdir = shutil.copytree(OLD / "features", tmp_path / "run")
    before = load_config(workdir / "config.json")
    config = make_later_version(monkeypatch, {"optimizer.lookahead": 0}, {"optimizer.lookahead": 5})
    config.update({name: before[name] for name in before if name not in ("version", "optimizer")})
    config.optimizer.update(before.optimizer)
    config.data_dir = str(tfds_dir)
    for step in (8, 9):
        config.num_steps = step
        mgr_jax.train(config, workdir, progress=False)
        kept = load_config(workdir / "config.json")
        assert (kept.version, kept.num_steps) == (config.version, step)
        assert kept.optimizer.lookahead == 0
    config.optimizer.lookahead = 3
    with user_error("run.other_config", workdir, "config.optimizer.lookahead = 0, not 3"):
        mgr_jax.train(config, workdir, progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_new_run_begins_with_the_weights_of_an_old_one(name, tfds_dir, tmp_path, recwarn):
    old = shutil.copytree(OLD / name, tmp_path / "old")
    config = mgr_jax.Run.open(old).config
    config.update({"init_from": str(old), "data_dir": str(tfds_dir), "num_steps": 1})
    mgr_jax.train(config, tmp_path / "new", progress=False)
    kept = json.loads((tmp_path / "new/init_from.json").read_text(encoding="utf-8"))
    count, of = kept["taken"].split(" parameters")[0].split(" of ")
    assert count == of
    said = any("kept no digests of audio" in str(warning.message) for warning in recwarn)
    assert said == (name == "waveform")
