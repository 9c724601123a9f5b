"""Damage to what is prepared is found where it is read, and mended or named."""

import errno
import itertools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error
from unsealed import unseal_dataset

from mgr_jax.data import cache
from mgr_jax.data.digests import track_digests
from mgr_jax.data.locate import find_dataset, find_prepared
from mgr_jax.data.prepare import prepare
from mgr_jax.data.prepared import Prepared, describe_prepared
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.leakage.fingerprints import split_sources

RATE = 12_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Prepared:
    """Two genres; the train split takes several blocks of a cache."""
    folder = tmp_path_factory.mktemp("whole")
    rows = ["path,genre,split"]
    for genre, number in itertools.product(("jazz", "rock"), range(4)):
        (folder / "music" / genre).mkdir(parents=True, exist_ok=True)
        seconds, split = [(30, "train"), (30, "train"), (1, "validation"), (1, "test")][number]
        noise = np.random.default_rng([number, len(rows)]).normal(0, 0.1, seconds * RATE)
        soundfile.write(folder / "music" / genre / f"{number}.wav", noise, RATE)
        rows.append(f"{genre}/{number}.wav,{genre},{split}")
    (folder / "music/index.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return build(folder)


def build(folder: Path, **options) -> Prepared:
    where = {"manual_dir": folder / "music", "data_dir": folder / "tfds", "sample_rate": RATE}
    return prepare("audio_folder", **where, num_workers=0, progress=False, **options)


@pytest.fixture
def found(whole, tmp_path) -> Prepared:
    """A copy, to be damaged."""
    shutil.copytree(whole.data_dir, tmp_path / "tfds")
    shutil.copytree(whole.data_dir.parent / "music", tmp_path / "music")
    folder = tmp_path / "tfds" / whole.folder.relative_to(whole.data_dir)
    return describe_prepared(folder, tmp_path / "tfds")


def flip(path: Path, place: float) -> None:
    """Changes a bit, at a share of the file."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


SPOIL = {"flipped": lambda path: flip(path, 0.5), "cut": cut, "gone": Path.unlink}


def all_of(tracks: cache.Tracks) -> list[list[int]]:
    return [tracks.read(number).tolist() for number in range(len(tracks))]


USES = {
    "streaming": lambda tracks: [
        next(loader) for loader in [StreamingLoader(tracks, **CLIPS).train_batches(seed=0)] * 4
    ],
    "evaluation": lambda tracks: list(StreamingLoader(tracks, **CLIPS).eval_batches()),
    "resident": lambda tracks: ResidentLoader(tracks, **CLIPS).data,
    "digests": track_digests,
    "fingerprints": lambda tracks: [source() for source in split_sources(tracks)],
    "parts": lambda tracks: all_of(tracks.cut(1_000)),
}
CLIPS = {"clip_samples": 2_000, "batch_size": 4}


@pytest.mark.parametrize("use", USES)
def test_a_cache_too_large_to_be_read_at_once_is_checked_where_it_is_used(found, use, monkeypatch):
    before = all_of(cache.open_tracks(found.folder, "train"))
    monkeypatch.setattr("mgr_jax.data.cache_check._READ_TO_CHECK", 1000)
    data = found.folder / "cache/train/data.bin"
    flip(data, 0.9)
    tracks = cache.open_tracks(found.folder, "train")
    assert all_of(tracks.select([0, 1])) == before[:2]  # what is whole can be used
    with user_error("cache.damaged", data.parent, "where it holds rock/", "same command again"):
        USES[use](tracks)
    with pytest.warns(UserWarning, match="cache/train is damaged .* it is built again"):
        tracks = cache.open_tracks(found.folder, "train")
    USES[use](tracks)
    assert all_of(tracks) == before


def test_a_bar_is_shown_where_reading_takes_long(found, monkeypatch, open_terminal):
    terminal = open_terminal()
    cache.open_tracks(found.folder, "train", progress=True)
    assert not terminal.getvalue()
    monkeypatch.setattr("mgr_jax.data.cache_data._PATIENCE", 0)
    cache.open_tracks(found.folder, "test", progress=True)
    assert "check test" in terminal.getvalue()


def test_what_was_read_once_is_not_summed_again(found, monkeypatch):
    tracks = cache.open_tracks(found.folder, "train")
    monkeypatch.setattr("mgr_jax.data.cache_data.zlib", None)
    assert len(all_of(cache.open_tracks(found.folder, "train"))) == len(tracks)


@pytest.mark.parametrize(
    "name",
    ["protocol.json", "skipped.json", "notes.json", "features.json", "train.array_record"],
)
def test_a_damaged_file_of_a_dataset_is_named_and_mended_by_building_again(found, name):
    (path,) = found.folder.glob(f"*{name}*")
    content = path.read_bytes()
    shutil.rmtree(found.folder / "cache")
    for spoil in SPOIL.values():
        path.write_bytes(content)
        spoil(path)
        for use in (
            lambda: build(found.data_dir.parent),
            lambda: cache.open_tracks(found.folder, "train"),
        ):
            with user_error("dataset.damaged", path, "prepare_data (`overwrite`)"):
                use()
    assert build(found.data_dir.parent, overwrite=True) == found
    if "array_record" not in name:  # whose names TFDS draws
        assert path.read_bytes() == content


def test_records_of_another_split_are_not_taken(found):
    train, test = (next(found.folder.glob(f"*{name}.array*")) for name in ("train", "test"))
    shutil.copy(test, train)
    with user_error("dataset.damaged", train, "prepare_data (`overwrite`)"):
        cache.open_tracks(found.folder, "train")


def exchange(one: Path, other: Path) -> None:
    for source, target in (
        (one, one.with_name("aside")),
        (other, one),
        (one.with_name("aside"), other),
    ):
        source.rename(target)


def test_a_cache_in_the_place_of_another_is_built_again(found, tmp_path):
    before = {name: all_of(cache.open_tracks(found.folder, name)) for name in ("train", "test")}
    caches = found.folder / "cache"
    exchange(caches / "train", caches / "test")
    for name in before:
        with pytest.warns(UserWarning, match="it is of another split or dataset"):
            assert all_of(cache.open_tracks(found.folder, name)) == before[name]
    (tmp_path / "music/jazz/0.wav").unlink()
    other = prepare(
        "audio_folder",
        manual_dir=tmp_path / "music",
        data_dir=tmp_path / "other",
        sample_rate=16_000,
        num_workers=0,
        progress=False,
    )
    shutil.rmtree(caches)
    shutil.copytree(other.folder / "cache", caches)
    for name in before:
        with pytest.warns(UserWarning, match="it is of another split or dataset"):
            assert all_of(cache.open_tracks(found.folder, name)) == before[name]


def test_a_cache_without_its_sums_is_built_again_where_there_must_be_some(found):
    before = all_of(cache.open_tracks(found.folder, "train"))
    kept = found.folder / "cache/train"
    for names in (["sums.json"], ["sums.json", "blocks.npz", "origin.json"]):
        text = kept / "text.json"
        text.write_text(text.read_text().replace("jazz/0", "jazz/x"))
        for name in names:
            (kept / name).unlink()
        with pytest.warns(UserWarning, match="sums.json cannot be read .* it is built again"):
            tracks = cache.open_tracks(found.folder, "train")
        assert all_of(tracks) == before
        assert "jazz/0" in tracks.track_id[0]


def test_a_dataset_whose_sums_are_gone_is_named(found):
    (found.folder / "sums.json").unlink()
    for use in (
        lambda: build(found.data_dir.parent),
        lambda: cache.open_tracks(found.folder, "train"),
    ):
        with user_error("dataset.damaged", found.folder / "sums.json", "overwrite"):
            use()
    protocol = found.folder / "protocol.json"
    protocol.write_text(protocol.read_text().replace("jazz", "jizz"))
    with user_error("file.damaged", protocol, "overwrite"):
        cache.open_tracks(found.folder, "train")
    assert build(found.data_dir.parent, overwrite=True) == found


def test_a_damaged_cache_that_others_keep_is_named(found, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    kept = found.folder / "cache/train"
    cut(kept / "text.json")
    monkeypatch.setattr(cache, "lock", refuse)
    with user_error("cache.damaged", kept, "text.json has", "you cannot build it again"):
        cache.open_tracks(found.folder, "train")


def test_whole_caches_are_used_whatever_bit_of_a_record_has_flipped(found):
    (records,) = found.folder.glob("*train.array_record*")
    flip(records, 0.5)
    assert len(cache.open_tracks(found.folder, "train")) == 4
    assert build(found.data_dir.parent) == found


def test_a_dataset_of_an_older_version_is_read_as_it_is(found):
    before = all_of(cache.open_tracks(found.folder, "train"))
    unseal_dataset(found.folder)
    assert build(found.data_dir.parent) == found
    assert all_of(cache.open_tracks(found.folder, "train")) == before
    assert not (found.folder / "sums.json").exists()


SHAPES = [0, -1, None, "a", "O", [], [[]], [-1], {}, {"a": 1}, True, float("inf")]
ACCOUNT = ("classes", "tracks", "format", "tags", "split_by", "given")


@pytest.mark.parametrize("name", ["protocol.json", "skipped.json", "notes.json"])
def test_a_description_of_any_shape_is_one_sentence(found, name):
    unseal_dataset(found.folder)
    path = found.folder / name
    account = json.loads((found.folder / "protocol.json").read_text())
    spoilt = [shape for shape in SHAPES if not isinstance(shape, dict)]
    if name == "protocol.json":
        spoilt += [account | {key: shape} for key in ACCOUNT for shape in SHAPES]
        spoilt += [
            account | {"format": account["format"] | {key: shape}}
            for key in account["format"]
            for shape in SHAPES
        ]
    refused = []
    for content in spoilt:
        path.write_text(json.dumps(content))
        try:
            described = describe_prepared(found.folder, found.data_dir)
            find_prepared(str(found.folder), sample_rate=RATE)
            for split in described.tracks:
                cache.open_tracks(found.folder, split)
        except Exception as error:
            refused.append((type(error).__name__, "overwrite" in str(error)))
    assert len(refused) > 0.8 * len(spoilt)
    assert set(refused) == {("UserError", True)}


def test_a_cache_of_an_older_version_is_built_again_where_it_cannot_be_read(found):
    before = all_of(cache.open_tracks(found.folder, "train"))
    unseal_dataset(found.folder)
    path = found.folder / "cache/train/text.json"
    text = json.loads(path.read_text())
    for column, shape in itertools.product(text, [None, ["a"], [1, 2, 3, 4]]):
        path.write_text(json.dumps(text | {column: shape}))
        (found.folder / "cache/train/sums.json").unlink(missing_ok=True)
        with pytest.warns(UserWarning, match="cache/train is damaged .* it is built again"):
            tracks = cache.open_tracks(found.folder, "train")
        assert all_of(tracks) == before


@pytest.mark.parametrize("name", ["dataset_info.json", "protocol.json"])
def test_a_dataset_is_found_by_what_is_left_of_it(found, name):
    (found.folder / name).unlink()
    how = {"sample_rate": RATE, "data_dir": found.data_dir}
    assert find_dataset(found.name, **how) == found.folder
    for path in (found.folder, found.folder.parent):
        with user_error("dataset.damaged", found.folder / name, "overwrite"):
            find_dataset(str(path), **how)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_what_tfds_cannot_read_is_one_sentence(found, name, content):
    unseal_dataset(found.folder)
    (found.folder / name).write_bytes(content)
    shutil.rmtree(found.folder / "cache")
    with user_error("dataset.damaged", found.folder, "overwrite"):
        cache.open_tracks(found.folder, "train")
