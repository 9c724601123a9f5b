"""A dataset is known to be of other files, whatever their sizes and times; and of the same ones."""

import json
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error
from unsealed import unseal_dataset

from mgr_jax.data import sources
from mgr_jax.data.prepare import prepare
from mgr_jax.data.prepared import Prepared
from mgr_jax.data.sources import Mark, SourceFile, describe_changes, read_marks

RATE = 12_000
GENRES = ("jazz", "rock")


def write_wav(path: Path, seed: int) -> None:
    """Half a second of noise; all such files are equally long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 6_000), RATE)


@pytest.fixture
def music(tmp_path) -> Path:
    for number, genre in enumerate(GENRES):
        for track in range(6):
            write_wav(tmp_path / "music" / genre / f"{track}.wav", 10 * number + track)
    return tmp_path / "music"


@pytest.fixture
def build(tmp_path) -> Callable[..., Prepared]:
    def make(folder: Path, dataset: str = "audio_folder", **options) -> Prepared:
        where = {"manual_dir": folder, "data_dir": tmp_path / "tfds", "sample_rate": RATE}
        return prepare(dataset, **where, num_workers=0, progress=False, **options)

    return make


def count_reads(monkeypatch) -> list[str]:
    """Names of the files whose content is looked at from now on."""
    read: list[str] = []
    whole = SourceFile._read_crc32
    monkeypatch.setattr(
        SourceFile, "_read_crc32", lambda file: read.append(file.name) or whole(file)
    )
    return read


def test_marks_are_those_of_the_files(music, build):
    marks = read_marks(build(music).folder)
    assert sorted(marks) == sorted(f"{genre}/{track}.wav" for genre in GENRES for track in range(6))
    for name, mark in marks.items():
        content, state = (music / name).read_bytes(), (music / name).stat()
        times = state.st_mtime_ns, state.st_ctime_ns
        assert mark == Mark(len(content), times, zlib.crc32(content))


def test_what_was_not_touched_is_not_read_again(music, build, monkeypatch):
    found = build(music)
    read = count_reads(monkeypatch)
    assert build(music) == found
    assert not read


@pytest.mark.parametrize("times", ["new", "old"])
def test_another_file_of_the_same_size_is_noticed(music, build, times):
    found = build(music)
    path = music / "rock" / "0.wav"
    before = path.stat()
    write_wav(path, 99)
    if times == "old":  # as cp -p of a file that is as old does
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    with user_error("dataset.other_settings", found.folder, "rock/0.wav has changed", "overwrite"):
        build(music)
    assert build(music, overwrite=True).tracks == found.tracks
    assert build(music) == found


def test_files_that_were_copied_or_touched_are_the_same(music, build, monkeypatch, tmp_path):
    found = build(music)
    os.utime(music / "rock" / "1.wav")
    read = count_reads(monkeypatch)
    assert build(music) == found
    assert read == ["rock/1.wav"]
    copy = tmp_path / "elsewhere" / "music"
    shutil.copytree(music, copy, copy_function=shutil.copyfile)
    assert build(copy) == found
    assert len(read) == 13
    assert build(copy) == found  # the times of the copy are known now
    assert len(read) == 13


def test_what_came_and_went_is_named(music, build):
    found = build(music)
    write_wav(music / "rock" / "new.wav", 50)
    for track in range(4):
        write_wav(music / "jazz" / f"{track}.wav", 60 + track)
    (music / "jazz" / "5.wav").unlink()
    with user_error(
        "dataset.other_settings",
        found.folder,
        "4 have changed (jazz/0.wav, jazz/1.wav, jazz/2.wav, …), rock/new.wav is new, jazz/5.wav "
        "is gone",
    ):
        build(music)


def test_an_index_that_says_otherwise_is_noticed(music, build):
    index = music / "index.csv"
    rows = [f"{g}/{t}.wav,{g},{g}{t},x" for g in GENRES for t in range(6)]
    index.write_text("\n".join(["path,genre,artist,label", *rows]))
    found = build(music)
    text = index.read_text()
    for old, new in (("rock,rock0", "jazz,rock0"), ("rock0,x", "rock0,y"), ("rock0,", "rock1,")):
        index.write_text(text.replace(old, new, 1))
        with user_error("dataset.other_settings", found.folder, "other labels, artists or splits"):
            build(music)
    index.write_text(text)
    assert build(music) == found


def test_a_file_that_could_not_be_read_and_now_can_is_noticed(music, build):
    (music / "rock" / "0.wav").write_bytes(b"no music" * 1_502)
    size = (music / "rock" / "1.wav").stat().st_size
    os.truncate(music / "rock" / "0.wav", size)
    with pytest.warns(UserWarning, match="skipped 1"):
        found = build(music)
    os.utime(music / "rock" / "0.wav")
    assert build(music) == found
    write_wav(music / "rock" / "0.wav", 9)
    with user_error("dataset.other_settings", found.folder, "rock/0.wav has changed"):
        build(music)


def test_a_dataset_of_an_older_version_is_compared_as_it_was(music, build):
    """Version 0.1.0 kept no marks: names and sizes count."""
    found = build(music)
    (found.folder / "sources.json").unlink()
    with user_error("file.damaged", "sources.json", "overwrite"):
        build(music)
    unseal_dataset(found.folder)
    (found.folder / "sources.json").write_text("{}")  # before they were sealed
    assert build(music) == found
    (found.folder / "sources.json").unlink()
    write_wav(music / "rock" / "0.wav", 99)
    assert build(music) == found
    assert not (found.folder / "sources.json").exists()  # what it was made of is not known
    (music / "rock" / "0.wav").unlink()
    with user_error("dataset.other_settings", found.folder, "other files;"):
        build(music)


@pytest.mark.parametrize("spoil", [b"", b"{", b"[]", b'{"a": 1}', b'{"a": [1]}', b"\xff"])
def test_damaged_marks_are_one_sentence(music, build, spoil):
    found = build(music)
    (found.folder / "sources.json").write_bytes(spoil)
    with user_error("file.damaged", "sources.json", "overwrite"):
        build(music)


def test_marks_that_cannot_be_written_anew_are_not_needed(music, build, monkeypatch):
    found = build(music)
    os.utime(music / "rock" / "1.wav")

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("mgr_jax.data.prepare.write_marks", refuse)
    assert build(music) == found


def write_gtzan(manual_dir: Path, form: str, seeds: dict[str, int]) -> Path:
    tree = manual_dir.parent / "tree"
    for track, seed in seeds.items():
        write_wav(tree / "genres" / track.split(".")[0] / f"{track}.wav", seed)
    manual_dir.mkdir(exist_ok=True)
    if form == "folder":
        shutil.copytree(tree / "genres", manual_dir / "genres", dirs_exist_ok=True)
    elif form == "zip":
        with zipfile.ZipFile(manual_dir / "archive.zip", "w") as archive:
            for path in sorted(tree.rglob("*.wav")):
                archive.write(path, path.relative_to(tree))
    else:
        with tarfile.open(manual_dir / "genres.tar.gz", "w:gz") as archive:
            archive.add(tree / "genres", "genres")
    return manual_dir


@pytest.mark.filterwarnings("ignore::UserWarning")  # of genres that are not there
@pytest.mark.parametrize("form", ["folder", "zip", "tar"])
def test_gtzan_in_every_form_is_known_by_its_content(build, tmp_path, form):
    genres = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae")
    tracks = [f"{genre}.{track:05d}" for genre in (*genres, "rock") for track in range(3)]
    seeds = {track: seed for seed, track in enumerate(tracks)}
    manual_dir = write_gtzan(tmp_path / "manual", form, seeds)
    found = build(manual_dir, "gtzan/stratified")
    marks = read_marks(found.folder)
    assert len(marks) == 30
    assert all(mark.times == () for mark in marks.values()) == (form == "zip")
    assert build(manual_dir, "gtzan/stratified") == found
    # The same in another form is the same.
    other = write_gtzan(tmp_path / "other", "folder" if form == "zip" else "zip", seeds)
    assert build(other, "gtzan/stratified") == found
    write_gtzan(manual_dir, form, {"rock.00001": 99})
    with user_error("dataset.other_settings", found.folder, "rock.00001 has changed"):
        build(manual_dir, "gtzan/stratified")


def test_the_account_says_what_the_files_hold(music, build):
    """For whoever asks whether a dataset is that which a run was trained on."""

    def content(prepared: Prepared) -> str:
        return json.loads((prepared.folder / "protocol.json").read_text())["content"]

    first = content(build(music))
    os.utime(music / "rock" / "1.wav")
    assert content(build(music, overwrite=True)) == first
    write_wav(music / "rock" / "1.wav", 99)
    assert content(build(music, overwrite=True)) != first


def test_changes_are_told_in_words():
    known = {"a": Mark(1, (1, 1), 5), "b": Mark(1, (1, 1), None)}
    assert describe_changes(known, {"a": Mark(1, (2, 2), 5), "b": Mark(1, (), None)}) == ""
    assert describe_changes(known, {"a": Mark(2, (1, 1), 5)}) == "a has changed, b is gone"


def test_a_file_that_is_not_there_has_a_mark(tmp_path):
    for name in ("a.wav", "a\0.wav", "a" * 300):
        assert SourceFile(tmp_path, name).mark() == Mark(-1, (), None)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("b.wav", b"xyz")
    assert SourceFile(tmp_path / "a.zip", "a.wav").mark() == Mark(-1, (), None)
    assert SourceFile(tmp_path / "a.zip", "b.wav").mark() == Mark(3, (), zlib.crc32(b"xyz"))
    assert sources.file_state(tmp_path / "a.zip")[0] == (tmp_path / "a.zip").stat().st_size
