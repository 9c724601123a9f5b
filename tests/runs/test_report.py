"""The report of a scored run, by one call and by the command."""

import dataclasses
import json
import os

import numpy as np
from errors import user_error
from random_predictions import make_table

import mgr_jax
from mgr_jax import cli
from mgr_jax.evaluation import save_result


def keep(folder, table=None, system="CRNN", **options):
    counts = [1, 2, 9, 3, 4, 5]
    save_result(folder, table or make_table("single_label"), counts, system=system, **options)
    return folder


def test_a_report_tells_scores_beside_those_of_others(tmp_path):
    run = keep(tmp_path / "a")
    other = make_table("single_label", seed=1)
    label = make_table("single_label").label
    leaking = dataclasses.replace(
        other, label=label, protocol=other.protocol.with_leak("two songs stand on both sides")
    )
    keep(tmp_path / "many" / "svm", leaking, system="SVM")
    log = [{"step": 0, "train/loss": 2.0}, {"step": 5, "train/loss": 1.0, "other": 3}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    report = mgr_jax.write_report(run, compare=[tmp_path / "many"])
    assert report.path == run / "report" / "report.md"
    names = [row["system"] for row in report.rows]
    assert names == ["CRNN", "SVM (LEAKS)", "majority class (class 2)"]
    scores = json.loads((run / "predictions" / "test.json").read_text())
    assert report.rows[0]["accuracy"] == scores["track"]["accuracy"]
    lines = str(report).splitlines()
    assert lines[0] == "test tracks, accuracy with 95 % interval:"
    numbers = "{:.3f} [{:.3f}, {:.3f}]".format(*scores["track"]["accuracy"])
    assert lines[1].split() == ["CRNN", *numbers.split()]
    assert lines[-1] == f"Wrote {report.path}"
    text = report.path.read_text(encoding="utf-8")
    assert "- CRNN: by track, whole tracks; 40 tracks by " in text
    assert "- SVM (LEAKS): by track, whole tracks (LEAKS: two songs stand on both sides); " in text
    pictures = {path.name for path in report.path.parent.glob("*.png")}
    assert pictures == {
        "confusion_matrix.png", "per_class.png", "reliability.png", "history.png",
    }  # fmt: skip


def test_another_split_has_a_folder_of_its_own_and_systems_of_one_name_are_told_apart(tmp_path):
    table = dataclasses.replace(make_table("single_label"), split="validation")
    run, twin = keep(tmp_path / "a", table), keep(tmp_path / "b", table)
    report = mgr_jax.write_report(run, split="validation", compare=[twin], aggregation="vote")
    assert report.path == run / "report" / "validation" / "report.md"
    assert [row["system"] for row in report.rows[:2]] == ["CRNN (a)", "CRNN (b)"]
    assert "40 tracks by vote of the segments" in report.path.read_text(encoding="utf-8")


def test_tags_have_no_confusion_matrix(tmp_path):
    save_result(tmp_path, make_table("multi_label"), None, system="tagger")
    report = mgr_jax.write_report(tmp_path)
    assert report.metric == "average_precision"
    assert not (tmp_path / "report" / "confusion_matrix.png").exists()


def test_other_tracks_are_not_compared(tmp_path):
    table = make_table("single_label")
    run = keep(tmp_path / "a", table)
    other = keep(tmp_path / "b", dataclasses.replace(table, track=np.char.add(table.track, "x")))
    with user_error("comparison.other_tracks", run, other):
        mgr_jax.write_report(run, compare=[other])
    assert not (run / "report").exists()


def test_the_command_prints_what_python_returns(tmp_path, capsys, monkeypatch):
    keep(tmp_path / "a")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cli.main(["report", "--model=~/a"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{mgr_jax.write_report(os.fspath(tmp_path / 'a'))}\n"
    assert cli.main(["report"]) == 1
    assert "give --model" in capsys.readouterr().err
