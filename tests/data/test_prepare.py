"""What preparing gives back, and what it says where a split is empty or a disk is full."""

import csv
import errno
import itertools
import json
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from errors import user_error
from processes import read_until, require_success, start
from tensorflow_datasets.proto import tf_example_pb2
from unsealed import unseal_dataset

import mgr_jax
from mgr_jax.data import cache, cache_writer
from mgr_jax.data.examples import example_head
from mgr_jax.data.fma.metadata import read_tracks
from mgr_jax.data.fma.sources import check_sha1
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.prepare import prepare
from mgr_jax.data.prepared import Prepared
from mgr_jax.data.records import LoadedTrack, Track, audio_records
from mgr_jax.data.track_builder import TrackBuilder
from mgr_jax.runs.audio_tracks import dataset_tracks

RATE = 12_000
GENRES = ("rock", "jazz")


@pytest.fixture
def music(tmp_path) -> Path:
    """Two genres of four tracks, with an index that gives their splits."""
    folder = tmp_path / "music"
    rows = ["path,genre,split"]
    for genre in GENRES:
        (folder / genre).mkdir(parents=True)
        for number, split in enumerate(("train", "train", "validation", "test")):
            noise = np.random.default_rng([number, len(genre), ord(genre[0])]).normal(0, 0.1, 6_000)
            soundfile.write(folder / genre / f"{number}.wav", noise, RATE)
            rows.append(f"{genre}/{number}.wav,{genre},{split}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def build(folder: Path, **options) -> Prepared:
    defaults = {"sample_rate": RATE, "num_workers": 0, "progress": False}
    data_dir = folder.parent / "tfds"
    return prepare("audio_folder", data_dir=data_dir, manual_dir=folder, **defaults | options)


def replace_in_index(folder: Path, old: str, new: str) -> None:
    index = folder / "index.csv"
    index.write_text(index.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_what_was_prepared_is_told(music, capfd):
    (music / "rock/0.wav").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"skipped 1 tracks.*rock/0\.wav is empty"):
        found = build(music)
    assert found.name == "audio_folder/music"
    assert found.sample_rate == RATE
    assert found.data_dir == music.parent / "tfds"
    assert found.tracks == {
        "train": {"jazz": 2, "rock": 1},
        "validation": {"jazz": 1, "rock": 1},
        "test": {"jazz": 1, "rock": 1},
    }
    assert set(found.skipped) == {"rock/0.wav"}
    assert (found.split_by, found.given) == (("track",), True)
    says = "2 classes, 3 train, 2 validation, 2 test tracks (1 skipped), track-disjoint"
    assert str(found) == f"{found.folder}: {says}"
    assert find_dataset(found.name, sample_rate=RATE, data_dir=found.data_dir) == found.folder
    assert {path.name for path in (found.folder / "cache").iterdir()} == set(found.tracks)
    assert not (found.data_dir / ".staging").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is read again
        assert build(music) == found
    assert capfd.readouterr() == ("", "")


def test_records_are_not_compressed_once_more(music, tmp_path):
    """By a method of TFDS's own that is not public: under another name, it would not be asked."""
    (path,) = build(music).folder.glob("*-train.array_record*")
    reader = ArrayRecordReader(str(path))
    assert {"group_size:1", "uncompressed"} <= set(reader.writer_options_string().split(","))
    assert reader.num_records() == 4


@pytest.mark.parametrize("tags", [[], [1, 0, 255]])
def test_examples_are_those_that_tfds_writes(tags):
    """By its serialiser, whose bytes differ in the order of the columns alone."""
    columns = {
        "label": -1,
        "tags": np.array(tags, np.uint8),
        "track_id": "Ümlaut/ß.mp3",
        "artist_id": "",
        "offset": 2**40,
        "length": 128,
    }
    features = tfds.features.FeaturesDict(
        {
            "audio": tfds.features.Scalar(np.object_),
            "label": tfds.features.ClassLabel(num_classes=2),
            "tags": tfds.features.Tensor(shape=(None,), dtype=np.uint8),
            "track_id": tfds.features.Text(),
            "artist_id": tfds.features.Text(),
            "offset": tfds.features.Scalar(np.int64),
            "length": tfds.features.Scalar(np.int64),
        }
    )
    parse = tf_example_pb2.Example.FromString
    for data in (b"", bytes(range(256)) * 3000):
        written = example_head(columns, "audio", len(data)) + data
        wanted = features.serialize_example(features.encode_example({**columns, "audio": data}))
        assert parse(written) == parse(wanted)
        assert len(written) == len(wanted)
        read = features.deserialize_example_np(written)
        assert (read["audio"], read["label"], read["offset"]) == (data, -1, 2**40)
        np.testing.assert_array_equal(read["tags"], tags)


def test_a_missing_cache_is_built_again(music):
    found = build(music)
    shutil.rmtree(found.folder / "cache")
    assert build(music) == found
    assert (found.folder / "cache/train/data.bin").stat().st_size == 2 * 4 * 6_000


def test_the_cache_of_a_build_is_that_of_its_records(music, tmp_path):
    """Written as tracks come, in any order of the index, of records of two lengths, tagged."""
    long = np.random.default_rng(0).normal(0, 0.1, 61 * RATE).astype(np.float32)
    soundfile.write(music / "rock/0.wav", long, RATE)
    (music / "jazz/1.wav").write_bytes(b"")
    lines = (music / "index.csv").read_text(encoding="utf-8").splitlines()
    (music / "index.csv").write_text("\n".join([lines[0], *lines[:0:-1]]), encoding="utf-8")
    with pytest.warns(UserWarning, match="skipped 1 tracks"):
        built = build(music, num_workers=1).folder / "cache"
    shutil.move(built, tmp_path / "built")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        build(music)
    files = sorted(path.relative_to(built) for path in built.rglob("*") if path.is_file())
    assert len(files) == 3 * 6
    for file in files:
        assert (built / file).read_bytes() == (tmp_path / "built" / file).read_bytes(), file


@pytest.mark.parametrize("name", ["audio_folder", "rendered/tiny"])
def test_workers_start_without_tfds(music, name, monkeypatch):
    """It takes longer to import than many a track to load."""
    sent = []

    def note(function, items, **_):
        sent[:] = function, items[0]
        raise StopIteration

    monkeypatch.setattr("mgr_jax.data.track_builder.map_in_processes", note)
    folder = {"manual_dir": music} if name == "audio_folder" else {}
    with pytest.raises(StopIteration):
        prepare(name, data_dir=music.parent / "tfds", sample_rate=RATE, progress=False, **folder)
    code = "import pickle, sys; pickle.load(sys.stdin.buffer); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(sent), capture_output=True, check=True
    )
    loaded = done.stdout.decode().split()
    assert "mgr_jax.data.records" in loaded
    assert not {"tensorflow_datasets", "jax", "av"} & set(loaded)


