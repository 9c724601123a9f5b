"""What compare and report say of runs that were scored."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_predictions import make_table

from mgr_jax import cli
from mgr_jax.evaluation import Protocol, evaluate, join_repeats, paired_difference
from mgr_jax.evaluation.results import save_result

OFFICIAL = Protocol("official")
LEAKING = Protocol("row_random", folds=5, parts=2, unit="segment", leaks=("rows are dealt out",))


def answering(table, share, seed=0):
    """The same table with a share of right answers."""
    rng = np.random.default_rng(seed)
    wrong = (table.label + rng.integers(1, 6, len(table.label))) % 6
    answer = np.where(rng.random(len(table.label)) < share, table.label, wrong)
    return replace(table, probabilities=0.4 * np.eye(6)[answer] + 0.1)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Scored runs: good, close to it, bad; a leaking one; one of other tracks; decisions."""
    table = replace(make_table("single_label", tracks=80), protocol=OFFICIAL)
    named = Protocol("dataset", "official splits", segments="segments of 3 s")
    shorter = replace(answering(table, 0.8, seed=1), protocol=named)
    good = answering(table, 0.8)
    tables = {
        "good": good,
        "close": shorter,
        "bad": answering(table, 0.3),
        "leaking": replace(answering(table, 0.99), protocol=LEAKING),
        "elsewhere": good.select(good.track != "track 0"),
        "svm": replace(good, probabilities=np.eye(6)[good.probabilities.argmax(axis=1)]),
    }
    folder = tmp_path_factory.mktemp("scored")
    for name, each in tables.items():
        save_result(folder / name, each, [9, 8, 7, 6, 5, 4], system=f"system {name}")
    (folder / "good/run.json").write_text('{"parameters": 96018, "seconds": 1234.5}')
    return folder


