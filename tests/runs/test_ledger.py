"""Recording what a run has scored."""

import json
import shutil
import subprocess

import jax
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.evaluation.ledger import read_ledger
from mgr_jax.integrity import read_sealed, write_sealed
from mgr_jax.runs.ledger import _overrides, checked_out


@pytest.fixture
def run(trained_run, tmp_path):
    return mgr_jax.Run.open(shutil.copytree(trained_run, tmp_path / "run"))


def test_evaluate_records_its_result_once(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["evaluate", f"--model={run.path}", "--split=validation", "--record"]
    assert cli.main(command) == 0
    assert "Recorded in results.jsonl." in capsys.readouterr().out
    (entry,) = read_ledger(tmp_path / "results.jsonl")
    result = run.result("validation")
    assert list(entry.score) == result.scores["track"]["accuracy"]
    assert (entry.metric, entry.level, entry.split, entry.tracks) == (
        "accuracy", "track", "validation", 6,
    )  # fmt: skip
    assert entry.protocol == result.protocol.as_dict()
    assert (entry.system, entry.dataset) == ("log_mel + choi_crnn", "audio_folder/music")
    provenance = json.loads((run.path / "model.json").read_text())["provenance"]
    assert entry.config == provenance["config"]
    cost = json.loads((run.path / "run.json").read_text())
    assert (entry.seconds, entry.hardware["devices"]) == (cost["seconds"], cost["device"])
    assert entry.hardware["cores"] >= 1
    assert (entry.version, entry.jax) == (mgr_jax.__version__, jax.__version__)
    assert not entry.by_hand

    assert cli.main(command) == 0
    assert f"holds this result already ({entry}, of {entry.date})" in capsys.readouterr().err
    assert read_ledger(tmp_path / "results.jsonl") == [entry]

    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "results.jsonl").touch()
    assert run.record("validation") == entry  # as a checkout has it
    assert read_ledger(tmp_path / "docs" / "results.jsonl") == [entry]
    assert cli.main([*command, "--ledger=other.jsonl"]) == 0
    assert read_ledger(tmp_path / "other.jsonl") == [entry]


def test_an_undefined_score_is_not_recorded(run, tmp_path):
    run.evaluate("validation", progress=False)
    path = run.path / "predictions" / "validation.json"
    scores = read_sealed(path, "")
    scores["track"]["accuracy"] = [None, None, None]
    write_sealed(path, scores)
    with user_error("ledger.no_score", "accuracy", run.path):
        run.record("validation", tmp_path / "results.jsonl")
    assert not (tmp_path / "results.jsonl").exists()


def test_scores_of_no_config_are_recorded_without_one(run, tmp_path):
    run.evaluate("validation", progress=False)
    shutil.copytree(run.path / "predictions", tmp_path / "svm" / "predictions")
    entry = mgr_jax.Run.open(tmp_path / "svm").record("validation", tmp_path / "results.jsonl")
    assert (entry.config, entry.seconds, entry.spec) == (None, None, "")
    shutil.copytree(run.path, tmp_path / "svm" / "seed0" / "fold0")  # a cross-validation's
    entry = mgr_jax.Run.open(tmp_path / "svm").record("validation", tmp_path / "results.jsonl")
    assert (entry.dataset, len(entry.config or "")) == ("audio_folder/music", 64)


def test_a_commit_tells_of_changes_to_the_code(tmp_path):
    def git(*arguments):
        name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", tmp_path, *name, *arguments], check=True, capture_output=True)

    assert checked_out(tmp_path) is None
    git("init")
    (tmp_path / "mgr_jax").mkdir()
    (tmp_path / "mgr_jax" / "a.py").write_text("1")
    assert checked_out(tmp_path) is None  # nothing is committed yet
    git("add", ".")
    git("commit", "-m", "one")
    commit = checked_out(tmp_path)
    assert len(commit) == 40
    (tmp_path / "results.jsonl").touch()
    assert checked_out(tmp_path) == commit
    (tmp_path / "mgr_jax" / "a.py").write_text("2")
    assert checked_out(tmp_path) == f"{commit}+"


def test_what_differs_from_the_spec_is_told():
    config = mgr_jax.read_config("demo:model=crnn")
    assert _overrides(config) == {}
    config.update({"batch_size": 32, "num_steps": 50, "data_dir": "/data", "seed": 3})
    config.protocol.fold = 2
    assert _overrides(config) == {"batch_size": 32, "num_steps": 50}
    config = mgr_jax.read_config("choi2016:model=crnn")
    config.update({"num_epochs": 0.0, "num_steps": 5538, "spec": config.spec})
    assert _overrides(config) == {}  # how many steps its epochs are depends on the data
    config.spec = "mine.py:model=crnn"
    assert _overrides(config) == {}
