"""A dataset is named by <builder>/<name>, or by the path of its folder."""

import shutil

import numpy as np
import pytest
from errors import user_error

from mgr_jax.config import base_config
from mgr_jax.config.files import read_config
from mgr_jax.data.locate import find_dataset, find_prepared, without_path
from mgr_jax.runs.auditing import audit
from mgr_jax.training.train import _with_absolute_paths

RATE = 12_000


@pytest.mark.parametrize("end", ["music", "music_12000", "music_12000/1.0.0", "music/"])
def test_the_path_of_a_prepared_dataset_names_it(end, data_dir):
    named = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    path = f"{data_dir}/audio_folder/{end}"
    assert find_dataset(path, sample_rate=RATE) == named
    assert find_prepared(path, sample_rate=RATE, data_dir="/nowhere") == named
    kept = without_path(path, sample_rate=RATE, data_dir="")
    assert kept == ("audio_folder/music", str(data_dir))
    assert read_config(f"demo:data={path}").dataset == path


def test_a_run_names_its_dataset_though_it_was_given_a_path(data_dir):
    config = base_config()
    config.dataset, config.sample_rate = f"{data_dir}/audio_folder/music", RATE
    recorded = _with_absolute_paths(config)
    assert (recorded.dataset, recorded.data_dir) == ("audio_folder/music", str(data_dir))


def test_names_that_no_dataset_can_have_are_sentences(data_dir):
    named = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    for rate in (float(RATE), str(RATE), np.int64(RATE)):
        assert find_dataset("audio_folder/music", sample_rate=rate, data_dir=data_dir) == named
    with user_error("dataset.not_prepared", "audio_folder/music at 12000 Hz"):
        find_dataset("audio_folder/", sample_rate=RATE, data_dir=data_dir)
    for name in ("x" * 5000, f"audio_folder/{'x' * 5000}", "/x" * 3000, "audio_folder/a\0b"):
        for find in (find_dataset, find_prepared):
            with user_error("dataset.wrong_name", f"{len(name)} characters"):
                find(name, sample_rate=RATE, data_dir=data_dir)
        with user_error("dataset.wrong_name"):
            audit(dataset=name)
        with user_error("file.impossible_path"):
            read_config(f"demo:data={name}")


def test_a_path_in_the_home_folder(data_dir, monkeypatch):
    monkeypatch.setenv("HOME", str(data_dir))
    named = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    assert find_dataset("~/audio_folder/music", sample_rate=RATE) == named


def test_a_dataset_that_was_moved_keeps_its_path(data_dir, tmp_path):
    folder = shutil.copytree(data_dir / "audio_folder/music_12000/1.0.0", tmp_path / "mine")
    assert find_dataset(str(folder), sample_rate=RATE) == folder
    assert without_path(str(folder), sample_rate=RATE, data_dir="x") == (str(folder), "x")


def test_what_else_a_path_may_be_is_said(data_dir, tmp_path, music_folder, monkeypatch):
    path = f"{data_dir}/audio_folder/music_12000"
    with user_error("dataset.other_rate", path, "at 12000 Hz", "rate (config.sample_rate) to 12"):
        find_dataset(path, sample_rate=22_050)
    with user_error("dataset.wrong_path", "music_12000: give its sample rate (config.sample"):
        find_dataset(f"{data_dir}/audio_folder/music", sample_rate=16_000)
    with user_error("dataset.wrong_path", "a folder of datasets", "audio_folder/music at 12000 Hz"):
        find_dataset(str(data_dir), sample_rate=RATE)
    with user_error("dataset.wrong_path", "a folder of audio", f"manual_dir='{music_folder}'"):
        audit(dataset=str(music_folder))
    table = tmp_path / "my.csv"
    table.write_text("filename,label\n")
    with user_error("dataset.wrong_path", "a file", f"features='{table}'", "feature_array/my"):
        find_dataset(str(table), sample_rate=0)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    with user_error("dataset.wrong_path", "not there", "<builder>/<name>", "audio_folder/music at"):
        find_prepared("/no/such/place", sample_rate=RATE)
    for place in ("/", "~", ".", ".."):
        with user_error("dataset.wrong_path", f"the dataset {place} is"):
            find_dataset(place, sample_rate=RATE)
    with user_error("dataset.wrong_name", "empty"):
        find_dataset("", sample_rate=RATE, data_dir=data_dir)
    with user_error("dataset.not_prepared", "dataset audio_folder at"):
        find_dataset("audio_folder", sample_rate=RATE, data_dir=data_dir)
    with user_error("config.data_is_path", "prepare it first"):
        read_config(f"demo:data={music_folder}")
    with user_error("config.wrong_data", path):
        read_config(f"mlp:data={path}")