@pytest.fixture
def runs(scored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(scored, tmp_path, dirs_exist_ok=True)


def compare(capsys, *argv, out="c"):
    """Runs the command; the cells are those of the page that it writes."""
    code = cli.main(["compare", *map(str, argv), f"--out={out}"])
    captured = capsys.readouterr()
    cells = {}
    if not code:
        assert max(map(len, captured.out.splitlines())) <= 80 + len(str(out))
        page = (Path(out) / "compare.md").read_text()
        lines = [line for line in page.splitlines() if line.startswith("| system ")]
        cells = {line.split("|")[2].rpartition("/")[2].strip(): line for line in lines[1:]}
    return code, " ".join(captured.out.split()), captured.err, cells


def test_one_table_marks_noise_leaks_and_what_cannot_be_compared(capsys, runs):
    names = ("good", "close", "bad", "leaking", "elsewhere", "svm")
    code, out, err, cells = compare(capsys, *(runs / name for name in names), out=runs / "c")
    assert code == 0, err
    best, close = ("good", "close") if "reference" in cells["good"] else ("close", "good")
    assert "≈" in cells[close]
    assert "these tracks do not show which of the two is better" in out
    assert "≈" not in cells["bad"]
    assert "<0.001" in cells["bad"]
    assert "| 96,018 | 1,234 |" in cells["good"]
    assert "system leaking (LEAKS)" in cells["leaking"]
    assert "LEAKS marks protocols whose scores are too high" in out
    assert "(LEAKS: rows are dealt out)" in cells["leaking"]
    for name in ("leaking", "elsewhere"):
        assert "†" in cells[name]
        assert "≈" not in cells[name]
    assert "a difference would say nothing" in out
    assert "system good; " in out
    assert "system leaking (LEAKS)" in out
    assert (runs / "c/compare.png").read_bytes().startswith(b"\x89PNG")

    with (runs / "c/compare.csv").open(newline="") as file:
        rows = {row["system"].split()[1]: row for row in csv.DictReader(file)}
    assert next(iter(rows)) == best  # the best first, what is not compared last
    assert set(list(rows)[-2:]) == {"leaking", "elsewhere"}
    tables = {name: evaluate_of(runs / name) for name in names}
    for name, (table, result) in tables.items():
        row = rows[name]
        found = [float(row[f"accuracy{end}"]) for end in ("", "_low", "_high")]
        assert found == pytest.approx(result["track"]["accuracy"])
        assert int(row["tracks"]) == result["tracks"]
        if name in (close, "bad", "svm"):
            found = [float(row[f"difference{end}"]) for end in ("", "_low", "_high")]
            wanted = paired_difference(table.by_track(), tables[best][0].by_track(), "accuracy")
            assert found == pytest.approx(wanted)
            assert row["mcnemar_test"]
        else:
            assert row["difference"] == row["mcnemar_p"] == ""
    assert rows["svm"]["log_loss"] == ""
    assert rows["bad"]["parameters"] == ""


def evaluate_of(run):
    from mgr_jax.evaluation import Predictions

    table = Predictions.load(run / "predictions/test.npz")
    return table, json.loads((run / "predictions/test.json").read_text())


def test_a_baseline_a_metric_and_a_folder_of_runs_can_be_named(capsys, runs):
    code, _, err, cells = compare(
        capsys, runs, f"--baseline={runs / 'bad'}", "--metric=log_loss", "--aggregation=vote"
    )
    assert code == 0, err
    assert len(cells) == 6
    assert "reference" in cells["bad"]
    assert "†" in cells["svm"]  # it has no log loss
    assert "| -1." in cells["good"]  # less loss is better
    assert cells["good"].count("[") == 5  # four scores and the difference, all with intervals


def test_repeats_are_shown_with_their_spread(capsys, runs):
    one = replace(make_table("single_label", tracks=80), protocol=OFFICIAL)
    tables = [answering(one, 0.5, seed) for seed in range(3)]
    save_result(runs / "three", join_repeats(tables, protocol=OFFICIAL), None, system="system x")
    capsys.readouterr()
    code, _, err, cells = compare(capsys, runs / "good", runs / "three")
    assert code == 0, err
    each = [evaluate(table, resamples=2)["track"]["accuracy"][0] for table in tables]
    assert f"3, standard deviation {np.std(each, ddof=1):.3f}" in cells["three"]
    assert "McNemar" not in cells["three"]
    assert cells["three"].rstrip(" |").endswith("–")  # its repeats are not independent


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "nothing to compare; give the folders of scored runs"),
        (["good", "nowhere"], "nowhere is no folder"),
        (["good", "--split=validation"], "scored are test"),
        (["good", "--metric=acuracy"], "did you mean accuracy"),
        (["good", "--baseline=."], "holds 6 runs; name one of them"),
    ],
)
def test_mistakes_are_one_sentence(capsys, runs, monkeypatch, argv, says):
    monkeypatch.chdir(runs)
    code, _, err, _ = compare(capsys, *argv)
    assert code == 1
    assert says in err
    assert err.count("\n") == 1


def test_a_damaged_table_is_named(capsys, runs):
    (runs / "good/predictions/test.npz").write_text("x")
    code, _, err, _ = compare(capsys, runs / "good", runs / "bad")
    assert code == 1
    assert "evaluate" in err
    assert err.count("\n") == 1


def test_a_report_aggregates_anew_and_shows_calibration_where_there_is_any(capsys, runs):
    flags = ["report", f"--compare={runs / 'close'}"]
    assert cli.main([*flags, f"--model={runs / 'good'}", "--aggregation=vote"]) == 0
    shown = capsys.readouterr().out
    table, _ = evaluate_of(runs / "good")
    value = evaluate(table, aggregation="vote")["track"]["accuracy"][0]
    assert f"{value:.3f}" in shown
    text = (runs / "good/report/report.md").read_text()
    assert "80 tracks by vote of the segments" in text
    assert "(reliability.png)" in text
    assert cli.main([*flags, f"--model={runs / 'svm'}"]) == 0
    assert "reliability" not in (runs / "svm/report/report.md").read_text()
