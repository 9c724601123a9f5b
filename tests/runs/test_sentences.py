"""Mistakes of which a sentence says what to do, and that no other test makes; forged names."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.cli._errors import explain
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.pipeline import usable_tracks
from mgr_jax.data.prepare import prepare
from mgr_jax.data.prepared import read_account
from mgr_jax.files import require_folder

RATE = 12_000
FORGED = "rock\x1b[31m\nmgr-jax: all fine"
SHOWN = r"rock\x1b[31m\nmgr-jax: all fine"


def test_a_folder_that_cannot_be_made_or_written(tmp_path):
    (tmp_path / "file").write_text("")
    with user_error("folder.not_made", tmp_path / "file/below", "choose another"):
        require_folder(tmp_path / "file/below")
    closed = tmp_path / "closed"
    closed.mkdir(0o500)
    if os.access(closed, os.W_OK):
        pytest.skip("who runs the tests may write anywhere")
    with user_error("folder.not_writable", closed, "choose another"):
        require_folder(closed)


def test_a_dataset_from_before_the_first_version(tmp_path):
    (tmp_path / "protocol.json").write_text(json.dumps({"classes": []}))
    with user_error("dataset.too_old", tmp_path, "build the dataset again"):
        read_account(tmp_path)


def test_features_are_no_audio_to_compute_features_of(tmp_path):
    content = {
        "mel": np.arange(24 * 40, dtype=np.uint8).reshape(24, 8, 5),
        "track": np.array([f"{genre}.{number:05d}" for genre in "ab" for number in range(12)]),
    }
    np.savez(tmp_path / "toy.npz", **content)
    how = {"frame_rate": 2.0, "data_dir": tmp_path, "num_workers": 0, "progress": False}
    made = prepare("feature_array", features=tmp_path / "toy.npz", **how)
    table = {"out": tmp_path / "t.csv", "dataset": made.name, "data_dir": tmp_path}
    with user_error("dataset.not_audio", made.folder, "give a dataset of audio"):
        mgr_jax.extract_table("mfcc_statistics", **table)
    with user_error("features.needs_files", "give their folder"):
        mgr_jax.extract_table("fma518", **table)


def test_tracks_without_labels(data_dir):
    tracks = open_tracks(data_dir / "audio_folder/music_12000/1.0.0", "train")
    nameless = dataclasses.replace(tracks, label=np.full_like(tracks.label, -1))
    with user_error("split.no_labels", "train split", "prepare another dataset"):
        usable_tracks(nameless, "single_label")


def test_a_clip_cannot_start_after_the_end(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.1 * (-1.0) ** np.arange(RATE), RATE)
    with user_error("audio.starts_after_end", "lasts 1 s", "start at 5 s", "earlier"):
        mgr_jax.draw_frontends(tmp_path / "a.wav", tmp_path / "out", start=5.0)


@pytest.fixture(scope="module")
def forged_music(tmp_path_factory):
    """Genres and files with line ends, colours and HTML in their names; some not sound."""
    folder = tmp_path_factory.mktemp("forged") / "music"
    for genre in (FORGED, "<b>|pop\u202e"):
        (folder / genre).mkdir(parents=True)
        for number in range(12):
            noise = np.random.default_rng([len(genre), number]).normal(0, 0.1, RATE)
            soundfile.write(folder / genre / f"{number} {FORGED}.wav", noise, RATE)
    shutil.copy(folder / FORGED / f"0 {FORGED}.wav", folder / FORGED / f"copy {FORGED}.wav")
    whole = (folder / FORGED / f"1 {FORGED}.wav").read_bytes()
    (folder / FORGED / f"cut {FORGED}.wav").write_bytes(whole[: len(whole) * 3 // 4])
    for name in ("broken.wav", "odd.xyz"):
        (folder / FORGED / f"{FORGED}{name}").write_bytes(b"none")
    return folder


def test_names_forge_no_line_of_a_command_and_no_page(forged_music, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    how = ["--workers=0", "--noprogress"]
    source = ["--dataset=audio_folder", f"--manual_dir={forged_music}", "--sample_rate=12000"]
    assert cli.main(["prepare_data", *source, *how]) == 0
    before = capfd.readouterr()
    assert cli.main(["audit", f"--audio={forged_music}", f"--out={tmp_path / 'a'}", *how]) == 0
    audited = capfd.readouterr()
    assert audited.err.count("left out of") == 1
    prepared = ["--dataset=audio_folder/music", "--sample_rate=12000"]
    assert cli.main(["audit", *prepared, f"--out={tmp_path / 'b'}", *how]) == 0
    wrong = forged_music / FORGED / "none"
    assert cli.main(["audit", f"--audio={wrong}", f"--out={tmp_path / 'c'}", *how]) == 1
    told = capfd.readouterr()
    pages = [(tmp_path / name / "audit.md").read_text() for name in "ab"]
    assert SHOWN in before.err + told.err
    for text in (*before, *audited, *told, *pages):
        assert not {"\x1b", "\u202e"}.intersection(text)
        assert not any(line.startswith("mgr-jax: all fine") for line in text.splitlines())
    assert all("<b>" not in page for page in pages)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e300])
def test_numbers_that_cannot_be_are_told_in_python_too(value, tmp_path):
    with user_error("argument.out_of_range", "`seconds`"):
        mgr_jax.score_baselines(dataset="a/b", seconds=value, workdir=tmp_path / "w")
    if value != 1e300:  # which is longer than any track, and told then
        with user_error("argument.out_of_range", "`seconds`"):
            mgr_jax.extract_table("gtzan57", tmp_path / "t.csv", audio="a", seconds=value)
    code = "argument.out_of_range" if value == -1 else "argument.wrong_type"  # no whole number
    with user_error(code, "`sample_rate`"):
        mgr_jax.extract_table("gtzan57", tmp_path / "t.csv", audio="a", sample_rate=value)
    with user_error("argument.out_of_range", "`seeds`"):
        mgr_jax.cross_validate(mgr_jax.read_config("demo"), tmp_path / "cv", seeds=value)


def test_memory_that_runs_out_is_a_sentence():
    told = explain(MemoryError("Unable to allocate 963. TiB"))
    assert "not enough memory (Unable to allocate 963. TiB)" in told


def test_a_process_of_several_needs_to_know_of_the_others(capsys):
    assert cli.main(["train", "--config=demo", "--workdir=never", "--num_processes=2"]) == 1
    assert "--coordinator" in capsys.readouterr().err
