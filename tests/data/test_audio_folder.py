"""A folder of files becomes a TFDS dataset that repeats, never leaks, and lists what it skips."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow_datasets as tfds
from errors import user_error

from mgr_jax.audio.io import decode_flac
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import split_entries
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.folder_index import Entry
from mgr_jax.data.locate import find_dataset
from mgr_jax.data.prepare import prepare

RATE = 12_000
SPLITS = ("train", "validation", "test")


def build(folder: Path, data_dir: Path, **options) -> Path:
    defaults = {"sample_rate": RATE, "num_workers": 0}
    prepared = prepare("audio_folder", data_dir=data_dir, manual_dir=folder, **defaults | options)
    return prepared.folder


def records(dataset: Path) -> dict:
    builder = tfds.builder_from_directory(str(dataset))
    return {
        split: [row | {"tags": list(row["tags"])} for row in builder.as_data_source(split)]
        for split in SPLITS
    }


@pytest.fixture
def copy(music_folder, tmp_path):
    """A copy of the music folder that a test may spoil."""
    return shutil.copytree(music_folder, tmp_path / "music")


def rewrite_index(folder: Path, change) -> None:
    header, *rows = (folder / "index.csv").read_text().splitlines()
    header, rows = change(header, rows)
    (folder / "index.csv").write_text("\n".join([header, *rows]) + "\n")


def test_records_hold_the_audio_and_what_the_index_says(data_dir, music_folder):
    dataset = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    found = records(dataset)
    assert {split: len(rows) for split, rows in found.items()} == {
        "train": 18,
        "validation": 6,
        "test": 6,
    }
    record = found["test"][0]
    original, rate = soundfile.read(music_folder / record["track_id"].decode(), dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(decode_flac(record["audio"]), original)
    assert record["length"] == len(original)
    assert record["artist_id"].decode().startswith(record["track_id"].decode().split("/")[0])
    assert json.loads(record["groups"])["session"].startswith("session ")
    classes = json.loads((dataset / "protocol.json").read_text())["classes"]
    assert classes == ["beat", "hiss", "hum"]
    assert classes[record["label"]] == record["track_id"].decode().split("/")[0]


def test_a_dataset_named_by_its_folder_is_put_right(data_dir):
    with user_error("dataset.wrong_name", "audio_folder/music and", RATE):
        find_dataset(f"audio_folder/music_{RATE}", sample_rate=22_050, data_dir=data_dir)


def test_artists_stay_in_one_split(data_dir):
    dataset = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    artists = {s: {r["artist_id"] for r in rows} for s, rows in records(dataset).items()}
    assert not artists["train"] & (artists["validation"] | artists["test"])
    assert not artists["validation"] & artists["test"]


def test_the_same_input_gives_the_same_records_with_any_number_of_workers(
    music_folder, tmp_path, data_dir
):
    again = build(music_folder, tmp_path, name="music", fractions=(0.6, 0.2, 0.2), num_workers=2)
    first = find_dataset("audio_folder/music", sample_rate=RATE, data_dir=data_dir)
    assert records(first) == records(again)
    assert build(music_folder, tmp_path, name="music", fractions=(0.6, 0.2, 0.2)) == again


def test_no_tensorflow_is_needed(music_folder, tmp_path):
    code = (
        "import sys\n"
        "from mgr_jax.cli import run\n"
        f"code = run('prepare_data', ['--dataset=audio_folder', '--manual_dir={music_folder}',"
        f" '--sample_rate=12000', '--data_dir={tmp_path}', '--name=m', '--workers=0'])\n"
        "assert not {'jax', 'tensorflow'} & set(sys.modules)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "artist-disjoint" in done.stdout
    assert "--config=NAME:data=audio_folder/m --config.sample_rate=12000" in done.stdout


def test_any_column_can_be_split_by(music_folder, tmp_path):
    # Three sessions with artists of every genre each: one session per split.
    dataset = build(music_folder, tmp_path, split_by=("session",), fractions=(0.4, 0.3, 0.3))
    sessions = {
        split: {json.loads(row["groups"])["session"] for row in rows}
        for split, rows in records(dataset).items()
    }
    assert sorted(map(sorted, sessions.values())) == [["session 0"], ["session 1"], ["session 2"]]
    assert dataset.parent.name.endswith("_by_session_12000")


def test_an_unknown_column_is_named(music_folder, tmp_path):
    with user_error("split.unknown_column", "'album'", "artist, session"):
        build(music_folder, tmp_path, split_by=("album",))
    entries = [Entry(f"{genre}/{n}.wav", genre) for genre in ("jazz", "rock") for n in range(3)]
    told = "/music has no column to split by, and 'track' is always there; to split by artist"
    with user_error("split.unknown_column", "'artist'", told):
        split_entries(
            entries, [""] * 6, split_by=("artist",), fractions=(), seed=0, source="/music"
        )


def test_a_given_split_is_used(copy, tmp_path):
    names = [*["training"] * 6, "val", "val", "test", "test"] * 3
    rewrite_index(
        copy,
        lambda head, rows: (
            f"{head},split",
            [f"{row},{name}" for row, name in zip(rows, names, strict=True)],
        ),
    )
    dataset = build(copy, tmp_path / "tfds")
    test = {row["track_id"].decode() for row in records(dataset)["test"]}
    assert test == {
        f"{genre}/4-{track}.wav" for genre in ("hum", "hiss", "beat") for track in (0, 1)
    }


def test_an_index_may_have_spaces_and_capitals_in_its_header(copy, tmp_path):
    rewrite_index(copy, lambda head, rows: (head.title().replace(",", ", "), rows))
    protocol = json.loads((build(copy, tmp_path / "tfds") / "protocol.json").read_text())
    assert protocol["split_by"] == ["artist"]


def test_files_that_cannot_be_read_are_counted(copy, tmp_path):
    (copy / "index.csv").unlink()
    (copy / "hum/song.xyz").touch()
    shutil.copy(copy / "hum/0-0.wav", copy / "loose.wav")
    shutil.copy(copy / "hum/0-0.wav", copy / "hum" / os.fsdecode(b"a\xff.wav"))
    says = (
        r"1 \.xyz \(hum/song\.xyz\), 1 with a name that is not UTF-8, to be renamed "
        r"\(hum/a\udcff\.wav\), 1 outside a genre folder \(loose\.wav\)"
    )
    with pytest.warns(UserWarning, match=says):
        build(copy, tmp_path / "tfds")


def test_a_given_split_that_leaks_an_artist_is_refused(copy, tmp_path):
    rewrite_index(
        copy,
        lambda head, rows: (
            f"{head},split",
            [f"{row},{('train', 'test')[i % 2]}" for i, row in enumerate(rows)],
        ),
    )
    with user_error("split.overlap", "artist 'beat-artist-0'", "test and train"):
        build(copy, tmp_path / "tfds")
    assert not list((tmp_path / "tfds").rglob("*array_record*"))


def test_identical_files_stay_on_one_side(copy, tmp_path):
    (copy / "index.csv").unlink()
    for name in range(5):
        shutil.copy(copy / "hum/0-0.wav", copy / f"hum/copy{name}.wav")
    dataset = build(copy, tmp_path / "tfds", name="m")
    homes = [s for s, rows in records(dataset).items() for r in rows if b"copy" in r["track_id"]]
    assert len(homes) == 5
    assert len(set(homes)) == 1
    assert json.loads((dataset / "protocol.json").read_text())["identical_files"] == 6
    rows = [row for found in records(dataset).values() for row in found]
    marks = [json.loads(row["groups"]).get("identical") for row in rows]
    assert len(set(marks) - {None}) == 1
    assert len(marks) - marks.count(None) == 6


def test_one_recording_under_two_genres_is_told(copy, tmp_path):
    (copy / "index.csv").unlink()
    shutil.copy(copy / "hum/0-0.wav", copy / "beat/same song.wav")
    os.link(copy / "hum/1-0.wav", copy / "hum/again.wav")  # of one genre
    says = (
        "1 file stands under two genres, byte for byte: "
        r"beat/same song\.wav \(beat\) and hum/0-0\.wav \(hum\); keep"
    )
    with pytest.warns(UserWarning, match=says) as caught:
        dataset = build(copy, tmp_path / "tfds")
    assert len(caught) == 1
    assert json.loads((dataset / "protocol.json").read_text())["identical_files"] == 4


def test_a_linked_folder_is_a_genre_and_its_files_are_copies_of_the_original(copy, tmp_path):
    (copy / "index.csv").unlink()
    (copy / "hummed").symlink_to("hum")
    with pytest.warns(UserWarning, match=r"10 files .*hum/0-0\.wav \(hum\) and hummed/0"):
        build(copy, tmp_path / "tfds")


def split_into_folders(copy: Path) -> None:
    (copy / "index.csv").unlink()
    for genre in ("hum", "hiss", "beat"):
        for path in (copy / genre).iterdir():
            split = {"3": "Val", "4": "test"}.get(path.name[0], "train")
            (copy / split / genre).mkdir(parents=True, exist_ok=True)
            path.rename(copy / split / genre / path.name)
        (copy / genre).rmdir()


def test_folders_called_after_splits_are_the_splits(copy, tmp_path):
    split_into_folders(copy)
    dataset = build(copy, tmp_path / "tfds")
    protocol = json.loads((dataset / "protocol.json").read_text())
    assert protocol["classes"] == ["beat", "hiss", "hum"]
    assert protocol["given"]
    for split, rows in records(dataset).items():
        folders = {row["track_id"].decode().split("/")[0] for row in rows}
        assert folders == {{"validation": "Val"}.get(split, split)}
    shutil.copy(copy / "train/hum/0-0.wav", copy / "test/hum/copy.wav")
    with user_error("split.overlap", "test/hum/copy.wav, train/hum/0-0.wav", copy):
        build(copy, tmp_path / "tfds", overwrite=True)
    shutil.rmtree(copy / "test/hum")
    with user_error("split.missing_genre", "test split", "'hum'"):
        build(copy, tmp_path / "tfds", overwrite=True)


def test_rows_whose_file_is_missing_are_skipped_with_the_reason(copy, tmp_path):
    (copy / "hum/0-0.wav").unlink()
    with pytest.warns(UserWarning, match=r"skipped 1 tracks.*hum/0-0\.wav is not a file"):
        dataset = build(copy, tmp_path / "tfds")
    assert set(json.loads((dataset / "skipped.json").read_text())) == {"hum/0-0.wav"}


def test_unreadable_files_are_skipped_and_listed(copy, tmp_path):
    (copy / "index.csv").unlink()
    (copy / "hum/0-0.wav").write_bytes(b"")
    (copy / "hiss/text.mp3").write_text("no music " * 100)
    soundfile.write(copy / "beat/cut.mp3", np.random.default_rng(0).normal(0, 0.1, 96_000), RATE)
    data = (copy / "beat/cut.mp3").read_bytes()
    (copy / "beat/cut.mp3").write_bytes(data[: len(data) // 2])
    soundfile.write(copy / "beat/silence.wav", np.zeros(24_000), RATE)
    with pytest.warns(UserWarning, match=r"skipped 4 tracks, which skipped\.json lists \("):
        dataset = build(copy, tmp_path / "tfds")
    skipped = json.loads((dataset / "skipped.json").read_text())
    says = {name: reason.split("; ")[0] for name, reason in skipped.items()}
    assert set(says) == {"hum/0-0.wav", "hiss/text.mp3", "beat/cut.mp3", "beat/silence.wav"}
    assert "is empty" in says["hum/0-0.wav"]
    assert "cannot be decoded as audio" in says["hiss/text.mp3"]
    assert "is cut short" in says["beat/cut.mp3"]
    assert "nothing to hear" in says["beat/silence.wav"]


def test_long_tracks_are_consecutive_records_and_one_track_in_the_cache(tmp_path):
    rng = np.random.default_rng(0)
    folder = tmp_path / "long"
    for genre in ("a", "b"):
        (folder / genre).mkdir(parents=True)
        for track in range(3):
            seconds = 130 if (genre, track) == ("a", 0) else 2
            soundfile.write(
                folder / genre / f"{track}.flac", rng.normal(0, 0.1, seconds * RATE), RATE
            )
    dataset = build(folder, tmp_path / "tfds", fractions=(0.4, 0.3, 0.3))
    found = [r for rows in records(dataset).values() for r in rows if r["track_id"] == b"a/0.flac"]
    cuts = sorted((int(row["offset"]), int(row["length"])) for row in found)
    assert cuts == [(0, 60 * RATE), (60 * RATE, 60 * RATE), (120 * RATE, 10 * RATE)]
    for split in SPLITS:
        tracks = open_tracks(dataset, split)
        for track, name in enumerate(tracks.track_id):
            original, _ = soundfile.read(folder / name, dtype="int16")
            np.testing.assert_array_equal(tracks.read(track), original)
        assert set(tracks.label) == {0, 1}


@pytest.mark.parametrize(
    ("spoil", "code", "named"),
    [
        (lambda f: shutil.rmtree(f), "folder.not_found", "is not a folder"),
        (lambda f: [shutil.rmtree(f), f.mkdir()], "folder.no_audio", "/<genre>/<file>"),
        (
            lambda f: rewrite_index(
                f,
                lambda h, rows: (f"{h},split", [f"{rows[0]},train", *[f"{r}," for r in rows[1:]]]),
            ),
            "table.missing_split",
            "'split'",
        ),
        (
            lambda f: [shutil.rmtree(f / g) for g in ("hum", "hiss", "beat")],
            "table.no_match",
            "30 paths",
        ),
        (
            lambda f: [
                (f / "index.csv").unlink(),
                *[shutil.rmtree(f / g) for g in ("hum", "hiss")],
            ],
            "data.one_genre",
            "beat",
        ),
        (
            lambda f: rewrite_index(
                f, lambda head, rows: (head, [*rows, "hum/x.wav,solo,one artist,1"])
            ),
            "split.too_few_groups",
            "genre 'solo' has 1 artist but 3 splits",
        ),
        (
            lambda f: rewrite_index(f, lambda h, rows: (h.replace("path", "song"), rows)),
            "table.wrong_columns",
            "'path'",
        ),
        (
            lambda f: rewrite_index(f, lambda h, rows: (h, [*rows, "a,b"])),
            "table.ragged_row",
            "line 32",
        ),
        (
            lambda f: rewrite_index(f, lambda h, rows: (h, [*rows, rows[0]])),
            "table.duplicate_track",
            "index.csv",
        ),
        (
            lambda f: rewrite_index(f, lambda h, rows: (h, [*rows, "../x,a,b,c"])),
            "table.path_outside",
            "'../x'",
        ),
        (
            lambda f: (f / "index.csv").write_bytes(b"path\xff\xfe\n"),
            "table.not_csv",
            "index.csv",
        ),
        (lambda f: (f / "index.csv").write_bytes(b""), "table.wrong_columns", "'path'"),
        (
            lambda f: rewrite_index(f, lambda h, rows: (f"{h}, Artist", rows)),
            "table.wrong_columns",
            "artist",
        ),
        (
            lambda f: rewrite_index(
                f,
                lambda head, rows: (
                    f"{head},split",
                    [
                        f"{row},{('train', 'val', 'test')[i // 2 % 3]}"
                        for i, row in enumerate(rows[:6])
                    ],
                ),
            ),
            "data.one_genre",
            "",
        ),
    ],
)
def test_bad_folders_give_one_sentence_and_leave_nothing(copy, tmp_path, spoil, code, named):
    spoil(copy)
    with user_error(code, named):
        build(copy, tmp_path / "tfds")
    assert not (tmp_path / "tfds" / "audio_folder").exists()


def test_a_genre_without_readable_files_is_refused_and_leaves_nothing(copy, tmp_path):
    for path in (copy / "hum").iterdir():
        path.write_bytes(b"")
    with user_error("split.missing_genre", "'hum'"):
        build(copy, tmp_path / "tfds")
    assert not list((tmp_path / "tfds").rglob("*array_record*"))


def test_a_changed_folder_asks_for_overwrite_and_a_failed_one_keeps_the_old(copy, tmp_path):
    dataset = build(copy, tmp_path / "tfds", name="m")
    with user_error("dataset.other_settings", "split_by", "`overwrite`", "`data_dir` or `name`"):
        build(copy, tmp_path / "tfds", name="m", split_by=("track",))
    rewrite_index(copy, lambda head, rows: (head, rows[1:]))
    with user_error("dataset.other_settings", "other files", "`overwrite`"):
        build(copy, tmp_path / "tfds", name="m")

    before = records(dataset)
    contents = {path: path.read_bytes() for path in (copy / "hum").iterdir()}
    for path in contents:
        path.write_bytes(b"")
    with user_error("split.missing_genre", "'hum'"):
        build(copy, tmp_path / "tfds", name="m", overwrite=True)
    assert records(dataset) == before
    for path, content in contents.items():
        path.write_bytes(content)
    build(copy, tmp_path / "tfds", name="m", overwrite=True)
    assert sum(map(len, records(dataset).values())) == 29


def test_a_dataset_that_is_not_there_names_the_command(tmp_path, data_dir):
    with user_error("dataset.not_prepared", "mgr_jax.prepare('rendered/demo', sample_rate=16000)"):
        find_dataset("rendered/demo", sample_rate=16_000, data_dir=tmp_path)
    with user_error("dataset.not_prepared", "audio_folder/music at 12000 Hz"):
        find_dataset("audio_folder/music", sample_rate=16_000, data_dir=data_dir)
    with user_error("dataset.unknown", "folder/music", "audio_folder/music at 12000 Hz", "gtzan"):
        find_dataset("folder/music", sample_rate=12_000, data_dir=data_dir)
    (tmp_path / "feature_array/mel").mkdir(parents=True)
    with user_error("dataset.no_sample_rate", "feature_array/mel", "config.sample_rate=0"):
        find_dataset("feature_array/mel", sample_rate=12_000, data_dir=tmp_path)


def test_real_clips_are_stratified_by_track(shared_dir, tmp_path):
    dataset = build(
        shared_dir / "data/gtzan_audio_dev", tmp_path, sample_rate=22_050, num_workers=2
    )
    protocol = json.loads((dataset / "protocol.json").read_text())
    assert protocol["split_by"] == ["track"]
    assert sum(sum(n.values()) for n in protocol["tracks"].values()) == 107
    assert all(len(counts) == 10 for counts in protocol["tracks"].values())
