"""From Python: what the command line does is one call, and gives the same."""

import json
import shutil

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli

PUBLIC = (
    "Run", "audit", "compare", "create_classifier", "create_frontend", "create_model",
    "cross_validate", "evaluate", "list_configs", "list_datasets", "list_frontends", "list_models",
    "load", "prepare", "read_config",
)  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_a_docstring_to_learn_from(name):
    found = getattr(mgr_jax, name)
    assert callable(found)
    assert found.__doc__
    assert found.__doc__.splitlines()[0].endswith((".", ":"))


@pytest.mark.slow
def test_a_run_is_evaluated_read_and_compared(trained_run, tmp_path, capsys):
    workdir = shutil.copytree(trained_run, tmp_path / "a")
    run = mgr_jax.Run.open(workdir)
    result = run.evaluate("test", progress=False)
    assert capsys.readouterr().out == ""  # a library says nothing by itself
    assert run.scored_splits == ["test"]
    assert result.scores["track"]["accuracy"][0] > 0.5
    assert result.protocol.origin == "artist-disjoint split"
    again = run.result("test")
    assert again.scores == result.scores
    np.testing.assert_array_equal(again.segments.probabilities, result.segments.probabilities)

    assert cli.main(["evaluate", f"--model={workdir}", f"--json={tmp_path / 'r.json'}"]) == 0
    assert str(result) in capsys.readouterr().out
    assert json.loads((tmp_path / "r.json").read_text()) == result.scores

    other = shutil.copytree(workdir, tmp_path / "b")
    comparison = mgr_jax.compare([run, str(other)])
    assert {row["compared"] for row in comparison.rows} == {"reference", True}
    assert comparison.rows[1]["difference"] == [0, 0, 0]
    assert cli.main(["compare", str(workdir), str(other)]) == 0
    assert capsys.readouterr().out == f"{comparison}\n"
    assert comparison.save(tmp_path / "c").read_text().endswith("(compare.png)\n")

    song = np.sin(np.arange(12_000) / 5).astype(np.float32)
    assert run.predictor().predict(song, 12_000).label == "hum"
    assert run.config.model.name == "choi_crnn"
    assert run.labels["classes"] == ["beat", "hiss", "hum"]


@pytest.mark.slow
def test_a_cross_validation_from_python_leaves_its_config_alone(tiny_config, tmp_path):
    tiny_config.update({"num_steps": 2, "eval_every": 2})
    result = mgr_jax.cross_validate(
        tiny_config, tmp_path / "cv", protocol="artist_kfold", folds=2, parts=2, progress=False
    )
    assert (tiny_config.protocol.name, tiny_config.protocol.folds) == ("dataset", 5)
    made = result.protocol
    assert (made.name, made.folds, made.fold, made.parts) == ("artist_kfold", 2, None, 2)
    assert made.crossing_artists == 0
    run = mgr_jax.Run.open(tmp_path / "cv")
    assert not run.is_trained
    assert run.result("crossval").scores == result.scores
    with user_error("model.none", tmp_path / "cv"):
        run.evaluate("test")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with user_error("folder.not_a_run", tmp_path):
        mgr_jax.Run.open(tmp_path)
    with user_error("folder.not_found", tmp_path / "a"):
        mgr_jax.Run.open(tmp_path / "a")
    with user_error("argument.missing", "runs/a runs/b"):
        mgr_jax.compare([])


@pytest.mark.slow
def test_a_file_may_be_called_anything(tmp_path, capsys):
    """Its name stands in the protocol, and is never taken for what the protocol says."""
    rng = np.random.default_rng(0)
    genres = np.repeat(["low", "top"], 10)
    mel = rng.random((20, 6, 8)).astype(np.float32) + (genres == "top")[:, None, None]
    names = np.array([f"{genre}.{row % 10:05d}" for row, genre in enumerate(genres)])
    np.savez(tmp_path / "toy.npz", mel=mel, track=names)
    new = rng.random((4, 6, 8)).astype(np.float32)
    np.savez(tmp_path / "no_LEAKS.npz", mel=new, track=["low.1", "low.2", "top.1", "top.2"])
    mgr_jax.prepare(
        "feature_array", data_dir=tmp_path, features=tmp_path / "toy.npz", num_workers=0
    )
    config = mgr_jax.base_config()
    config.update(
        {"dataset": "feature_array/toy", "data_dir": str(tmp_path), "sample_rate": 0,
         "clip_samples": 8, "num_steps": 1, "eval_every": 1, "batch_size": 4}
    )  # fmt: skip
    config.frontend.name, config.model.name = "precomputed", "mlp"
    mgr_jax.train(config, tmp_path / "run", progress=False)
    run = mgr_jax.Run.open(tmp_path / "run")
    result = run.evaluate(features=tmp_path / "no_LEAKS.npz", progress=False)
    assert result.protocol.leaks == ()
    assert "tracks not trained on of no_LEAKS.npz" in result.protocol.sentence
    assert result.system == "precomputed + mlp"
    shown = mgr_jax.compare([run], "no_LEAKS").markdown()
    assert "(LEAKS" not in shown
    assert "LEAKS marks" not in shown


def test_shipped_configs_are_read_by_name_and_path(tmp_path):
    assert "choi2016:model=crnn" in mgr_jax.list_configs()
    config = mgr_jax.read_config("demo")
    assert config.model.name == "choi_crnn"
    mine = tmp_path / "mine.py"
    mine.write_text("from mgr_jax import base_config as get_config\n")
    expected = mgr_jax.base_config().to_dict() | {"spec": "mine.py"}
    assert mgr_jax.read_config(mine).to_dict() == expected
    mine.write_text("def get_config():\n    return 1 / 0\n")
    with user_error("config.broken_file", f"{mine}, line 2: ZeroDivisionError"):
        mgr_jax.read_config(mine)
    mine.write_text("def get_config():\n    return {}\n")
    with user_error("config.no_config", mine):
        mgr_jax.read_config(mine)
    with user_error("config.unknown", "did you mean demo"):
        mgr_jax.read_config("dmo")
