"""Folders are listed whole, and what is left out is said by reason."""

import errno
import inspect
import os
import sys

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


def into(name, place, *, make=False):
    """Goes from one folder, as a file descriptor, to another; paths may be too long for that."""
    if make:
        os.mkdir(name, dir_fd=place)
    inner = os.open(name, os.O_RDONLY, dir_fd=place)
    os.close(place)
    return inner


def test_audio_is_listed_sorted_and_the_rest_by_reason(tmp_path):
    touch(tmp_path, "b.MP3", "a/c.wav", "a/._c.wav", "notes.txt", ".d.ogg", ".trash/e.wav", "song")
    found = list_audio(tmp_path)
    assert found.paths == [tmp_path / "a/c.wav", tmp_path / "b.MP3"]
    assert found.left_out == {
        "hidden": [".trash", ".d.ogg", "a/._c.wav"],
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


def test_folders_that_link_to_each_other_are_listed_once_more_and_no_further(tmp_path):
    for number in range(14):
        touch(tmp_path, f"f{number:02}/a.wav")
        for way in (1, 2):
            (tmp_path / f"f{number:02}" / f"to{way}").symlink_to(f"../f{(number + way) % 14:02}")
    found = list_audio(tmp_path)
    assert {f"f{number:02}/a.wav" for number in range(14)} <= set(found.sizes)
    assert len(found.sizes) == 28
    left_out = found.left_out
    assert set(left_out) == {
        "listed already, by another link",
        "linked in a circle",
    }


def test_links_out_are_said_before_they_are_followed_and_endless_ones_are_not(tmp_path, caplog):
    touch(tmp_path, "music/rock/a.wav", "store/jazz/b.wav", "store/pop/c.wav")
    rock = tmp_path / "music/rock"
    for name, target in {"all": "/", "processes": "/proc"}.items():
        (rock / name).symlink_to(target)
    (rock / "home").symlink_to(tmp_path)
    (rock / "jazz").symlink_to(tmp_path / "store/jazz")
    (tmp_path / "store/jazz/up").symlink_to("..")
    with caplog.at_level("INFO", "mgr_jax"):
        found = list_audio(tmp_path / "music")
    assert list(found.sizes) == ["rock/a.wav", "rock/jazz/b.wav"]
    assert found.outside == ["rock/jazz"]
    assert f"follow rock/jazz out of {tmp_path / 'music'}, to" in caplog.text
    assert found.left_out["linked to what is no disk (/proc, /sys, /dev)"] == ["rock/processes"]
    loops = found.left_out["linked in a circle"]
    assert {"rock/all", "rock/home", "rock/jazz/up"} <= set(loops)


def test_folders_may_be_nested_deeply(tmp_path):
    depth = 250
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(depth):
        place = into("d", place, make=True)
    os.close(os.open("a.wav", os.O_CREAT, dir_fd=place))
    os.close(place)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        found = list_audio(tmp_path)
    finally:
        sys.setrecursionlimit(limit)
    assert list(found.sizes) == [f"{'d/' * depth}a.wav"]


def test_a_path_that_is_too_long_is_no_link(tmp_path):
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        place = into("d" * 250, place, make=True)
    os.close(place)
    touch(tmp_path, "a.wav")
    with pytest.warns(UserWarning, match="file name too long") as caught:
        assert require_audio_files(tmp_path) == [tmp_path / "a.wav"]
    assert "link" not in str(caught[0].message)
    assert len(str(caught[0].message)) < 400


def test_a_folder_that_goes_away_or_fails_is_left_out_by_the_reason(tmp_path, monkeypatch):
    touch(tmp_path, "rock/a.wav", "jazz/b.wav", "pop/c.wav")
    errors = {"jazz": errno.EIO, "pop": errno.ENOENT}
    scan = os.scandir

    def scandir(path):
        if number := errors.get(os.path.basename(path)):
            raise OSError(number, os.strerror(number), path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list_audio(tmp_path)
    assert list(found.sizes) == ["rock/a.wav"]
    assert found.left_out == {
        "that cannot be read (input/output error)": ["jazz"],
        "that cannot be read (no such file or directory)": ["pop"],
    }
    errors[tmp_path.name] = errno.ESTALE
    with user_error("disk.refused", tmp_path):
        list_audio(tmp_path)


def test_folders_come_before_files_in_what_is_said(tmp_path):
    touch(tmp_path, "a.wav")
    for name in ("b.wav", "c.wav", "d.wav", "rock"):
        (tmp_path / name).symlink_to("nowhere")
    with pytest.warns(UserWarning, match=r"\(rock, b\.wav, c\.wav, …\)"):
        require_audio_files(tmp_path)


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
    with user_error("file.no_home", "~nobodyhere/a.wav"):
        find_audio_files(["~nobodyhere/a.wav"])
    with user_error("folder.not_found", tmp_path / "notes.txt"):
        list_files(tmp_path / "notes.txt")
    assert find_audio_files([tmp_path / "song.mp3"]) == [tmp_path / "song.mp3"]
