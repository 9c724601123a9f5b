"""Splits and folds of any music: what no division may do, whatever the artists are like."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from mgr_jax.data.parts import Units, assign_parts, fold_numbers
from mgr_jax.data.splits import assign_splits, crossing, join_groups
from mgr_jax.errors import UserError

SEEDS = st.integers(0, 5)
SHARES = st.lists(st.integers(1, 8), min_size=2, max_size=4).map(
    lambda parts: {f"split {i}": part / sum(parts) for i, part in enumerate(parts)}
)
COLUMNS = st.integers(1, 12).flatmap(
    lambda tracks: st.lists(
        st.lists(st.sampled_from(["", "a", "b", "c", "d"]), min_size=tracks, max_size=tracks),
        min_size=1,
        max_size=3,
    )
)


@st.composite
def artists_of_one_genre(draw, least: int):
    """Genres and artists of tracks: of every genre, `least` artists or more of some tracks."""
    labels, artists = [], []
    for genre in range(draw(st.integers(2, 4))):
        sizes = draw(st.lists(st.integers(1, 6), min_size=least, max_size=least + 4))
        for artist, tracks in enumerate(sizes):
            labels += [f"genre {genre}"] * tracks
            artists += [f"artist {genre}-{artist}"] * tracks
    return labels, artists


@given(data=st.data(), fractions=SHARES, seed=SEEDS)
def test_splits_part_no_artist_and_give_every_genre_to_every_split(data, fractions, seed):
    labels, artists = data.draw(artists_of_one_genre(len(fractions)))
    splits = assign_splits(labels, artists, fractions=fractions, seed=seed)
    assert not crossing(artists, splits)
    assert set(zip(labels, splits, strict=True)) == {
        (label, split) for label in set(labels) for split in fractions
    }
    assert splits == assign_splits(labels, artists, fractions=fractions, seed=seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = assign_splits(
        [labels[i] for i in order], [artists[i] for i in order], fractions=fractions, seed=seed
    )
    assert shuffled == [splits[i] for i in order]


@given(tracks=st.lists(st.integers(4, 60), min_size=2, max_size=4), fractions=SHARES, seed=SEEDS)
def test_tracks_alone_are_dealt_out_by_their_shares(tracks, fractions, seed):
    assume(min(fractions.values()) * min(tracks) >= 1)  # no split needs more than its share
    labels = np.repeat([f"genre {genre}" for genre in range(len(tracks))], tracks).tolist()
    artists = [str(track) for track in range(len(labels))]
    found = Counter(
        zip(labels, assign_splits(labels, artists, fractions=fractions, seed=seed), strict=True)
    )
    for genre, count in enumerate(tracks):
        for split, share in fractions.items():
            assert abs(found[f"genre {genre}", split] - share * count) < 2


@given(data=st.data(), fractions=SHARES, seed=SEEDS)
def test_artists_of_several_genres_are_not_parted_either(data, fractions, seed):
    tracks = data.draw(st.integers(10, 30))
    labels = data.draw(st.lists(st.sampled_from("xy"), min_size=tracks, max_size=tracks))
    artists = data.draw(st.lists(st.sampled_from("abcdefgh"), min_size=tracks, max_size=tracks))
    try:
        splits = assign_splits(labels, artists, fractions=fractions, seed=seed)
    except UserError:
        reject()  # too few artists of a genre, mostly
    assert not crossing(artists, splits)
    assert set(zip(labels, splits, strict=True)) == {
        (x, split) for x in "xy" for split in fractions
    }


@given(columns=COLUMNS)
def test_groups_are_what_a_chain_of_shared_values_joins(columns):
    tracks = range(len(columns[0]))
    together = np.eye(len(tracks), dtype=bool)
    for column in columns:
        together |= [[bool(column[i]) and column[i] == column[j] for j in tracks] for i in tracks]
    for _ in tracks:  # the chains of one more link
        together = together @ together
    groups = join_groups(columns)
    assert [[groups[i] == groups[j] for j in tracks] for i in tracks] == together.tolist()
    assert groups == [str(row.argmax()) for row in together]


@given(data=st.data(), folds=st.integers(3, 5), seed=SEEDS)
@pytest.mark.parametrize("name", ["stratified_kfold", "artist_kfold"])
def test_every_track_is_scored_in_one_fold_and_trained_on_in_the_others(name, data, folds, seed):
    genre, artist = data.draw(artists_of_one_genre(folds))
    track = [f"track {i}" for i in range(len(genre))]
    units = Units(track, genre, artist, identical=[""] * len(genre), split=["train"] * len(genre))
    parts = np.array(
        [assign_parts(name, units, folds=folds, fold=k, seed=seed) for k in range(folds)]
    )
    np.testing.assert_array_equal((parts == "test").sum(axis=0), 1)
    np.testing.assert_array_equal((parts == "validation").sum(axis=0), 1)
    np.testing.assert_array_equal((parts == "train").sum(axis=0), folds - 2)
    number = fold_numbers(name, units, folds=folds, seed=seed)
    np.testing.assert_array_equal((parts == "test").argmax(axis=0), number)
    for fold in range(folds):
        assert set(np.array(genre)[number == fold]) == set(genre)
        if name == "artist_kfold":
            assert not crossing(artist, parts[fold].tolist())
