"""What stands on both sides of a split is counted as a person would count it."""

from collections import namedtuple

import numpy as np

from mgr_jax.leakage.crossing import audit_pairs, audit_splits, identical_rows

Pair = namedtuple("Pair", ["first", "second"])
SPLITS = ["train", "train", "train", "test", "test"]


def test_columns_that_cross():
    found = audit_splits(
        ["a", "b", "c", "d", "a"],
        SPLITS,
        ["Abba", "Abba", "", "Abba", ""],
        {"album": ["1", "1", "2", "3", "3"]},
    )
    assert found["tracks"] == {"train": 3, "test": 2}
    track, artist, album = (found["columns"][name] for name in ("track", "artist", "album"))
    assert track["crossing"] == {"a": ["test", "train"]}
    assert track["affected"] == {"train": 1, "test": 1}
    # An unknown artist is nobody: it never crosses.
    assert (artist["known"], artist["values"]) == (3, 1)
    assert artist["crossing"] == {"Abba": ["test", "train"]}
    assert artist["affected"] == {"train": 2, "test": 1}
    assert album["crossing"] == {}
    assert (album["known"], album["values"]) == (5, 3)


def test_pairs_across_and_within():
    found = audit_pairs([Pair(0, 1), Pair(0, 3), Pair(2, 3), Pair(3, 4)], SPLITS)
    assert found["across"] == [1, 2]
    assert found["others"] == [0, 3]
    assert found["between"] == {"test, train": 2}
    assert found["affected"] == {"train": 2, "test": 1}
    assert audit_pairs([], SPLITS)["across"] == []


def test_tracks_in_no_split_are_on_no_side():
    splits = ["train", "", "test", ""]
    found = audit_splits(["a", "b", "c", "d"], splits, ["Abba", "Abba", "Blur", "Blur"], {})
    assert found["columns"]["artist"]["crossing"] == {}
    assert audit_pairs([Pair(0, 1), Pair(1, 3), Pair(0, 2)], splits)["across"] == [2]


def test_identical_rows_agree_with_comparing_all():
    rng = np.random.default_rng(0)
    tracks = [rng.integers(0, 3, (rng.integers(1, 5), 3)).astype(np.float32) for _ in range(20)]
    expected = []
    for first, one in enumerate(tracks):
        for second in range(first + 1, len(tracks)):
            same = np.argwhere((one[:, None] == tracks[second][None]).all(axis=2))
            if len(same):
                expected.append((first, second, *same[0]))
    assert expected
    assert [tuple(pair) for pair in identical_rows(tracks)] == expected
