"""Folders are listed whole, and what is left out is said by reason."""

import os

import pytest
from av.format import ContainerFormat
from errors import user_error

from mgr_jax.audio.decoder import CONTAINERS
from mgr_jax.audio.listing import (
    AUDIO_SUFFIXES,
    find_audio_files,
    list_audio,
    list_files,
    require_audio_files,
)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_audio_is_listed_sorted_and_the_rest_by_reason(tmp_path):
    touch(tmp_path, "b.MP3", "a/c.wav", "a/._c.wav", "notes.txt", ".d.ogg", ".trash/e.wav", "song")
    found = list_audio(tmp_path)
    assert found.paths == [tmp_path / "a/c.wav", tmp_path / "b.MP3"]
    assert found.left_out == {
        "hidden": [".d.ogg", ".trash", "a/._c.wav"],
        ".txt": ["notes.txt"],
        "without a suffix": ["song"],
    }


def test_what_ffmpeg_calls_the_formats_that_are_read_is_found():
    names = {
        f".{name}"
        for container in CONTAINERS.split(",")
        for name in ContainerFormat(container, "r").extensions
    }
    assert len(names) > 50
    pictures_and_subtitles = {".avif", ".heic", ".heif", ".mj2", ".mks"}
    others = {".ism", ".isma", ".ismv", ".psp", ".nut"}  # of servers, of a console, program text
    assert names - set(AUDIO_SUFFIXES) == pictures_and_subtitles | others
    assert list(AUDIO_SUFFIXES) == sorted(set(AUDIO_SUFFIXES))


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path):
    touch(tmp_path, "store/jazz/a.wav", "music/rock/b.wav")
    music = tmp_path / "music"
    (music / "jazz").symlink_to("../store/jazz")
    (music / "rock" / "again").symlink_to("..")
    (music / "rock" / "self.wav").symlink_to("self.wav")
    (music / "rock" / "gone.wav").symlink_to("nowhere.wav")
    (music / "twin").symlink_to("rock")
    (tmp_path / "all").symlink_to("music")
    for folder in (music, tmp_path / "all"):
        found = list_audio(folder)
        assert list(found.sizes) == ["jazz/a.wav", "rock/b.wav", "twin/b.wav"]
        assert found.outside == ["jazz"]
        assert found.left_out["linked in a circle"] == ["rock/again", "twin/again"]
        assert len(found.left_out["linked to nowhere"]) == 4


def test_what_is_no_regular_file_is_not_opened(tmp_path):
    touch(tmp_path, "a.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    found = list_audio(tmp_path)
    assert list(found.sizes) == ["a.wav"]
    assert found.left_out == {"of a special kind, such as pipes": ["pipe.wav"]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path):
    touch(tmp_path, "rock/a.wav", "jazz/b.wav")
    (tmp_path / "jazz").chmod(0)
    try:
        assert list_audio(tmp_path).left_out == {
            "that may not be read (permission denied)": ["jazz"]
        }
    finally:
        (tmp_path / "jazz").chmod(0o755)


def test_companions_of_music_are_no_reason_to_warn(tmp_path, recwarn, caplog):
    touch(tmp_path, "a.wav", "cover.jpg", "list.m3u")
    with caplog.at_level("INFO", "mgr_jax"):
        assert require_audio_files(tmp_path) == [tmp_path / "a.wav"]
    assert not recwarn.list
    assert "1 .jpg, 1 .m3u" in caplog.text
    touch(tmp_path, "b.mp3.part")
    with pytest.warns(UserWarning, match=r"1 \.part \(b\.mp3\.part\)"):
        require_audio_files(tmp_path)


def test_files_can_be_left_out_for_a_reason_of_ones_own(tmp_path):
    touch(tmp_path, "a.wav", "b.wav", "c.wav", "notes.txt")
    found = list_audio(tmp_path)
    less = (
        found.without(["b.wav"], "too long").without([], "nothing").without(["a.wav"], "too long")
    )
    assert list(less.sizes) == ["c.wav"]
    assert less.left_out == {".txt": ["notes.txt"], "too long": ["b.wav", "a.wav"]}
    assert list(found.sizes) == ["a.wav", "b.wav", "c.wav"]


def test_folders_without_audio_and_what_is_none_are_sentences(tmp_path):
    touch(tmp_path, "notes.txt")
    with user_error("audio.no_files", tmp_path, "1 .txt"):
        find_audio_files([tmp_path])
    with user_error("folder.not_found", tmp_path / "notes.txt"):
        list_files(tmp_path / "notes.txt")
    assert find_audio_files([tmp_path / "song.mp3"]) == [tmp_path / "song.mp3"]
