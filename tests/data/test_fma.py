"""FMA is read as it is published: its odd table, its splits, its subsets and its bad files."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import tensorflow_datasets as tfds
from errors import user_error
from fma_miniature import (
    BROKEN,
    EMPTY,
    HERTZ,
    LONG,
    MISSING,
    NO_AUDIO,
    NO_GENRE,
    RATE,
    ROOTS,
    SHORT,
    builder,
    make_rows,
    mp3_path,
    write_metadata,
    write_mp3,
    zip_folder,
)

from mgr_jax.data.cache import Tracks, open_tracks
from mgr_jax.data.fma import published
from mgr_jax.data.fma.metadata import Genre, Row, genre_tags
from mgr_jax.data.fma.sources import find_clips
from mgr_jax.data.pipeline import open_split
from mgr_jax.data.prepare import prepare
from mgr_jax.data.prepared import read_account
from mgr_jax.data.track_builder import Plan
from mgr_jax.training.inference import predict_run
from mgr_jax.training.train import train


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """fma_metadata/ and fma_large/ with one mp3 per track, some of them bad."""
    root = tmp_path_factory.mktemp("unpacked")
    write_metadata(root / "fma_metadata")
    clips = root / "fma_large"
    for track, row in make_rows().items():
        hertz = HERTZ.get(row["track", "genre_top"], 900)
        write_mp3(mp3_path(clips, track), track, hertz, 65 if track == LONG else 0.5)
    mp3_path(clips, BROKEN).write_text("this is no music\n" * 100)
    mp3_path(clips, EMPTY).write_bytes(b"")
    mp3_path(clips, MISSING).unlink()
    shutil.copy(mp3_path(clips, 1_000), mp3_path(clips, 1_002))
    (clips / "README.txt").write_text("read me")
    return root


@pytest.fixture(scope="module")
def zipped(unpacked, tmp_path_factory) -> Path:
    """The same as archives."""
    root = tmp_path_factory.mktemp("zipped")
    for name in ("fma_metadata", "fma_large"):
        shutil.copytree(unpacked / name, root / name)
        zip_folder(root / name)
        shutil.rmtree(root / name)
    return root


@pytest.fixture
def plan(tmp_path) -> Callable[..., Plan]:
    def make(manual_dir: Path, subset: str = "medium", **options) -> Plan:
        return builder(subset, tmp_path / "tfds", **options).plan(manual_dir)

    return make


def build(manual_dir: Path, data_dir: Path, subset: str, workers: int = 0) -> Path:
    made = builder(subset, data_dir)
    made.num_workers = workers
    options = tfds.download.DownloadConfig(manual_dir=str(manual_dir))
    made.download_and_prepare(file_format="array_record", download_config=options)
    return Path(made.data_dir)


@pytest.fixture(scope="module")
def large(zipped, tmp_path_factory) -> Path:
    return build(zipped, tmp_path_factory.mktemp("tfds"), "large", workers=2)


def by_id(tracks: Tracks) -> dict[int, int]:
    return {int(name): position for position, name in enumerate(tracks.track_id)}


def ids(plan: Plan) -> dict[str, set[int]]:
    return {split: {int(track.track_id) for track in of} for split, of in plan.tracks.items()}


def test_subsets_are_cumulative_and_splits_the_published_ones(plan, zipped):
    rows = make_rows()
    for subset, wanted in [
        ("small", {"small"}),
        ("medium", {"small", "medium"}),
        ("large", {"small", "medium", "large"}),
    ]:
        published_split = {
            split: {
                track
                for track, row in rows.items()
                if row["set", "split"] == name and row["set", "subset"] in wanted
            }
            for split, name in [("train", "training"), ("validation",) * 2, ("test",) * 2]
        }
        assert ids(plan(zipped, subset)) == published_split


def test_folders_and_archives_give_the_same(unpacked, large, tmp_path):
    other = build(unpacked, tmp_path, "large")
    for split in ("train", "validation", "test"):
        one, two = (
            list(tfds.builder_from_directory(str(folder)).as_data_source(split))
            for folder in (large, other)
        )
        assert len(one) == len(two) > 0
        for a, b in zip(one, two, strict=True):
            np.testing.assert_equal(a, b)
    one, two = (read_account(folder) for folder in (large, other))
    assert set(one.pop("checksum")) == {"fma_metadata.zip", "fma_large.zip"}
    assert two.pop("checksum") == {"fma_metadata": "folder", "fma_large": "folder"}
    assert one == two


def test_stored_is_what_the_table_says(large):
    tracks = open_tracks(large, "test")
    assert tracks.classes == ("Electronic", "Hip-Hop", "Rock")
    where = by_id(tracks)[1_008]
    assert tracks.classes[tracks.label[where]] == "Rock"
    assert tracks.artist_id[where] == "124"
    assert json.loads(tracks.groups[where]) == {"album": "504", "subset": "small"}
    spectrum = np.abs(np.fft.rfft(tracks.read(where)))
    assert spectrum.argmax() / tracks.length[where] * RATE == pytest.approx(308, abs=3)


def test_tags_are_all_genres_with_their_ancestors(large):
    tracks = open_tracks(large, "train")
    # In the order of the ids; genre 763 occurs nowhere.
    assert tracks.tag_names == (
        "Rock", "Electronic", "Hip-Hop", "Punk", "Post-Punk", "Techno", "Hip-Hop Beats",
    )  # fmt: skip
    expected = {
        1_000: [1, 0, 0, 0, 0, 0, 0],
        1_001: [1, 0, 0, 1, 1, 0, 0],
        2_000: [0, 1, 0, 0, 0, 0, 0],
        2_003: [0, 1, 0, 0, 0, 1, 0],
        3_005: [0, 0, 1, 0, 0, 0, 1],
        NO_GENRE: [1, 1, 0, 1, 1, 1, 0],
    }
    where = by_id(tracks)
    for track, tags in expected.items():
        np.testing.assert_array_equal(tracks.tags[where[track]], tags)
    assert tracks.label[where[NO_GENRE]] == -1
    assert "album" not in json.loads(tracks.groups[where[NO_GENRE]])


def test_titles_that_several_genres_have_are_told_apart():
    genres = {5: Genre("Noise", 0), 7: Genre("Noise", 9), 9: Genre("Rock", 9)}  # its own parent
    row = Row(1, "train", "small", "", (7, 5), "", "")
    assert genre_tags([row], genres) == (
        ("Noise (5)", "Noise (7)", "Rock"),
        {1: ("Noise (5)", "Noise (7)", "Rock")},
    )


def test_a_long_track_becomes_two_records_and_reads_back_in_full(large, unpacked):
    found = [
        record
        for record in tfds.builder_from_directory(str(large)).as_data_source("train")
        if record["track_id"] == str(LONG).encode()
    ]
    assert sorted(record["offset"] for record in found) == [0, 60 * RATE]
    stereo, native_rate = soundfile.read(
        mp3_path(unpacked / "fma_large", LONG), dtype="float32", always_2d=True
    )
    assert len(stereo) >= 65 * native_rate
    expected = soxr.resample(stereo.mean(axis=1), native_rate, RATE, "HQ")
    tracks = open_tracks(large, "train")
    read = tracks.read(by_id(tracks)[LONG])
    assert len(read) == len(expected)
    np.testing.assert_allclose(read / 32768, expected, atol=0.6 / 32768)


def test_bad_files_are_skipped_with_their_reasons(large):
    skipped = json.loads((large / "skipped.json").read_text())
    says = {
        BROKEN: "fma_large.zip/fma_large/000/000010.mp3 cannot be decoded",
        EMPTY: "000020.mp3 is empty",
        MISSING: "holds no file of track 30",
        NO_AUDIO: "published without audio (https://github.com/mdeff/fma/issues/44)",
    }
    assert {int(track) for track in skipped} == set(says)
    for track, words in says.items():
        assert words in skipped[str(track)]
        assert "\n" not in skipped[str(track)]
    assert SHORT in by_id(open_tracks(large, "train"))


def test_the_protocol_tells_what_the_data_were_made_from(large, zipped):
    protocol = json.loads((large / "protocol.json").read_text())
    assert protocol["checksum"] == {
        name: hashlib.sha1((zipped / name).read_bytes()).hexdigest()
        for name in ("fma_metadata.zip", "fma_large.zip")
    }
    expected = {
        "split_by": ["artist"],
        "given": True,
        "complete": False,
        "fractions": None,
        "seed": None,
        "unknown": {"artist": 0},
        "artists_in_several_splits": 0,
        "identical_files": 2,
        "short": {"98565": 65.31},
    }
    assert {name: protocol[name] for name in expected} == expected
    tracks = open_tracks(large, "train")
    twins = {
        track: json.loads(tracks.groups[where]).get("identical")
        for track, where in by_id(tracks).items()
    }
    assert twins[1_000] == twins[1_002]
    assert sum(map(bool, twins.values())) == 2


def test_the_source_changes_with_the_files(plan, unpacked, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    assert plan(copy).account == plan(unpacked).account
    write_mp3(mp3_path(copy / "fma_large", 1_004), 1_004, 300, seconds=1.0)
    assert plan(copy).account["source"] != plan(unpacked).account["source"]


def test_artists_in_several_splits_are_counted(plan, unpacked, tmp_path):
    rows = make_rows()
    rows[1_000]["set", "split"] = "test"
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    write_metadata(copy / "fma_metadata", rows)
    with pytest.warns(UserWarning, match="1 artists are in more than one"):
        assert plan(copy).account["artists_in_several_splits"] == 1


def test_the_own_archive_comes_first_and_whole_tracks_serve_no_other(plan, unpacked, tmp_path):
    write_metadata(tmp_path / "fma_metadata")
    shutil.copytree(unpacked / "fma_large", tmp_path / "fma_full")
    with user_error("dataset.incomplete", "the audio of FMA small"):
        plan(tmp_path, "small")
    full = plan(tmp_path, "full")
    assert full.account["short"] == {}
    [track] = [t for t in full.tracks["train"] if t.track_id == str(NO_AUDIO)]
    assert len(track.load().data)  # the whole track has audio
    shutil.copytree(unpacked / "fma_large", tmp_path / "fma_large")
    assert "fma_large" in plan(tmp_path, "small").account["checksum"]
    shutil.copytree(unpacked / "fma_large", tmp_path / "fma_small")
    assert "fma_small" in plan(tmp_path, "small").account["checksum"]


def test_another_checksum_is_refused_unless_allowed(plan, zipped, monkeypatch):
    found = hashlib.sha1((zipped / "fma_metadata.zip").read_bytes()).hexdigest()
    expected = "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"
    with user_error("file.wrong_checksum", found, expected, "`allow_other_checksum`"):
        plan(zipped, "large", allow=False)
    for name in ("fma_metadata.zip", "fma_large.zip"):
        sha1 = hashlib.sha1((zipped / name).read_bytes()).hexdigest()
        monkeypatch.setitem(published.SHA1, name, sha1)
    assert plan(zipped, "large", allow=False).account["checksum"]["fma_metadata.zip"] == found


def test_an_archive_unpacked_in_part_is_refused(plan, unpacked, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    shutil.rmtree(copy / "fma_large" / "002")
    with user_error("dataset.incomplete", "6 of the 19 clips of FMA small", "`allow_missing`"):
        plan(copy, "small")


def test_an_archive_unpacked_in_part_is_prepared_by_consent(unpacked, tmp_path):
    copy = shutil.copytree(unpacked, tmp_path / "copy")
    for folder in ("002", "003"):
        shutil.rmtree(copy / "fma_large" / folder)
    options = {"data_dir": tmp_path / "tfds", "sample_rate": RATE, "num_workers": 0}
    with pytest.warns(UserWarning, match=r"skipped 14 tracks.* and 11 more"):
        found = prepare("fma/small", manual_dir=copy, allow_missing=True, **options)
    gone = {str(track) for track in range(2_000, 4_000) if track in make_rows() and track % 2 == 0}
    assert gone < found.skipped.keys()
    assert all("holds no file of track" in found.skipped[track] for track in gone)
    assert found.tracks["train"].keys() == {"Rock"}
    # Classes are those of the published table, so that labels mean the same with all clips there.
    classes = json.loads((found.folder / "protocol.json").read_text())["classes"]
    assert classes == sorted(ROOTS)
    with user_error("dataset.other_settings", found.folder, "10 are new (2000, 2002, 2004, …)"):
        prepare("fma/small", manual_dir=unpacked, allow_missing=True, **options)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_clips_are_known_by_other_spellings_and_what_is_left_out_is_told(tmp_path, form):
    names = ["deep/er/000/000002.MP3", "001/001234.mp3", "w/001/001234.Mp3", "000/a.mp3"]
    for name in [*names, "000/000003.ogg", "checksums.txt", "._x.mp3"]:
        path = tmp_path / "fma_small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    if form == "zip":
        zip_folder(tmp_path / "fma_small")
    source = tmp_path / ("fma_small.zip" if form == "zip" else "fma_small")
    with pytest.warns(UserWarning, match="left out of") as told:
        clips = find_clips(source)
    below = "fma_small/" if form == "zip" else ""
    assert clips == {2: f"{below}deep/er/000/000002.MP3", 1234: f"{below}001/001234.mp3"}
    (message,) = [str(warning.message) for warning in told]
    for part in (
        f"1 .ogg ({below}000/000003.ogg)",
        f"1 called unlike 000/000002.mp3 ({below}000/a.mp3)",
        f"1 of a track that is there already ({below}w/001/001234.Mp3)",
        "1 .txt",
    ):
        assert part in message


def test_a_refused_archive_leaves_nothing_behind(zipped, tmp_path):
    with user_error("file.wrong_checksum", "SHA-1"):
        prepare("fma/large", data_dir=tmp_path, manual_dir=zipped, sample_rate=RATE)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_small_is_prepared_by_name(unpacked, tmp_path):
    options = {"manual_dir": unpacked, "sample_rate": RATE, "num_workers": 0}
    dataset = prepare("fma/small", data_dir=tmp_path, **options).folder
    assert dataset.relative_to(tmp_path).parts[:2] == ("fma", f"small_{RATE}")
    assert prepare("fma/small", data_dir=tmp_path, **options).folder == dataset
    counts = json.loads((dataset / "protocol.json").read_text())["tracks"]
    assert counts["test"] == {"Electronic": 1, "Hip-Hop": 1, "Rock": 1}


def test_hostile_member_names_are_never_followed(plan, unpacked, tmp_path):
    write_metadata(tmp_path / "m" / "fma_metadata")
    shutil.copytree(unpacked / "fma_large", tmp_path / "m" / "fma_small")
    zip_folder(tmp_path / "m" / "fma_small")
    shutil.rmtree(tmp_path / "m" / "fma_small")
    expected = ids(plan(tmp_path / "m", "small"))
    with zipfile.ZipFile(tmp_path / "m" / "fma_small.zip", "a") as archive:
        for name in ("../../000/000030.mp3", "/000/000030.mp3"):
            archive.writestr(name, b"x")
    hostile = plan(tmp_path / "m", "small")
    assert ids(hostile) == expected
    [track] = [t for t in hostile.tracks["train"] if t.track_id == str(MISSING)]
    with user_error("audio.missing", "track 30"):
        track.load()
    assert {path.name for path in tmp_path.iterdir()} <= {"m", "tfds"}


@pytest.mark.slow
def test_tracks_without_a_root_genre_teach_tags_only(large, tmp_path, tiny_config):
    """Trains both tasks on the miniature: labels leave tracks out that tags can use."""
    config = tiny_config
    config.update({"dataset": "fma/large", "data_dir": str(large.parents[2]), "num_steps": 2})
    config.update({"clip_samples": 4_000, "batch_size": 4, "eval_every": 2})
    config.model.name = "mlp"
    config.model.kwargs = {"units": (8,)}
    seen = {}
    for task, monitor in (("single_label", "accuracy"), ("multi_label", "roc_auc")):
        config.update({"task": task, "monitor": monitor, "class_weights": "balanced"})
        train(config, tmp_path / task, progress=False)
        seen[task] = len(open_split(config, "train"))
        table = predict_run(tmp_path / task, "test")
        assert table.probabilities.shape[1] == len(table.classes)
    tracks = open_tracks(large, "train")
    assert seen["single_label"] == (tracks.label >= 0).sum() < len(tracks)
    assert seen["multi_label"] == tracks.tags.any(axis=1).sum() > seen["single_label"]
    assert table.classes == tracks.tag_names
    assert table.protocol.origin == "official splits"
