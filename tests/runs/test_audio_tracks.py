"""What the files of a folder are called, whatever folders there are."""

import os
import tempfile
from pathlib import Path

import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st

from mgr_jax.runs.audio_tracks import folder_tracks

FOLDERS = st.sampled_from(["", "a/", "b/", "a/b/"])
NUMBERS = st.integers(0, 2500)
PLAIN = st.builds("{}{}.wav".format, FOLDERS, st.sampled_from(["x", "2", "000002"]))
LIKE_FMA = st.sampled_from(["000/000002.mp3", "001/000002.mp3", "001/001002.mp3", "000/2.mp3"])
MUSIC = st.lists(PLAIN | LIKE_FMA, unique=True, min_size=1, max_size=6)


def tracks_of(names):
    """The tracks of a folder, by its files."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        tracks = folder_tracks(Path(folder), None)
        return {track.load.args[0].relative_to(folder).as_posix(): track for track in tracks}


@pytest.mark.filterwarnings("ignore:the labels are the names of folders")
@given(names=MUSIC)
def test_no_two_files_share_a_name(names):
    if {"2.wav", "000/000002.mp3"} <= set(names):
        with user_error("audio.same_name", "called '2'"):
            tracks_of(names)
        return
    tracks = tracks_of(names)
    assert tracks.keys() == set(names)
    assert len({track.track for track in tracks.values()}) == len(names)
    assert len({track.filename for track in tracks.values()}) == len(names)


@given(names=st.lists(PLAIN, unique=True, min_size=1, max_size=5))
def test_the_first_folder_is_the_label(names):
    for name, track in tracks_of(names).items():
        assert track.label == (name.split("/")[0] if "/" in name else "")


def test_folders_called_after_splits_are_no_labels():
    tracks = tracks_of(["train/rock/a.wav", "train/Rock/b.wav", "Test/rock/c.wav", "loose.wav"])
    assert {name: (track.label, track.split) for name, track in tracks.items()} == {
        "train/rock/a.wav": ("rock", "train"),
        "train/Rock/b.wav": ("rock", "train"),
        "Test/rock/c.wav": ("rock", "test"),
        "loose.wav": ("", ""),
    }


def test_an_index_tells_label_artist_and_split(tmp_path):
    for name in ("x/a.wav", "x/b.wav", "000/000002.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    rows = ["path,genre,artist,split", "x\\a.wav,rock,Abba,val", "000/000002.mp3,jazz,Blur,train"]
    (tmp_path / "index.csv").write_text("\n".join(rows))
    with pytest.warns(UserWarning, match=r"does not name 1 .*\(x/b\.wav\)"):
        told = {t.track: (t.label, t.artist, t.split) for t in folder_tracks(tmp_path, None)}
    assert told == {
        "2": ("jazz", "Blur", "train"),
        "a": ("rock", "Abba", "validation"),
        "b": ("", "", ""),
    }


def test_names_that_no_table_can_hold_are_left_out_and_told(tmp_path):
    for name in (b"a.wav", b"b\xff.wav"):
        (tmp_path / os.fsdecode(name)).touch()
    with pytest.warns(UserWarning, match="1 with a name that is not UTF-8"):
        assert [track.track for track in folder_tracks(tmp_path, None)] == ["a"]


def test_folders_that_are_no_genres_are_asked_about():
    with pytest.warns(UserWarning, match="fold1, fold2, which are called after parts"):
        assert tracks_of(["fold1/a.wav", "fold2/b.wav"])["fold1/a.wav"].label == "fold1"


@given(
    root=FOLDERS,
    numbers=st.lists(NUMBERS, unique=True, min_size=1, max_size=5),
    suffix=st.sampled_from([".mp3", ".MP3", ".Mp3"]),
)
def test_fmas_files_are_called_by_their_number_and_have_no_label(root, numbers, suffix):
    names = {f"{root}{n // 1000:03d}/{n:06d}{suffix}": str(n) for n in numbers}
    tracks = tracks_of(names)
    assert {name: track.track for name, track in tracks.items()} == names
    assert {track.label for track in tracks.values()} == {""}
    assert [int(track.track) for track in tracks.values()] == sorted(numbers)


def test_the_same_track_of_two_copies_of_fma_is_refused():
    with user_error("audio.same_name", "called '2'"):
        tracks_of(["fma_small/000/000002.mp3", "fma_large/000/000002.mp3"])
