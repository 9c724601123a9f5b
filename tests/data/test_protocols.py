"""Protocols: who is on which side, by name."""

from collections import Counter

import numpy as np
import pytest
from errors import user_error

from mgr_jax.data.parts import (
    PROTOCOLS,
    Units,
    artists_parted,
    assign_parts,
    make_protocol,
    require_consent,
)

SPLITS = ("train", "validation", "test")


def units(rows_per_track: int = 1, **changes) -> Units:
    """120 tracks of 3 genres and 30 artists, tracks 0 and 1 of equal content."""
    tracks = np.repeat(np.arange(120), rows_per_track)
    columns = {
        "track": [f"t{t}" for t in tracks],
        "genre": ["abc"[t % 3] for t in tracks],
        "artist": [f"artist{t // 4}" for t in tracks],
        "identical": ["same" if t in (0, 3) else "" for t in tracks],
        "split": [SPLITS[t % 7 % 3] for t in tracks],
    }
    return Units(**columns | changes)


@pytest.mark.parametrize(
    ("name", "whole"), [("stratified_kfold", "track"), ("artist_kfold", "artist")]
)
def test_folds_keep_what_belongs_together_and_score_everything_once(name, whole):
    some = units(rows_per_track=3)
    scored = []
    for fold in range(5):
        parts = assign_parts(name, some, folds=5, fold=fold)
        sides = {}
        for group, part in zip(getattr(some, whole), parts, strict=True):
            sides.setdefault(group, set()).add(part)
        assert all(len(found) == 1 for found in sides.values())
        assert parts[0] == parts[9]  # tracks 0 and 3 are identical
        counts = Counter(parts)
        assert counts["test"] + counts["validation"] == pytest.approx(144, abs=24)
        genres = Counter(g for g, part in zip(some.genre, parts, strict=True) if part == "test")
        assert max(genres.values()) - min(genres.values()) <= 12
        scored += np.flatnonzero(parts == "test").tolist()
    assert sorted(scored) == list(range(360))


def test_row_random_parts_the_rows_of_a_track():
    some = units(rows_per_track=10)
    parts = assign_parts("row_random", some, folds=5)
    sides = {}
    for track, part in zip(some.track, parts, strict=True):
        sides.setdefault(track, set()).add(part)
    assert np.mean([len(found) > 1 for found in sides.values()]) > 0.9
    assert Counter(parts) == {"train": 720, "validation": 240, "test": 240}


def test_two_parts_leave_no_test_and_more_to_train_on():
    parts = assign_parts("row_random", units(), folds=5, parts=2)
    assert Counter(parts) == {"train": 96, "validation": 24}


def test_the_seed_decides_the_folds():
    first, again, other = (
        assign_parts("stratified_kfold", units(), seed=seed) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_folds_of_some_splits_leave_the_others_out():
    some = units()
    parts = assign_parts("stratified_kfold", some, folds=3, splits=("train",))
    outside = np.array(some.split) != "train"
    assert (parts[outside] == "").all()
    assert (parts[~outside] != "").all()


def test_dataset_kfold_keeps_the_datasets_own_columns_together():
    sessions = [f"session {t % 12}" for t in range(120)]
    some = units(together=[sessions])
    parts = assign_parts("dataset_kfold", some, folds=3)
    assert all(len({p for p, s in zip(parts, sessions, strict=True) if s == x}) == 1
               for x in sessions)  # fmt: skip


@pytest.mark.parametrize("name", ["dataset", "official"])
def test_fixed_splits_are_those_that_are_given(name):
    some = units()
    assert assign_parts(name, some, seed=3).tolist() == some.split


@pytest.mark.filterwarnings("ignore:of the fault-filtered")
def test_fault_filtered_takes_the_published_lists_whatever_the_dataset_says():
    names = ["blues.00041", "blues.00000", "blues.99999", "blues.00012"]
    some = Units(names, ["blues"] * 4, [""] * 4, [""] * 4, ["test"] * 4)
    assert assign_parts("fault_filtered", some).tolist() == ["train", "validation", "", "test"]
    with user_error("protocol.missing_tracks", "fault-filtered"):
        assign_parts("fault_filtered", units())


def test_a_leaking_protocol_needs_consent_and_says_what_it_is():
    with user_error("protocol.leaks", "row_random", "i_know_this_leaks"):
        require_consent("row_random", False)
    require_consent("row_random", True)
    for name in PROTOCOLS:
        made = make_protocol(name, units(), ["train"] * 120)
        assert bool(made.leaks) == ("LEAKS" in made.sentence) == (name == "row_random")
        if name != "row_random":
            require_consent(name, False)


def test_artists_on_several_sides_are_counted_and_told():
    some = units()
    assert artists_parted(some, assign_parts("artist_kfold", some).tolist()) == 0
    parted = artists_parted(some, assign_parts("stratified_kfold", some).tolist())
    assert parted > 5
    made = make_protocol("stratified_kfold", some, assign_parts("stratified_kfold", some).tolist())
    assert made.crossing_artists == parted
    assert f"with {parted} artists on several sides" in made.sentence
    assert artists_parted(units(artist=[""] * 120), ["train"] * 120) is None
    seven_unknown = units(artist=[""] * 7 + ["somebody"] * 113)
    made = make_protocol("artist_kfold", seven_unknown, ["0"] * 120, folds=10, parts=2)
    assert made.sentence == (
        "artist_kfold, fold 0 of 10 folds, fitted on 9, seed 0, with 7 items of unknown artist, "
        "whole tracks"
    )


@pytest.mark.parametrize(
    ("name", "options", "code", "named"),
    [
        ("random", {}, "unknown_name", ("protocol 'random'",)),
        ("artist_kfold", {"folds": 2}, "protocol.wrong_fold", ("0 of 2", "3 parts", "3 folds")),
        ("artist_kfold", {"fold": 5}, "protocol.wrong_fold", ("fold 5 of 5",)),
        ("artist_kfold", {"folds": 11}, "split.too_few_groups", ("genre 'a'", "11 folds")),
        ("stratified_kfold", {"parts": 4}, "protocol.wrong_parts", ("4 parts", "3")),
        ("stratified_kfold", {"splits": ("dev",)}, "protocol.empty_split", ("120 items", "dev")),
    ],
)
def test_what_cannot_be_divided_is_said_in_one_sentence(name, options, code, named):
    artists = [f"artist{t // 12}" for t in range(120)]
    with user_error(code, *named):
        assign_parts(name, units(artist=artists), **options)


def test_artist_folds_need_artists():
    half = ["somebody"] * 59 + [""] * 61
    with user_error("artists.unknown", "61 of 120 items", "index of artists"):
        assign_parts("artist_kfold", units(artist=half))
