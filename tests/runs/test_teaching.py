"""The parts of teaching: what belongs together, folds, heads, and what classes mean."""

import numpy as np
import pytest
from errors import user_error
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mgr_jax.data.folder_index import Entry
from mgr_jax.runs.teaching.choice import Songs, choose
from mgr_jax.runs.teaching.folds import deal_folds
from mgr_jax.runs.teaching.heads import Settings, fit_head
from mgr_jax.runs.teaching.mapping import find_mapping
from mgr_jax.runs.teaching.notes import notes_about
from mgr_jax.runs.teaching.songs import Song, group_songs, make_grouping
from mgr_jax.runs.teaching.store import Item


def group(files):
    """Groups songs {path: (sound, artist of the tags)} in folders of their genres."""
    songs = [Song(path, path, path.split("/")[0]) for path in files]
    known = {path: Entry(path, path.split("/")[0]) for path in files}
    items = {path: Item(path, (), 1, sound, artist) for path, (sound, artist) in files.items()}
    songs = group_songs(songs, known, items)
    return songs, make_grouping(songs, items)


def test_an_artist_stays_together_across_albums_and_nobody_is_none():
    songs, _ = group(
        {
            "jazz/Ann/one/a.wav": ("1", ""),
            "jazz/Ann/two/b.wav": ("2", ""),
            "jazz/c.wav": ("3", "Various Artists"),
            "jazz/d.wav": ("4", "various artists"),
            "rock/e.wav": ("5", "Eve"),
            "rock/Ed/f.wav": ("6", "eve"),
        }
    )
    assert songs[0].group == songs[1].group
    assert [song.by for song in songs] == ["folder", "folder", "file", "file", "artist", "artist"]
    assert songs[4].group == songs[5].group


def test_a_genre_of_one_artist_is_parted_and_said_but_not_copies_of_a_song():
    files = {f"jazz/{n}.wav": (f"j{n // 2}", "Ann") for n in range(4)}  # two songs, twice each
    files |= {"rock/a.wav": ("r0", "Eve"), "rock/b.wav": ("r1", "Eve"), "solo/a.wav": ("s", "Al")}
    files |= {"solo/b.wav": ("s", "Al")}
    songs, grouping = group(files)
    assert grouping.parted == ("jazz", "rock")
    jazz = grouping.groups[:4]
    assert jazz[0] == jazz[1] != jazz[2] == jazz[3]
    assert list(grouping.scored) == [True] * 6 + [False] * 2  # solo is one song
    notes = " ".join(notes_about(songs, ("jazz", "rock", "solo"), grouping))
    assert "All songs of jazz, rock are of one artist" in notes
    assert "solo: one song" in notes
    _, together = group({f"{g}/{n}.wav": (f"{g}{n}", "Ann") for g in ("a", "b") for n in range(2)})
    assert together.parted == ()  # one artist of all tells no genre from another
    assert len(set(together.groups)) == 4


def random_songs(rng, signal, untrained_signal, per_genre=13, genres=4, dim=200):
    labels = np.repeat(np.arange(genres), per_genre)
    centres = rng.normal(size=(genres, dim))
    embedding = rng.normal(size=(len(labels), dim)) + signal * centres[labels]
    logits = rng.normal(size=(len(labels), genres)) + untrained_signal * np.eye(genres)[labels]
    counts, groups = np.ones(len(labels), int), np.arange(len(labels))
    return Songs(embedding, counts, labels, groups, genres, softmax(logits, axis=1))


@pytest.mark.parametrize(("signal", "untrained"), [(0.0, 3.0), (0.3, 0.0)])
def test_a_mixture_loses_to_neither_of_its_parts(signal, untrained):
    """53 songs of a probe that learns next to nothing, as of one that needs no help."""
    rights = {"taught": 0, "head": 0, "untrained": 0}
    for seed in range(3):
        songs = random_songs(np.random.default_rng(seed), signal, untrained, dim=60)
        fold = deal_folds(songs.labels, songs.groups, 2, seed)
        for number in range(2):
            learnt, held = songs.select(fold != number), songs.select(fold == number)
            head = choose(learnt).fit(learnt)
            answers = {
                "taught": held.answers(head),
                "head": held.answers(head.mixed(0.0, 1.0)),
                "untrained": held.untrained,
            }
            for name, found in answers.items():
                rights[name] += int((found.argmax(axis=1) == held.labels).sum())
    total = 3 * 52
    assert rights["taught"] >= max(rights["head"], rights["untrained"]) - 0.02 * total


def test_the_linear_head_is_scikit_learns():
    songs = random_songs(np.random.default_rng(0), 0.3, 0.0, dim=30)
    head = fit_head(Settings(penalty=0.1), songs.embedding, songs.labels, 4)
    x = (songs.embedding - head.mean) / head.scale
    peer = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000).fit(x, songs.labels)
    np.testing.assert_allclose(
        head.probabilities(songs.embedding, None), peer.predict_proba(x), atol=5e-3
    )


def test_votes_are_of_the_nearest_by_cosine():
    songs = random_songs(np.random.default_rng(1), 0.3, 0.0, dim=30)
    head = fit_head(Settings("knn", neighbours=5), songs.embedding, songs.labels, 4)
    x = (songs.embedding - head.mean) / head.scale
    peer = KNeighborsClassifier(5, metric="cosine").fit(x, songs.labels)
    expected = (5 * peer.predict_proba(x) + 0.25) / 6
    np.testing.assert_allclose(head.probabilities(songs.embedding, None), expected, atol=1e-9)


def test_folds_keep_groups_whole_and_genres_spread():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 30, 200)
    labels = (groups + rng.integers(0, 2, 200)) % 4
    fold = deal_folds(labels, groups, 5)
    assert all(len(set(fold[groups == group])) == 1 for group in groups)
    for label in range(4):
        counts = np.bincount(fold[labels == label], minlength=5)
        assert counts.min() > 0
        assert counts.max() <= 2.5 * counts.mean()


def test_genres_are_found_among_classes_that_are_called_alike():
    classes = (
        "Music",
        "Hip hop music",
        "Heavy metal",
        "Classical music",
        "Rock music",
        "Soul music",
    )
    found = find_mapping(("hiphop", "metal", "classical", "Rock", "polka", "_other"), classes)
    assert found == {
        "hiphop": ("Hip hop music",),
        "metal": ("Heavy metal",),
        "classical": ("Classical music",),
        "Rock": ("Rock music",),
    }


def test_a_mapping_file_may_name_several_classes(tmp_path):
    path = tmp_path / "mapping.csv"
    path.write_text("genre,class\nloud,Heavy metal\nloud,Rock music\n", encoding="utf-8")
    classes = ("Heavy metal", "Rock music")
    assert find_mapping(("loud",), classes, path) == {"loud": classes}
    path.write_text("genre,class\nloud,Folk\n", encoding="utf-8")
    with user_error("unknown_name", "Folk"):
        find_mapping(("loud",), classes, path)
