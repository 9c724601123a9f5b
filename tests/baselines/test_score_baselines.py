"""`score_baselines` from Python: one call, a record, nothing printed."""

import csv

import numpy as np
import pytest
from errors import user_error

from mgr_jax import score_baselines
from mgr_jax.evaluation.results import load_result


@pytest.fixture
def table(tmp_path):
    """A .csv table of 24 tracks of three genres, of which 15 are trained on."""
    rng = np.random.default_rng(0)
    rows = [["track", "mfcc1_mean", "tempo", "split", "label"]]
    for track in range(24):
        genre = track % 3
        values = rng.normal(size=2) + 3 * np.array([genre == 1, genre == 2])
        rows.append([f"t{track}", *values, "train" if track < 15 else "test", "abc"[genre]])
    path = tmp_path / "table.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_one_baseline_is_a_result(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    scores = score_baselines(table="~/table.csv", workdir="~/run", classifiers="lda")
    assert capsys.readouterr() == ("", "")
    (result,) = scores.results
    assert result.path == tmp_path / "run"
    assert scores.files == ()
    assert str(scores) == str(result) == str(load_result("~/run"))
    assert str(scores).startswith("lda on table\n")
    assert "majority class (a): " in str(scores)
    assert "| lda | " in scores.markdown()


def test_several_are_a_table_with_what_failed(table, tmp_path, capsys):
    def run():
        return score_baselines(
            table=table,
            workdir=tmp_path / "runs",
            classifiers=["lda", "knn", "dt"],
            feature_sets=["tempo", "all"],
            seeds=2,
            workers=0,
            progress=False,
        )

    scores = run()
    assert "fit/s" not in capsys.readouterr().err
    assert [(one.feature_set, one.classifier) for one in scores.finished] == [
        ("tempo", "lda"),
        ("tempo", "dt"),
        ("all", "lda"),
        ("all", "dt"),
    ]
    assert list(scores.failures) == [("tempo", "knn"), ("all", "knn")]
    assert "knn cannot learn" in scores.failures["all", "knn"]
    assert scores.warnings[0].startswith("tempo, knn: knn cannot learn")
    assert scores.files == (tmp_path / "runs/baselines.md", tmp_path / "runs/baselines.csv")
    assert scores.files[0].read_text(encoding="utf-8") == scores.markdown() + "\n"
    assert str(scores) == (f"{scores.markdown()}\nwritten: {scores.files[0]}, {scores.files[1]}")
    with scores.files[1].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sentences = [result.protocol.sentence for result in scores.results]
    assert [row["protocol"] for row in rows] == sentences
    assert {row["leaks"] for row in rows} == {"no"}
    before = scores.files[1].read_bytes()
    run()
    assert scores.files[1].read_bytes() == before


@pytest.mark.parametrize("name", ["baseline.json", "predictions/test.npz", "predictions/test.json"])
def test_what_is_damaged_is_fitted_again_with_a_word(table, tmp_path, name):
    where = {"table": table, "workdir": tmp_path / "run", "progress": False}
    before = score_baselines(**where, classifiers="lda")
    path = tmp_path / "run" / name
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"x" + whole[len(whole) // 2 + 1 :])
    with pytest.warns(UserWarning, match="lda on table cannot be used .* it is fitted again"):
        again = score_baselines(**where, classifiers="lda")
    assert str(again) == str(before)
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({"table": None}, "argument.choose_one", ("`dataset`", "`table`")),
        ({"dataset": "rendered/demo"}, "argument.choose_one", ("`dataset`", "`table`")),
        ({"seeds": 0}, "argument.out_of_range", ("`seeds` is 0", "1 or more")),
        ({"components": 0}, "argument.out_of_range", ("`components` is 0", "1 or more")),
        ({"seconds": -1.0}, "argument.out_of_range", ("`seconds` is -1.0", "0 or more")),
        ({"classifiers": "svn"}, "unknown_name", ("classifier 'svn'", "svm")),
        ({"aggregation": "mean"}, "baselines.all_failed", ("aggregation 'mean'",)),
        ({"protocol": "row_random"}, "protocol.leaks", ("row_random", "i_know_this_leaks")),
        (
            {"protocol": "artist_kfold", "split": "test"},
            "argument.not_applicable",
            ("`split`", "artist_kfold"),
        ),
    ],
)
def test_mistakes_name_arguments(table, tmp_path, arguments, code, named):
    with user_error(code, *named) as caught:
        score_baselines(**{"table": table, "workdir": tmp_path / "run", **arguments})
    assert "--" not in str(caught.value)


def test_a_folder_that_holds_a_network_or_cannot_be_written_is_refused(table, tmp_path):
    (tmp_path / "config.json").touch()
    with user_error("folder.holds_model", tmp_path):
        score_baselines(table=table, workdir=tmp_path)
    with user_error("folder.not_made", table / "run"):
        score_baselines(table=table, workdir=table / "run")
