"""Weights that were trained on what a run is scored on, under whatever name."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error
from unsealed import read_unsealed

from mgr_jax.classifier import create_classifier, init_variables
from mgr_jax.config import base_config
from mgr_jax.data.cache import digest
from mgr_jax.data.digests import track_digests
from mgr_jax.data.gtzan.names import GENRES
from mgr_jax.data.init_from import inherited_leak
from mgr_jax.data.pipeline import open_split
from mgr_jax.data.prepare import prepare
from mgr_jax.third_party import third_party_path
from mgr_jax.training.summary import read_metrics
from mgr_jax.training.train import train
from mgr_jax.training.transfer import initial_variables

RATE = 12_000
OTHER_RATE = 16_000


def write_music(folder: Path, split_of: dict[str, str], first_seed: int = 0) -> Path:
    """<genre>/<track>.wav of noise, no two alike, with an index.csv that gives the splits."""
    rows = ["path,genre,split"]
    for seed, (track, split) in enumerate(split_of.items(), start=first_seed):
        path = folder / f"{track}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, RATE // 4), RATE)
        rows.append(f"{track}.wav,{track.split('/')[0]},{split}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


def names(numbers: str, splits: str) -> dict[str, str]:
    """Tracks of two genres, their splits by first letters."""
    long = {"t": "train", "v": "validation", "e": "test"}
    pairs = list(zip(numbers, splits, strict=True))
    return {f"{genre}/{n}": long[s] for genre in ("rock", "jazz") for n, s in pairs}


def make_config(data_dir: Path, dataset: str, rate: int = RATE):
    """A config whose network compiles in no time."""
    config = base_config()
    config.update({"dataset": dataset, "data_dir": str(data_dir), "sample_rate": rate})
    config.update({"clip_samples": 2400, "batch_size": 4, "num_steps": 2, "eval_every": 2})
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 16}
    config.model.update({"name": "mlp", "kwargs": {"units": (8,)}})
    return config


def prepare_folder(data_dir: Path, folder: Path, name: str, rate: int = RATE):
    prepare(
        "audio_folder",
        data_dir=data_dir,
        manual_dir=folder,
        name=name,
        sample_rate=rate,
        num_workers=0,
    )
    return make_config(data_dir, f"audio_folder/{name}", rate)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """Folder of music, TFDS folder, and a run on it."""
    root = tmp_path_factory.mktemp("first")
    music = write_music(root / "music", names("abcd", "ttve"))
    config = prepare_folder(root / "tfds", music, "first")
    train(config, root / "run", progress=False)
    return music, root / "tfds", root / "run"


def begin(config):
    splits = {name: open_split(config, name) for name in ("train", "validation")}
    classifier, spec = create_classifier(config, len(splits["train"].classes))
    return initial_variables(init_variables(classifier, spec, 0), config, splits)[1]


def without_digests(run: Path, copy: Path) -> Path:
    """A run as an older version would have left it."""
    shutil.copytree(run, copy)
    tracks = read_unsealed(copy / "tracks.json")
    del tracks["train_digests"]
    (copy / "tracks.json").write_text(json.dumps(tracks))
    return copy


@pytest.fixture(scope="module")
def gtzan(tmp_path_factory) -> Path:
    """A TFDS folder of gtzan/stratified and gtzan/fault_filtered, made of the same files."""
    root = tmp_path_factory.mktemp("gtzan")
    with third_party_path("splits/fault_filtered.csv").open(newline="") as file:
        rows = [(row["track"], row["split"]) for row in csv.DictReader(file)]
    for genre in GENRES:
        for split, count in (("train", 3), ("validation", 1), ("test", 1)):
            some = [t for t, s in rows if s == split and t.startswith(f"{genre}.")][:count]
            for track in some:
                path = root / "genres" / genre / f"{track}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                seed = [GENRES.index(genre), int(track[-5:])]
                clip = np.random.default_rng(seed).normal(0, 0.1, RATE // 4)
                soundfile.write(path, clip, RATE)
    for splits in ("stratified", "fault_filtered"):
        prepare(
            f"gtzan/{splits}",
            data_dir=root / "tfds",
            manual_dir=root,
            sample_rate=RATE,
            num_workers=0,
        )
    return root / "tfds"


def test_another_division_of_gtzan_is_not_begun_with(gtzan, tmp_path):
    config = make_config(gtzan, "gtzan/stratified")
    train(config, tmp_path / "run", progress=False)
    seen = set(open_split(config, "train").track_id)
    config = make_config(gtzan, "gtzan/fault_filtered")
    told = []
    for name in ("validation", "test"):
        scored = set(open_split(config, name).track_id)
        if both := len(scored & seen):
            told.append(f"{both} of the {len(scored)} {name} tracks")
    assert told
    for run in (tmp_path / "run", without_digests(tmp_path / "run", tmp_path / "older")):
        config.init_from = str(run)
        with user_error("init_from.leaks", run, " and ".join(told)):
            begin(config)
    # The other way round it is the same; consent changes nothing where it is certain.
    config.init_from = ""
    train(config, tmp_path / "other", progress=False)
    config = make_config(gtzan, "gtzan/stratified")
    config.init_from = str(tmp_path / "other")
    config.protocol.i_know_this_leaks = True
    with user_error("init_from.leaks", tmp_path / "other"):
        begin(config)


def test_equal_audio_is_known_under_other_names(first, tmp_path):
    music, data_dir, run = first
    renamed = tmp_path / "renamed"
    write_music(renamed, names("wxyz", "ttve"), first_seed=100)
    for genre in ("rock", "jazz"):  # what was trained on is the test track
        shutil.copy(music / genre / "a.wav", renamed / genre / "z.wav")
    config = prepare_folder(data_dir, renamed, "renamed")
    config.init_from = str(run)
    with user_error("init_from.leaks", run, "2 of the 2 test tracks", "2 of them"):
        begin(config)


def test_other_audio_of_equal_names_asks_for_consent(first, tmp_path):
    _, data_dir, run = first
    other = write_music(tmp_path / "other", names("bcde", "tvve"), first_seed=200)
    config = prepare_folder(data_dir, other, "other")
    config.init_from = str(run)
    assert begin(config).leak == ""  # b was trained on, and is again
    swapped = write_music(tmp_path / "swapped", names("abcd", "vett"), first_seed=300)
    config = prepare_folder(data_dir, swapped, "swapped")
    config.init_from = str(run)
    told = "2 of the 2 validation tracks and 2 of the 2 test tracks"
    consent = "config.protocol.i_know_this_leaks"
    with user_error("init_from.may_leak", run, told, "such as jazz/a.wav", consent):
        train(config, tmp_path / "run", progress=False)

    config.protocol.i_know_this_leaks = True
    with pytest.warns(UserWarning, match=f"names of {told}.*scores may be too high"):
        result = train(config, tmp_path / "run", progress=False)
    leak = f"config.init_from may have been trained on {told}: tracks of these names"
    assert inherited_leak(tmp_path / "run") == leak
    assert result.protocol.leaks == (leak,)
    # It is not forgotten when the run goes on.
    config.num_steps = 4
    again = train(config, tmp_path / "run", progress=False)
    assert again.protocol.leaks == (leak,)
    rows = read_metrics(tmp_path / "run" / "metrics.jsonl")
    marks = {row["leak"] for row in rows if "validation/track/accuracy" in row}
    assert marks == {f"(LEAKS: {leak})"}


def test_one_source_at_another_rate_is_the_same_music(first, tmp_path):
    music, data_dir, run = first
    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    config = prepare_folder(data_dir, folder, "at_another_rate", OTHER_RATE)
    config.init_from = str(run)
    assert begin(config).leak == ""
    tracks = read_unsealed(run / "tracks.json")
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    tracks["train"][0] = "rock/d.wav"
    (copy / "tracks.json").write_text(json.dumps(tracks))
    config.init_from = str(copy)
    with user_error("init_from.leaks", copy, "1 of the 2 test tracks of this run;"):
        begin(config)


def test_copies_within_a_dataset_count(tmp_path):
    """As in GTZAN, where published lists have copies of one recording on several sides."""
    music = write_music(tmp_path / "music", names("abcd", "ttve"))
    config = prepare_folder(tmp_path / "tfds", music, "music")
    train(config, tmp_path / "run", progress=False)
    older = without_digests(tmp_path / "run", tmp_path / "older")
    # The same names and source, and a test track that holds what a trained one does.
    folder = Path(open_split(config, "test").files[0]).parent
    pretend = np.array([digest(open_split(config, "train").read(0)), "f" * 16])
    np.savez(folder / "digests.npz", digests=pretend)
    for run in (tmp_path / "run", older):
        config.init_from = str(run)
        with user_error("init_from.leaks", run, "1 of the 2 test tracks", "1 of them"):
            begin(config)


def test_runs_of_older_versions_are_begun_with(first, tmp_path):
    _, data_dir, run = first
    older = without_digests(run, tmp_path / "older")
    other = write_music(tmp_path / "other", names("wxyz", "ttve"), first_seed=400)
    config = prepare_folder(data_dir, other, "for_older")
    config.init_from = str(older)
    with pytest.warns(UserWarning, match="kept no digests of audio.*only by name"):
        assert begin(config).leak == ""


def test_what_was_taken_is_logged_if_progress_is_to_be_told(first, tmp_path, caplog):
    _, data_dir, run = first
    other = write_music(tmp_path / "other", names("wxyz", "ttve"), first_seed=600)
    config = prepare_folder(data_dir, other, "logged")
    config.init_from = str(run)
    for progress in (False, True):
        caplog.clear()
        with caplog.at_level("INFO", logger="mgr_jax"):
            train(config, tmp_path / str(progress), progress=progress)
        told = [r.getMessage() for r in caplog.records if r.name.startswith("mgr_jax.")]
        assert bool(told) == progress
    assert told[0].endswith(f"parameters are taken from {run}.")


def test_what_the_other_run_began_with_counts_too(first, tmp_path):
    music, data_dir, run = first
    between = write_music(tmp_path / "between", names("wxyz", "ttve"), first_seed=500)
    config = prepare_folder(data_dir, between, "between")
    config.init_from = str(run)
    train(config, tmp_path / "second", progress=False)
    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    index = (folder / "index.csv").read_text()
    swap = {"train": "test", "test": "train"}
    rows = [row.split(",") for row in index.splitlines()]
    (folder / "index.csv").write_text(
        "\n".join(",".join([*row[:2], swap.get(row[2], row[2])]) for row in rows) + "\n"
    )
    config = prepare_folder(data_dir, folder, "swapped_sides")
    refused = (tmp_path / "second", f"begun with {run}", "4 of the 4 test tracks")
    config.init_from = str(tmp_path / "second")
    with user_error("init_from.leaks", *refused):
        begin(config)
    # A run of an older version tells only whom it began with.
    (tmp_path / "second" / "init_from.json").unlink()
    with user_error("init_from.leaks", *refused):
        begin(config)
    path = tmp_path / "second" / "config.json"
    stored = read_unsealed(path) | {"init_from": str(tmp_path / "gone")}
    path.write_text(json.dumps(stored))
    with pytest.warns(UserWarning, match="gone, which can no longer be read"):
        begin(config)


def test_a_run_keeps_what_its_tracks_hold(first, monkeypatch):
    _, data_dir, run = first
    config = make_config(data_dir, "audio_folder/first")
    tracks = open_split(config, "train")
    expected = [digest(tracks.read(i)) for i in range(len(tracks))]
    stored = read_unsealed(run / "tracks.json")
    assert stored["train"] == tracks.track_id.tolist()
    assert stored["train_digests"] == expected
    assert len(set(expected)) == 4
    told = read_unsealed(run / "dataset.json")["format"]
    assert told == {"kind": "waveform", "rate": RATE, "dtype": "int16", "item_shape": []}
    # Once computed, they are read; and parts of a track have that of the whole.
    monkeypatch.setattr("mgr_jax.data.digests.digest", None)
    assert track_digests(tracks) == expected
    parts = tracks.cut(1000)
    assert len(parts) == 12
    assert track_digests(parts) == list(np.repeat(expected, 3))
    config.protocol.update({"name": "stratified_kfold", "folds": 2, "parts": 2})
    some = open_split(config, "train")  # of several splits of the dataset
    monkeypatch.undo()
    assert track_digests(some) == [digest(some.read(i)) for i in range(len(some))]
