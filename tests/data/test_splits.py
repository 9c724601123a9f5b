"""Splits never part a group, reach every genre, and repeat."""

from collections import Counter

import pytest
from errors import user_error

from mgr_jax.data.splits import assign_splits, crossing, join_groups

FRACTIONS = {"train": 0.6, "validation": 0.2, "test": 0.2}


def tracks(genres=4, artists=10, per_artist=3):
    labels, groups = [], []
    for genre in range(genres):
        for artist in range(artists):
            labels += [f"g{genre}"] * per_artist
            groups += [f"g{genre}a{artist}"] * per_artist
    return labels, groups


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together_and_genres_keep_their_shares(seed):
    labels, groups = tracks()
    splits = assign_splits(labels, groups, fractions=FRACTIONS, seed=seed)
    assert not crossing(groups, splits)
    assert Counter(zip(labels, splits, strict=True)) == {
        (f"g{genre}", split): {"train": 18, "validation": 6, "test": 6}[split]
        for genre in range(4)
        for split in FRACTIONS
    }


def test_the_seed_decides():
    labels, groups = tracks()
    first, again, other = (
        assign_splits(labels, groups, fractions=FRACTIONS, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again != other


@pytest.mark.parametrize("seed", range(20))
def test_groups_across_genres_and_of_unequal_size(seed):
    labels = ["a"] * 9 + ["b"] * 9 + ["c"] * 4
    groups = list("xxxxyyzzw") + list("xxuuvvtts") + list("pqrs")
    splits = assign_splits(labels, groups, fractions=FRACTIONS, seed=seed)
    assert not crossing(groups, splits)
    assert {(label, split) for label, split in zip(labels, splits, strict=True)} == {
        (label, split) for label in "abc" for split in FRACTIONS
    }


def test_three_groups_of_a_genre_go_to_three_splits():
    labels, groups = tracks(genres=2, artists=3)
    splits = assign_splits(labels, groups, fractions=FRACTIONS)
    assert len({(label, split) for label, split in zip(labels, splits, strict=True)}) == 6


def test_one_genre_is_refused():
    with user_error("data.one_genre", "9 tracks"):
        assign_splits(["a"] * 9, list("abcdefghi"), fractions=FRACTIONS)


def test_a_genre_with_a_single_artist_is_refused_by_name():
    labels, groups = tracks(genres=2)
    with user_error("split.too_few_groups", "'polka'", "1 artist", "3 splits"):
        assign_splits(
            [*labels, "polka", "polka"],
            [*groups, "solo", "solo"],
            fractions=FRACTIONS,
            group_name="artist",
        )


def test_fractions_must_sum_to_one():
    with user_error("split.wrong_fractions", "0.9", "0.3"):
        assign_splits(["a", "b"], ["x", "y"], fractions={"train": 0.9, "test": 0.3})


def test_a_seed_is_not_negative():
    with user_error("argument.out_of_range", "`seed` is -1"):
        assign_splits(*tracks(), fractions=FRACTIONS, seed=-1)


def test_groups_that_bind_genres_to_each_other_may_not_be_divisible():
    # a and b put x, y, z and x, y, u each into three splits, so that z and u share one; c needs
    # z, u and v in three.
    groups = {"x": "ab", "y": "ab", "z": "ac", "u": "bc", "v": "c"}
    held = [(label, group) for group, labels in groups.items() for label in labels]
    with user_error("split.not_divisible", "other artists", "`split_by`"):
        assign_splits(*zip(*held, strict=True), fractions=FRACTIONS, group_name="artist")


def test_joined_groups_are_disjoint_in_every_column():
    artist = ["a", "a", "b", "c", "", ""]
    groove = ["1", "2", "2", "3", "3", ""]
    joined = join_groups([artist, groove])
    assert joined[0] == joined[1] == joined[2]
    assert joined[3] == joined[4]
    assert len({joined[0], joined[3], joined[5]}) == 3


def test_crossing_names_what_leaks_and_ignores_the_unknown():
    assert crossing(["a", "a", "b", "", ""], ["train", "test", "test", "train", "test"]) == {
        "a": ["test", "train"]
    }
