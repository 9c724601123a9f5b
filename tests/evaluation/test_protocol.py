"""The protocol of a result: what it says, what it is comparable with, and how it is kept."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from errors import user_error
from random_predictions import make_table

from mgr_jax.errors import UserError
from mgr_jax.evaluation import Predictions, Protocol, load_result, save_result
from mgr_jax.evaluation.migration import protocol_of_sentence

# Results of four runs, written by version 0.1.0 at commit 3e496c9 on rendered/demo:
# train and evaluate; baselines; baselines --classifiers=majority --protocol=artist_kfold --seeds=2;
# baselines --classifiers=majority --protocol=row_random --seconds=7 --i_know_this_leaks
OLD = Path(__file__).parent / "goldens" / "v0.1.0"

FOLDS = Protocol("artist_kfold", folds=5, fold=None, parts=2, seeds=(0,))


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        (Protocol("official"), "official, whole tracks"),
        (
            Protocol("dataset", "artist-disjoint split", segments="segments of 3 s"),
            "artist-disjoint split, segments of 3 s",
        ),
        (FOLDS, "artist_kfold, all 5 folds, fitted on 4, seed 0, whole tracks"),
        (
            replace(FOLDS, fold=2, parts=3, splits=("train",), crossing_artists=1),
            "artist_kfold, fold 2 of 5 folds of train, fitted on 3, seed 0, with 1 artist on "
            "several sides, whole tracks",
        ),
        (
            replace(FOLDS, seeds=(3, 4, 5), unknown_artists=7, crossing_artists=0),
            "artist_kfold, all 5 folds, fitted on 4, seeds 3 to 5, with 7 items of unknown artist, "
            "whole tracks",
        ),
        (
            Protocol("official").with_leak("", "artist as an input"),
            "official, whole tracks (LEAKS: artist as an input)",
        ),
    ],
)
def test_people_read_one_sentence(protocol, sentence):
    assert protocol.sentence == sentence
    assert Protocol.from_dict(json.loads(json.dumps(protocol.as_dict()))) == protocol


def test_fixed_sides_are_comparable_whatever_they_are_called():
    ours = Protocol("dataset", "artist-disjoint split", segments="segments of 3 s")
    assert ours.comparable(Protocol("official", seeds=(7,)))
    assert ours.comparable(ours.with_leak("artist as an input"))
    assert not ours.comparable(replace(ours, unit="segment"))


@pytest.mark.parametrize(
    ("change", "comparable"),
    [
        ({"seeds": (1, 2)}, True),
        ({"segments": "segments of 3 s"}, True),
        ({"crossing_artists": 3}, True),
        ({"name": "stratified_kfold"}, False),
        ({"folds": 10}, False),
        ({"parts": 3}, False),
        ({"folds": 0}, False),
    ],
)
def test_folds_are_comparable_if_they_are_divided_and_fitted_alike(change, comparable):
    assert FOLDS.comparable(replace(FOLDS, **change)) == comparable
    assert replace(FOLDS, **change).comparable(FOLDS) == comparable


def test_a_name_in_the_origin_decides_nothing():
    """A file may be called anything, also like what makes another protocol leak."""
    file = Protocol("file", "tracks not trained on of row_random (LEAKS), all 5 folds.npz")
    assert not file.leaks
    assert file.comparable(Protocol("official"))
    assert not protocol_of_sentence(f"{file.origin}, segments of 3 s").leaks


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"name": "official", "author": "x"},
        "official",
        None,
        {"name": "official", "folds": "5"},
        {"name": "official", "leaks": None},
        {"name": "official", "splits": None},
        {"name": "official", "leaks": "yes"},
        {"name": "official", "folds": [5]},
        {"name": 3},
    ],
)
def test_other_contents_are_refused(content):
    with pytest.raises(ValueError, match="not one that this version knows"):
        Protocol.from_dict(content)


def test_a_result_keeps_its_protocol(tmp_path):
    table = replace(make_table("single_label"), protocol=FOLDS)
    saved = save_result(tmp_path, table, None, system="x")
    assert saved.protocol == FOLDS
    assert json.loads((tmp_path / "predictions/test.json").read_text())["protocol"]["folds"] == 5
    assert Predictions.load(tmp_path / "predictions/test.npz").protocol == FOLDS
    assert load_result(tmp_path).protocol == FOLDS


@pytest.mark.parametrize(
    ("run", "split", "protocol"),
    [
        ("crnn", "test", Protocol("dataset", "artist-disjoint split", segments="segments of 8 s")),
        ("svm", "test", Protocol("dataset", "artist-disjoint split")),
        ("kfold", "crossval", replace(FOLDS, seeds=(0, 1))),
        (
            "leaking",
            "crossval",
            replace(
                FOLDS,
                name="row_random",
                unit="segment",
                segments="segments of 7 s",
                leaks=("rows of one track or artist stand on both sides",),
            ),
        ),
    ],
)
def test_results_of_the_first_version_are_read_as_they_were_made(run, split, protocol):
    result = load_result(OLD / run, split)
    assert result.protocol == protocol
    assert Protocol.from_dict(result.scores["protocol"]) == protocol
    assert result.scores["track"]["accuracy"][0] is not None
    assert result.system.endswith("(LEAKS)") == (run == "leaking")
    assert str(result)


@pytest.mark.parametrize(
    ("sentence", "fields"),
    [
        (
            "fault_filtered splits, with 10 artists on several sides and 3 items of unknown "
            "artist, segments of 3 s",
            {"name": "dataset", "origin": "fault_filtered splits", "crossing_artists": 10,
             "unknown_artists": 3, "segments": "segments of 3 s"},
        ),
        (
            "dataset_kfold, fold 1 of 3 folds of train and validation, fitted on 1, seed 4, "
            "segments of 0.5 s",
            {"name": "dataset_kfold", "fold": 1, "folds": 3, "parts": 3, "seeds": (4,),
             "splits": ("train", "validation"), "segments": "segments of 0.5 s"},
        ),
        (
            "official, segments of 3 s, seeds 0 to 2",
            {"name": "official", "origin": "", "seeds": (0, 1, 2), "segments": "segments of 3 s"},
        ),
        (
            "artist_kfold, all 5 folds, fitted on 4, seed 0, whole tracks; artist and album as an "
            "input LEAKS: artists may stand on both sides",
            {"name": "artist_kfold", "unit": "track",
             "leaks": ("artist and album as an input: artists may stand on both sides",)},
        ),
    ],
)  # fmt: skip
def test_sentences_of_the_first_version_become_records(sentence, fields):
    found = protocol_of_sentence(sentence)
    assert {name: getattr(found, name) for name in fields} == fields


def test_a_split_that_was_not_scored_is_one_sentence(tmp_path):
    with user_error("folder.not_found", tmp_path / "run"):
        load_result(tmp_path / "run")
    with user_error("scores.not_found", tmp_path, "validation split first"):
        load_result(tmp_path, "validation")
    save_result(tmp_path, make_table("single_label"), None, system="x")
    with user_error("scores.not_found", tmp_path / "predictions/validation.json", "are test:"):
        load_result(tmp_path, "validation")


def test_a_damaged_result_is_one_sentence(tmp_path):
    save_result(tmp_path, make_table("single_label"), None, system="x")
    file = tmp_path / "predictions/test.json"
    for damage in ("{", "[]", '{"protocol": 3}', file.read_text().replace('"name"', '"nome"')):
        file.write_text(damage)
        with user_error("scores.damaged", file):
            load_result(tmp_path)


def test_whatever_bit_flips_in_a_result_it_is_that_which_was_written_or_refused(tmp_path):
    save_result(tmp_path, make_table("single_label"), None, system="x")
    whole = load_result(tmp_path)
    for file in sorted((tmp_path / "predictions").iterdir()):
        content = file.read_bytes()
        refused = []
        for place in range(0, len(content), len(content) // 60):
            flipped = bytes([content[place] ^ 1 << place % 8])
            for damaged in (content[:place] + flipped + content[place + 1 :], content[:place]):
                file.write_bytes(damaged)
                try:
                    found = load_result(tmp_path)
                except UserError as error:
                    refused.append((error.code, "evaluate" in str(error)))
                else:  # the name of the digest has changed, and nothing else
                    assert {name: found.scores[name] for name in whole.scores} == whole.scores
        assert len(refused) > 100
        assert set(refused) == {("scores.damaged", True)}
        file.write_bytes(content)


def test_scores_of_another_table_are_refused(tmp_path):
    """As where a copy has stopped between the two."""
    table = make_table("single_label")
    for name, each in (("one", table), ("other", replace(table, track=table.track[::-1]))):
        save_result(tmp_path / name, each, None, system="x")
    shutil.copy(tmp_path / "other/predictions/test.npz", tmp_path / "one/predictions/test.npz")
    with user_error("scores.damaged", tmp_path / "one/predictions/test.json", "another table"):
        load_result(tmp_path / "one")
    (tmp_path / "other/run.json").write_text('{"seconds": ')
    with pytest.warns(UserWarning, match="run.json is missing or damaged; what the run has cost"):
        assert load_result(tmp_path / "other").cost == {}
