"""Protocols in training: every track is scored once, by a network that never saw its artist."""

import json

import numpy as np
import pytest
from errors import user_error

from mgr_jax.cli import main
from mgr_jax.data.cache import join_tracks, open_tracks
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.parts import make_units
from mgr_jax.data.pipeline import open_split, protocol_of
from mgr_jax.evaluation import Predictions

SPLITS = ("train", "validation", "test")
RATE = 12_000


@pytest.fixture(scope="module")
def pool(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    return join_tracks([open_tracks(dataset, split) for split in SPLITS], "pool")


def test_splits_put_together_read_as_they_did_apart(data_dir, pool):
    dataset = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    test = open_tracks(dataset, "test")
    assert len(pool) == 30
    row = int(np.flatnonzero(pool.track_id == test.track_id[3])[0])
    np.testing.assert_array_equal(pool.read(row, 5, 100), test.read(3, 5, 100))


def test_parts_of_tracks_read_as_the_tracks_did(pool):
    parts = pool.cut(7_000)  # of tracks of 24,000 samples
    assert len(parts) == 90
    assert parts.offset[:3].tolist() == [0, 7_000, 14_000]
    assert set(parts.length) == {7_000}
    assert set(parts.track_id[:3]) == {pool.track_id[0]}
    np.testing.assert_array_equal(parts.read(2, 100, 50), pool.read(0, 14_100, 50))
    whole = pool.cut(50_000)
    np.testing.assert_array_equal(whole.length, pool.length)


def test_the_three_splits_of_a_fold_are_all_tracks(tiny_config):
    tiny_config.protocol.update({"name": "artist_kfold", "fold": 2})
    parts = {split: open_split(tiny_config, split) for split in SPLITS}
    assert {split: len(tracks) for split, tracks in parts.items()} == {
        "train": 18,
        "validation": 6,
        "test": 6,
    }
    artists = [set(tracks.artist_id) for tracks in parts.values()]
    assert len(set.union(*artists)) == sum(map(len, artists)) == 15


def test_two_parts_have_no_test_split(tiny_config):
    tiny_config.protocol.update({"name": "artist_kfold", "parts": 2})
    assert "test" not in open_split(tiny_config, "train").account["tracks"]
    assert len(open_split(tiny_config, "train")) == 24
    with user_error("protocol.empty_split", "artist_kfold", "test", "train, validation"):
        open_split(tiny_config, "test")


def test_rows_at_random_part_tracks_and_say_so(tiny_config):
    tiny_config.protocol.update({"name": "row_random", "i_know_this_leaks": True})
    train, test = (open_split(tiny_config, split) for split in ("train", "test"))
    assert len(train) + len(test) == 96  # of 30 tracks of four clips
    assert len(set(train.track_id) & set(test.track_id)) > 10
    assert protocol_of(test, tiny_config.clip_samples).leaks


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"name": "row_random"}, "protocol.leaks", ("i_know_this_leaks",)),
        ({"name": "official"}, "protocol.not_published", ("audio_folder/music", "dataset")),
        ({"name": "fault_filtered"}, "protocol.missing_tracks", ("fault-filtered",)),
        ({"name": "artists"}, "unknown_name", ("protocol 'artists'", "artist_kfold")),
        (
            {"name": "artist_kfold", "folds": 6},
            "split.too_few_groups",
            ("5 artists", "6 folds"),
        ),
    ],
)
def test_a_protocol_that_does_not_fit_is_one_sentence(tiny_config, changes, code, named):
    tiny_config.protocol.update(changes)
    with user_error(code, *named):
        open_split(tiny_config, "train")


def test_folds_of_published_lists_are_disjoint_in_artists_that_are_known(pool):
    import dataclasses

    def together(changes, **columns):
        some = dataclasses.replace(pool, account=pool.account | changes, **columns)
        return make_units(some, ["train"] * 30).together

    artists = pool.artist_id.tolist()
    published = {"split_by": ["track"], "given": True}
    assert together(published) == [artists]
    assert together(published, artist_id=np.full(30, "")) == []
    assert together(published | {"given": False}) == []  # so it was asked for
    assert together({"split_by": ["artist", "session"], "given": False})[0] == artists
    assert len(together({"split_by": ["artist", "session"], "given": False})) == 2


def config_file(config, folder):
    from mgr_jax.config import to_json

    path = folder / "config.py"
    path.write_text(
        "from mgr_jax.config import from_json\n"
        f"def get_config():\n    return from_json({to_json(config)!r})\n"
    )
    return path


@pytest.mark.slow
def test_crossval_scores_every_track_once_and_goes_on(tiny_config, tmp_path, capsys):
    command = [
        "crossval", f"--config={config_file(tiny_config, tmp_path)}",
        f"--workdir={tmp_path / 'cv'}", "--folds=3", "--config.num_steps=4", "--noprogress",
    ]  # fmt: skip
    assert main(command) == 0
    told = capsys.readouterr().out
    table = Predictions.load(tmp_path / "cv/predictions/crossval.npz")
    assert len(table.by_track().track) == 30
    expected = "dataset_kfold, all 3 folds, fitted on 1, seed 0, segments of 0.5 s"
    assert table.protocol.sentence == expected
    result = json.loads((tmp_path / "cv/predictions/crossval.json").read_text())
    assert result["majority"]["track"]["accuracy"][0] == pytest.approx(1 / 3)
    cost = json.loads((tmp_path / "cv/run.json").read_text())
    assert cost["parameters"] > 1_000
    assert main(command) == 0  # all is there: nothing is trained again
    assert capsys.readouterr().out == told
    assert json.loads((tmp_path / "cv/run.json").read_text()) == cost


@pytest.mark.slow
def test_crossval_repeats_a_leaking_protocol_only_on_request(tiny_config, tmp_path, capsys):
    command = [
        "crossval", f"--config={config_file(tiny_config, tmp_path)}", "--protocol=row_random",
        f"--workdir={tmp_path / 'cv'}", "--folds=2", "--parts=2", "--config.num_steps=2",
        "--config.eval_every=2", "--seeds=2", "--noprogress",
    ]  # fmt: skip
    assert main(command) == 1
    assert "row_random leaks" in capsys.readouterr().err
    assert main([*command, "--i_know_this_leaks"]) == 0
    assert "(LEAKS: rows of one track" in capsys.readouterr().out
    table = Predictions.load(tmp_path / "cv/predictions/crossval.npz")
    assert len(table.track) == 2 * 120  # every clip once per seed
    assert table.protocol.seeds == (0, 1)
    by_track = table.by_track()
    assert (len(by_track.track), len(set(by_track.track))) == (60, 30)
