"""`mgr-jax audit inflation`: the same model by row, by track and by artist."""

import json

import numpy as np
import pytest

from mgr_jax import cli


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
    flags = [f"--table={table}", "--classifiers=knn,lr", "--folds=3", f"--out={out}"]
    assert cli.main(["audit", "inflation", *flags]) == 1  # knn asks 200 neighbours
    assert "knn" in capsys.readouterr().err
    flags[1] = "--classifiers=svm_rbf_c100,lr"
    assert cli.main(["audit", "inflation", *flags]) == 0
    told = capsys.readouterr().out
    assert "by row (LEAKS)" in told
    assert "row_random (LEAKS: " in told
    stored = json.loads((out / "inflation.json").read_text())
    assert list(stored["protocols"]) == ["row_random", "stratified_kfold", "artist_kfold"]
    for system in stored["systems"].values():
        differences = system["segment"]["differences"]
        assert differences["row_random - artist_kfold"][1] > 0
    assert len(stored["systems"]) == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "one of --dataset, --table (baselines) and --config"),
        (["--table=none.csv"], "none.csv is not a file"),
        (["--table={table}", "--classifiers=svn"], "no classifier 'svn'"),
        (["--table={table}", "--metric=auc", "--classifiers=lr"], "has no auc to compare"),
    ],
)
def test_inflation_says_what_is_wrong_in_one_sentence(tmp_path, capsys, flags, message):
    table = write_table(tmp_path / "features.csv")
    flags = [flag.format(table=table) for flag in flags]
    assert cli.main(["audit", "inflation", *flags, f"--out={tmp_path}"]) in (1, 2)
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error