def test_bars_are_shown_where_they_are_asked_for(music, open_terminal):
    terminal = open_terminal()
    found = build(music, progress=True)
    assert "train: 100%" in terminal.getvalue()
    shutil.rmtree(found.folder / "cache")
    build(music, progress=True)
    assert "cache train" in terminal.getvalue()
    terminal.truncate(0)
    archive = music.parent / "fma_small.zip"
    archive.write_bytes(b"zip")
    check_sha1(archive, allow_other=True, progress=False)
    assert not terminal.getvalue()


def test_features_have_no_rate(tmp_path):
    names = [f"{genre}.{number}" for genre in "ab" for number in range(5)]
    mel = np.random.default_rng(0).normal(size=(10, 4, 6)).astype(np.float32)
    np.savez(tmp_path / "toy.npz", mel=mel, track=np.array(names))
    found = mgr_jax.prepare(
        "feature_array", data_dir=str(tmp_path), features=str(tmp_path / "toy.npz"), num_workers=0
    )
    assert (found.name, found.sample_rate) == ("feature_array/toy", 0)


def test_the_newest_version_is_the_one_of_the_highest_number(tmp_path):
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        folder = tmp_path / "toy/a_12000" / version
        folder.mkdir(parents=True)
        (folder / "dataset_info.json").write_text("{}", encoding="utf-8")
    found = find_dataset("toy/a", sample_rate=RATE, data_dir=tmp_path)
    assert found.name == "1.10.0"


def empty(folder: Path, *numbers: int) -> None:
    for genre in GENRES:
        for number in numbers:
            (folder / genre / f"{number}.wav").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "code", "named"),
    [
        (
            lambda f: replace_in_index(f, ",validation", ",train"),
            "split.empty",
            ("index.csv", "validation"),
        ),
        (
            lambda f: replace_in_index(f, ",train", ",test"),
            "split.empty",
            ("index.csv", "train"),
        ),
        (
            lambda f: empty(f, 2),
            "dataset.unreadable",
            ("2 tracks of the validation split", "2.wav is empty"),
        ),
        (lambda f: empty(f, 3), "dataset.unreadable", ("2 tracks of the test split", "3.wav")),
        (lambda f: empty(f, 0, 1), "dataset.unreadable", ("4 tracks of the train split", "0.wav")),
        (lambda f: empty(f, 0, 1, 2, 3), "dataset.unreadable", ("8 files", "5 more")),
    ],
)
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.filterwarnings("error")
def test_an_empty_split_is_one_sentence_with_reasons(music, spoil, code, named, workers):
    spoil(music)
    with user_error(code, *named):
        build(music, num_workers=workers)
    assert not list((music.parent / "tfds").glob("*"))


