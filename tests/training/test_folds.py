"""Cross-validation: every track is scored once, by a network that never saw its artist."""

import json

import numpy as np
import pytest

from mgr_jax.cli import main
from mgr_jax.data.cache import join_tracks, open_tracks
from mgr_jax.data.folds import assign_folds, fold_columns
from mgr_jax.data.locate import find_dataset
from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions
from mgr_jax.training.inputs import open_split

SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def pool(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    return join_tracks([open_tracks(dataset, split) for split in SPLITS], "pool")


def test_splits_put_together_read_as_they_did_apart(data_dir, pool):
    dataset = find_dataset("audio_folder/music", sample_rate=12_000, data_dir=data_dir)
    test = open_tracks(dataset, "test")
    assert len(pool) == 30
    row = int(np.flatnonzero(pool.track_id == test.track_id[3])[0])
    np.testing.assert_array_equal(pool.read(row, 5, 100), test.read(3, 5, 100))


def test_folds_are_stratified_and_part_no_artist(pool):
    folds = assign_folds(pool, folds=5, seed=0)
    for fold in range(5):
        assert np.bincount(pool.label[folds == fold]).tolist() == [2, 2, 2]
    for artist in set(pool.artist_id):
        assert len(set(folds[pool.artist_id == artist])) == 1
    assert (assign_folds(pool, folds=5, seed=1) != folds).any()


def test_the_three_splits_of_a_fold_are_all_tracks(tiny_config):
    tiny_config.cross_validation.update({"folds": 5, "fold": 2})
    parts = {split: open_split(tiny_config, split) for split in SPLITS}
    assert {split: len(tracks) for split, tracks in parts.items()} == {
        "train": 18,
        "validation": 6,
        "test": 6,
    }
    artists = [set(tracks.artist_id) for tracks in parts.values()]
    assert len(set.union(*artists)) == sum(map(len, artists)) == 15


def test_too_many_folds_for_a_genre_are_refused(pool):
    with pytest.raises(UserError, match=r"5 artists but 6 folds need one each.*make fewer folds"):
        assign_folds(pool, folds=6, seed=0)


@pytest.mark.slow
def test_crossval_scores_every_track_once_and_goes_on(data_dir, tiny_config, tmp_path, capsys):
    from mgr_jax.config import to_json

    config = tmp_path / "config.py"
    config.write_text(
        "import json\nfrom ml_collections import ConfigDict\nfrom mgr_jax.config import from_json\n"
        f"def get_config():\n    return from_json({to_json(tiny_config)!r})\n"
    )
    command = [
        "crossval", f"--config={config}", f"--workdir={tmp_path / 'cv'}", "--folds=3",
        "--config.num_steps=4", "--noprogress",
    ]  # fmt: skip
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "fold 3 of 3: accuracy" in told
    assert "mean over the folds: accuracy" in told
    table = Predictions.load(tmp_path / "cv/predictions/crossval.npz")
    assert len(table.by_track().track) == 30
    assert table.protocol.startswith(
        "artist-disjoint cross-validation over train, validation, test, all 3 folds"
    )
    result = json.loads((tmp_path / "cv/predictions/crossval.json").read_text())
    assert result["majority"]["track"]["accuracy"][0] == pytest.approx(1 / 3)
    assert main(command) == 0  # all is there: nothing is trained again
    assert capsys.readouterr().out.split("fold 1")[1] == told.split("fold 1")[1]


def test_folds_of_published_lists_are_disjoint_in_artists_that_are_known():
    published = {"split_by": ["track"], "given": True, "unknown": {"artist": 17}}
    assert fold_columns(published) == ["artist"]
    assert fold_columns(published | {"unknown": {}}) == ["track"]
    assert fold_columns(published | {"given": False}) == ["track"]  # so it was asked for
    assert fold_columns({"split_by": ["artist", "session"], "given": False}) == [
        "artist",
        "session",
    ]
