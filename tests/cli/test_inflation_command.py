"""`mgr-jax audit inflation`: the same model by row, by track and by artist."""

import dataclasses
import json

import numpy as np
import pytest
from random_predictions import make_table

from mgr_jax import cli
from mgr_jax.evaluation import Protocol


def write_table(path, *, tracks=60, rows=4, seed=0):
    """Three genres, artists of four tracks: rows tell the track, a little the artist and genre."""
    rng = np.random.default_rng(seed)
    lines = ["track,label,artist," + ",".join(f"x{i}" for i in range(6))]
    genre, artist = rng.normal(size=(3, 6)), rng.normal(size=(15, 6))
    for track in range(tracks):
        label = track % 3
        who = 3 * (track // 12) + label  # of one genre each
        centre = 0.5 * genre[label] + artist[who] + rng.normal(size=6)
        for _ in range(rows):
            values = centre + 0.2 * rng.normal(size=6)
            lines.append(f"t{track},g{label},a{who}," + ",".join(f"{v:.4f}" for v in values))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_inflation_tells_what_rows_and_artists_give_away(tmp_path, capsys):
    table = write_table(tmp_path / "features.csv")
    out = tmp_path / "out"
    flags = [f"--table={table}", "--classifiers=knn", "--folds=3", f"--out={out}"]
    assert cli.main(["audit", "inflation", *flags]) == 1  # knn asks 200 neighbours
    assert "knn" in capsys.readouterr().err
    flags[1] = "--classifiers=svm_rbf_c100,knn,lr"
    assert cli.main(["audit", "inflation", *flags]) == 0
    told, warned = capsys.readouterr()
    assert "Warning: knn cannot learn" in warned
    assert "by row (LEAKS)" in told
    assert "checkpoint" not in told
    assert "row_random, all 3 folds, fitted on 2, seed 0" in told
    stored = json.loads((out / "inflation.json").read_text())
    protocols = {name: Protocol.from_dict(made) for name, made in stored["protocols"].items()}
    assert list(protocols) == ["row_random", "stratified_kfold", "artist_kfold"]
    assert [bool(made.leaks) for made in protocols.values()] == [True, False, False]
    (reason,) = stored["failed"]
    assert "knn cannot learn" in reason
    assert reason in told
    for system in stored["systems"].values():
        differences = system["segment"]["differences"]
        assert differences["row_random - artist_kfold"][1] > 0
    assert len(stored["systems"]) == 2


def segments_of_music(data_dir, index, guests) -> list[str]:
    """Flags for segments of a dataset, of which an index says that some tracks are by guests."""
    names = [f"beat/{artist}-{track}.wav" for artist in guests for track in range(2)]
    index.write_text("track,artist\n" + "".join(f"{name},guest\n" for name in names))
    return [
        "--dataset=audio_folder/music", "--sample_rate=12000", f"--data_dir={data_dir}",
        "--features=random_projection", "--components=20", "--seconds=0.5",
        "--classifiers=lda", f"--artists={index}", "--workers=0",
    ]  # fmt: skip


def test_segments_of_a_dataset_and_more_artists_than_it_tells(tmp_path, data_dir):
    # The tracks of other artists are by those that the dataset tells.
    flags = segments_of_music(data_dir, tmp_path / "artists.csv", [0])
    out = ["--folds=3", "--metric=log_loss", f"--out={tmp_path}"]
    assert cli.main(["audit", "inflation", *flags, *out]) == 0
    stored = json.loads((tmp_path / "inflation.json").read_text())
    assert stored["metric"] == "log_loss"
    assert list(stored["systems"]) == ["lda on random projections"]
    assert stored["protocols"]["artist_kfold"]["unknown_artists"] == 0


def test_baselines_tell_of_the_artists_of_an_index(tmp_path, capsys, data_dir):
    flags = segments_of_music(data_dir, tmp_path / "artists.csv", range(5))
    assert cli.main(["baselines", *flags, f"--workdir={tmp_path / 'run'}"]) == 0
    told = "artist-disjoint split, with 1 artist on several sides, segments of 0.5 s"
    assert told in capsys.readouterr().out


def test_the_checkpoints_of_networks_are_chosen_on_a_fold_that_is_not_scored(
    tmp_path, capsys, monkeypatch, data_dir
):
    asked = []

    def cross_validate(config, workdir, *, seeds, progress):
        asked.append((config.protocol.name, config.protocol.parts, workdir.name, seeds))
        protocol = Protocol(config.protocol.name)
        return dataclasses.replace(make_table("single_label"), protocol=protocol)

    monkeypatch.setattr("mgr_jax.runs.inflation.train_folds", cross_validate)
    flags = [
        "--config=demo:data=audio_folder/music",
        "--config.sample_rate=12000", f"--config.data_dir={data_dir}", f"--out={tmp_path}",
    ]  # fmt: skip
    assert cli.main(["audit", "inflation", *flags, "--seeds=2"]) == 0
    protocols = ("row_random", "stratified_kfold", "artist_kfold")
    assert asked == [(name, 3, name, 2) for name in protocols]
    assert "its checkpoint chosen on the next fold" in (tmp_path / "inflation.md").read_text()
    for more, says in (
        ("--metric=roc_auc", "no metric 'roc_auc'"),
        ("--seconds=3", "seconds is for baselines"),
    ):
        assert cli.main(["audit", "inflation", *flags, more]) == 1
        assert says in capsys.readouterr().err
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "one of config (measures a network), dataset and table (measure baselines)"),
        (["--table=none.csv"], "none.csv is not a file"),
        (["--table={table}", "--classifiers=svn"], "no classifier 'svn'"),
        (["--table={table}", "--classifiers="], "no classifier is named"),
        (["--table={table}", "--metric=auc"], "no metric 'auc'; choose from accuracy"),
        (["--table={table}", "--metric=log_loss", "--classifiers=svc_rbf"], "has no log_loss"),
        (["--table={table}", "--strict"], "'strict'"),
        (["--table={table}", "--folds=9"], "fewer folds"),
        (["--table={table}", "--out={table}"], "features.csv cannot be made a folder"),
    ],
)
def test_inflation_says_what_is_wrong_in_one_sentence(tmp_path, capsys, flags, message):
    table = write_table(tmp_path / "features.csv")
    flags = [flag.format(table=table) for flag in flags]
    assert cli.main(["audit", "inflation", f"--out={tmp_path}", *flags]) in (1, 2)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
