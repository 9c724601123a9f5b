"""The benchmark of prediction, of a few files; no test looks at a speed."""

import importlib.util
import json
import sys

import numpy as np
import pytest
import soundfile

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.io import read_audio
from mgr_jax.benchmark.songs import write_songs

PARTS = ["decode", "decode and resample", "front end", "network"]


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_rows(capsys, monkeypatch, trained_run, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("mgr_jax.benchmark.predict.available_cores", lambda: 2)
    (tmp_path / "music").mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).uniform(-0.3, 0.3, 24_000)
        soundfile.write(tmp_path / "music" / f"{number}.wav", noise, 12_000)
    found = tmp_path / "found.json"
    options = [f"--model={trained_run}", f"--folder={tmp_path / 'music'}", "--rounds=2"]
    assert cli.main(["benchmark", "predict", *options, f"--json={found}"]) == 0
    out = capsys.readouterr().out
    for name in [*PARTS, "predict_files, 1 worker", "predict_files, 2 workers"]:
        assert f"| {name} |" in out
    assert "PyTorch is not compared: it cannot be imported" in out
    content = json.loads(found.read_text(encoding="utf-8"))
    assert (content["files"], content["rounds"]) == (3, 2)
    rows = {row["peer"]: row for row in content["rows"]}
    assert set(rows) == {"the parts together", "decoding alone, on all cores"}
    for row in rows.values():
        assert row["suite"] == "predict"
        assert 0 < row["low"] <= row["ratio"] <= row["high"]
    # The ideal: what the parts take of the processors, on both of them.
    turns = content["measured"]
    ratios = [
        sum(turns[part][turn]["cpu_seconds"] for part in PARTS[1:])
        / (2 * turns["predict_files, 2 workers"][turn]["seconds"])
        for turn in range(2)
    ]
    assert rows["the parts together"]["ratio"] == pytest.approx(np.median(ratios))
    assert set(content["cold"]) == {"1", "2"}


def test_songs_are_music_of_half_a_minute_under_many_names(tmp_path):
    paths = sorted(write_songs(tmp_path, 3).iterdir())
    assert [path.name for path in paths] == ["00000.mp3", "00001.mp3", "00002.mp3"]
    one, other, _ = (read_audio(path, 12_000) for path in paths)
    assert len(one) == pytest.approx(30 * 12_000, rel=0.01)
    assert not np.array_equal(one, other)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="PyTorch is not installed")
def test_the_network_in_pytorch_answers_as_ours(trained_run, music_folder):
    from mgr_jax.benchmark.torch_predict import FileClassifier
    from mgr_jax.classifier import abstract_variables
    from mgr_jax.model_folder import read_model
    from mgr_jax.training.checkpoint import load_variables

    classifier, description = read_model(trained_run)
    variables = abstract_variables(classifier, description.spec)
    twin = FileClassifier(classifier, description.spec, load_variables(trained_run, variables))
    predictor = mgr_jax.load(trained_run)
    for path in sorted(music_folder.glob("*/*.wav"))[::7]:
        samples = read_audio(path, 12_000)
        told = predictor.predict(samples, 12_000).track_probabilities
        np.testing.assert_allclose(twin.classify(samples), told, atol=1e-4)