def test_a_test_split_may_be_missing(music):
    replace_in_index(music, ",test", ",validation")
    assert list(build(music).tracks) == ["train", "validation"]


def full(wrapped: str) -> Exception:
    """What a writer raises on a full disk."""
    text = os.strerror(errno.ENOSPC)
    if wrapped == "in words":  # as array_record does
        return RuntimeError(f"write() failed: {text}; writing /x; at byte 307200")
    bare = OSError(errno.ENOSPC, text, *(["/x"] if wrapped == "with a name" else []))
    if wrapped != "behind another":
        return bare
    outer = AssertionError("Failed to finalize writing of split")
    outer.__cause__ = bare
    return outer


@pytest.mark.parametrize("wrapped", ["bare", "with a name", "behind another", "in words"])
@pytest.mark.parametrize("where", ["records", "cache"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(music, monkeypatch, wrapped, where):
    def fail(*_, **__):
        raise full(wrapped)

    if where == "records":
        monkeypatch.setattr(TrackBuilder, "format", fail)
        monkeypatch.setattr("mgr_jax.data.audio_builder.AudioBuilder.format", fail)
    else:
        monkeypatch.setattr(cache_writer.Index, "write", fail)
    named = "holds / is full" if wrapped == "with a name" else music.parent / "tfds"
    with user_error("disk.full", named):
        build(music)
    assert not list((music.parent / "tfds").glob("*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_fills_while_the_cache_is_written(music, monkeypatch):
    found = build(music)
    shutil.rmtree(found.folder / "cache")
    path_open = Path.open

    def to_full(path, *arguments, **options):
        full = path.name == "data.bin"
        return path_open(Path("/dev/full") if full else path, *arguments, **options)

    monkeypatch.setattr(Path, "open", to_full)
    with user_error("disk.full", found.folder):
        cache.open_tracks(found.folder, "train", progress=False)
    assert not list((found.folder / "cache").iterdir())


def test_what_was_there_stays_when_the_disk_is_full(music, monkeypatch):
    found = build(music)
    before = {path: path.read_bytes() for path in found.folder.rglob("*") if path.is_file()}

    def fail(*_, **__):
        raise full("bare")

    monkeypatch.setattr(cache_writer.Index, "write", fail)
    with user_error("disk.full", music.parent / "tfds"):
        build(music, overwrite=True)
    assert before == {p: p.read_bytes() for p in found.folder.rglob("*") if p.is_file()}


def test_a_rate_that_nothing_is_stored_at_is_refused(music):
    with user_error("dataset.wrong_rate", "12345", RATE):
        build(music, sample_rate=12_345)


def test_limits_hold_for_every_file_and_name_no_dataset(music):
    limits = mgr_jax.Limits(max_hours=1e-5)
    with user_error("dataset.unreadable", "lasts more than 1e-05 hours"):
        build(music, limits=limits)
    assert build(music, limits=mgr_jax.Limits(max_hours=1)).name == build(music).name


def test_silence_is_no_track():
    track = Track("rock/0", "rock", lambda: LoadedTrack(np.zeros(RATE, np.float32)))
    with user_error("audio.silent", "rock/0"):
        audio_records(track, RATE)


def test_a_folder_that_cannot_be_used_is_named(music, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with user_error("disk.refused", tmp_path / "file", "Not a directory"):
        prepare("audio_folder", data_dir=tmp_path / "file", manual_dir=music, sample_rate=RATE)


def test_the_limit_of_the_csv_module_is_put_back(tmp_path):
    limit = csv.field_size_limit()
    (tmp_path / "tracks.csv").write_text("a,b\nc,d\ne,f\n", encoding="utf-8")
    with user_error("metadata.damaged", "tracks.csv"):
        read_tracks(tmp_path, "small")
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *itertools.product(
            ["data.bin", "blocks.npz", "index.npz", "text.json", "origin.json", "sums.json"],
            ["cut", "changed", "removed"],
        )
    ],
)
def test_a_damaged_cache_is_built_again_with_a_word(music, name, spoil):
    folder = build(music).folder
    path = folder / "cache/train" / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.unlink()
    if spoil != "removed":
        changed = bytes([whole[middle] ^ 4]) + whole[middle + 1 :] if spoil == "changed" else b""
        path.write_bytes(whole[:middle] + changed)
    told = name if name != "sums.json" else ""  # its changed bit may be about any file
    with pytest.warns(UserWarning, match=rf"cache/train is damaged \({told}.*is built again"):
        cache.open_tracks(folder, "train", progress=False)
    assert path.read_bytes() == whole
    assert {path.name for path in (folder / "cache").iterdir()} == {"train", "validation", "test"}


def test_a_cache_of_version_0_1_0_is_read_as_it_is(music):
    folder = build(music).folder
    unseal_dataset(folder)
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert len(cache.open_tracks(folder, "train", progress=False))
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    for name, damage in (("index.npz", b"PK"), ("text.json", b"[]"), ("data.bin", bytes(1000))):
        unseal_dataset(folder)
        (folder / "cache/train" / name).write_bytes(damage)
        with pytest.warns(UserWarning, match="is built again"):
            cache.open_tracks(folder, "train", progress=False)
    for path in (folder / "cache/train/data.bin", folder / "cache/train/text.json"):
        assert path.read_bytes() == before[path]


def test_damaged_records_are_one_sentence(music):
    folder = build(music).folder
    (records,) = folder.glob("*-train.array_record*")
    content = records.read_bytes()
    for position in (200, 1_000, 20_000):  # the end of such a small file is filled up with zeros
        flipped = bytes([content[position] ^ 16])
        for damaged in (content[:position] + flipped + content[position + 1 :], content[:position]):
            records.write_bytes(damaged)
            shutil.rmtree(folder / "cache/train", ignore_errors=True)
            with user_error("dataset.damaged", folder, "overwrite"):
                cache.open_tracks(folder, "train", progress=False)
    assert build(music, overwrite=True).folder == folder


def test_a_damaged_description_is_one_sentence(music):
    found = build(music)
    (found.folder / "protocol.json").write_bytes(b'{"tracks')
    uses = (
        lambda: build(music),
        lambda: cache.open_tracks(found.folder, "train"),
        lambda: dataset_tracks(found.folder),
    )
    for use in uses:
        with user_error("dataset.damaged", found.folder / "protocol.json", "overwrite"):
            use()
    assert build(music, overwrite=True) == found


def test_what_is_there_is_found_where_nothing_can_be_written(music, monkeypatch):
    found = build(music)
    access, refused = os.access, found.data_dir
    monkeypatch.setattr(os, "access", lambda path, how: path != refused and access(path, how))
    monkeypatch.setattr(cache, "lock", None)
    before = found.data_dir.stat().st_mtime_ns
    assert build(music) == found
    assert found.data_dir.stat().st_mtime_ns == before


@pytest.mark.slow
def test_of_builds_at_once_one_builds_and_the_others_wait(music, tmp_path):
    """As on two machines: the processes have numbers of their own."""
    go, data_dir = tmp_path / "go", tmp_path / "tfds"
    first = start("prepare", music, data_dir, go, space=True)
    read_until(first, "half done")
    others = [start("prepare", music, data_dir, go, space=True) for _ in range(2)]
    for other in others:
        assert str(data_dir) in read_until(other, "another process builds")
    first.kill()
    first.communicate(timeout=30)  # one of the others begins anew
    go.touch()
    said = require_success(*others)
    assert sorted("half done" in text for text in said) == [False, True]
    assert all("2 classes, 4 train, 2 validation, 2 test tracks" in text for text in said)
    assert [path.name for path in data_dir.iterdir()] == ["audio_folder"]


@pytest.mark.slow
def test_a_dataset_is_whole_wherever_preparing_is_killed(music, tmp_path):
    require_success(start("prepare_killed", music, tmp_path / "tfds", 20))


def test_records_of_a_track_are_one_row_of_the_index(tmp_path):
    folder, shared = tmp_path / "train", {"artist_id": "x", "groups": "{}"}
    with cache_writer.write_cache(folder, 2) as add:
        for name, offset, length in (("a", 0, 3), ("a", 3, 2), ("b", 0, 4)):
            own = {"track_id": name, "offset": offset, "length": length}
            own |= {"label": len(name), "tags": np.array([0, offset], np.uint8)}
            add(shared | own, bytes(2 * length))
    with np.load(folder / "index.npz") as index:
        found = {name: index[name].tolist() for name in index.files}
    assert found == {"start": [0, 5], "length": [5, 4], "label": [1, 1], "tags": [[0, 0]] * 2}
    text = json.loads((folder / "text.json").read_text(encoding="utf-8"))
    assert text == {"track_id": ["a", "b"], "artist_id": ["x"] * 2, "groups": ["{}"] * 2}
    assert (folder / "data.bin").stat().st_size == 18
