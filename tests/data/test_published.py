"""Published lists and known copies are data that is found by looking."""

import shutil
import warnings

import numpy as np
import pytest
from errors import user_error

from mgr_jax import third_party
from mgr_jax.data.artists import find_artists, read_artists
from mgr_jax.data.named_splits import split_names, split_tracks
from mgr_jax.data.parts import PROTOCOLS
from mgr_jax.data.prepare import prepare
from mgr_jax.data.published import assign_published, copies_of_scored, list_names, read_list

COPIES = ("disco.00098", "hiphop.00039", "pop.00067", "reggae.00081")


@pytest.fixture
def more_lists(tmp_path, monkeypatch):
    """The tables of others with one more list, and known copies of it."""
    folder = shutil.copytree(third_party.third_party_path("."), tmp_path / "third_party")
    (folder / "splits/of_mine.csv").write_text("track,split\na,train\nb,validation\nc,test\n")
    (folder / "copies/of_mine.csv").write_text("track,copy_of\nd,c\n")
    monkeypatch.setattr(third_party, "_PLACES", (folder,))


def test_a_list_that_is_put_there_is_found(more_lists):
    assert list_names() == ("fault_filtered", "of_mine")
    assert read_list("of_mine") == {"a": "train", "b": "validation", "c": "test"}
    assert set(split_names()) == {"fault_filtered", "of_mine", "stratified", "artist"}
    with pytest.warns(UserWarning, match="of the of-mine tracks there are 1 of 1 train, 0 of 1"):
        splits, account = assign_published("of_mine", ["a", "z", "a", "c"])
    assert splits == ["train", "", "train", "test"]
    assert account["unlisted"] == 1
    assert copies_of_scored(["a", "d"]) == {"d": "c"}
    options = {"artists": None, "fractions": (), "seed": 0, "identical": [""] * 3}
    splits, _ = split_tracks("abc", "xyx", splits="of_mine", **options)
    assert splits == ["train", "validation", "test"]


def test_every_list_is_a_protocol():
    assert set(list_names()) <= set(PROTOCOLS)
    with user_error("unknown_name", "'fault_filterd'", "fault_filtered"):
        read_list("fault_filterd")


def test_known_copies_stand_on_no_list_and_copy_scored_tracks():
    lists = read_list("fault_filtered")
    copies = copies_of_scored(f"{track}.wav" for track in COPIES)
    assert [track.removesuffix(".wav") for track in copies] == list(COPIES)
    for track, original in copies.items():
        assert track.removesuffix(".wav") not in lists
        assert lists[original] == "test"
        assert original.split(".")[0] == track.split(".")[0]


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("pop.00067", True),
        ("pop/pop.00067.flac", True),
        ("genres\\pop\\pop.00067.3.wav", True),
        ("pop.00071", False),
        ("pop.000670", False),
        ("jazzpop.00067", False),
    ],
)
def test_copies_are_known_whatever_surrounds_their_name(name, known):
    assert copies_of_scored([name]) == ({name: "pop.00071"} if known else {})


def test_preparing_says_that_copies_would_be_trained_on(tmp_path):
    genres = {copy.split(".")[0]: copy for copy in COPIES}
    tracks = [f"{genre}.{n:05d}" for genre in genres for n in range(200, 208)] + list(COPIES)
    rng = np.random.default_rng(0)
    arrays = {"mel": rng.normal(size=(36, 4, 6)).astype(np.float32), "track": np.array(tracks)}
    split = np.array((["train"] * 4 + ["validation"] * 2 + ["test"] * 2) * 4 + ["train"] * 4)
    np.savez(tmp_path / "all.npz", **arrays, split=split)
    options = {"num_workers": 0, "features": tmp_path / "all.npz", "progress": False}
    with pytest.warns(UserWarning, match=r"4 of the training tracks are copies.*pop\.00071"):
        prepare("feature_array", data_dir=tmp_path / "a", splits="given", **options)
    # Where they are not trained on there is nothing to say.
    np.savez(tmp_path / "all.npz", **arrays, split=np.where(np.arange(36) < 32, split, "test"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare("feature_array", data_dir=tmp_path / "b", splits="given", **options)


def test_an_index_of_artists_may_have_empty_fields(tmp_path):
    index = tmp_path / "artists.csv"
    index.write_text("track,artist,title\nt1,A,\nt2\n\n,B,\nt3,,C\nt4,D,E,F\n", encoding="utf-8")
    assert read_artists(index) == {"t1": "A", "t2": "", "t3": "", "t4": "D"}
    assert find_artists(index, ["t2", "t1", "t9"]) == ["", "A", ""]
    with user_error("table.no_match", index, "2 tracks", "such as x"):
        find_artists(index, ["x", "y"])
