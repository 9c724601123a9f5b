"""`mgr-jax audit` as a user types it: what it finds, writes, keeps and refuses."""

import csv
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mgr_jax import cli
from mgr_jax.audio.fingerprint import HAITSMA_KALKER
from mgr_jax.data.prepare import prepare
from mgr_jax.data.rendered.music import GENRES, SAMPLE_RATE, render_track

SHIFT = 0.37


def audit(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main(["audit", "--workers=0", "--noprogress", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def leaky_folder(tmp_path_factory) -> Path:
    """Music with splits; a shifted mp3 of a training track is tested on, and so is an artist."""
    folder = tmp_path_factory.mktemp("leaky")
    rows = [("path", "genre", "artist", "split")]
    for genre in GENRES[:2]:
        (folder / genre).mkdir()
        for artist, split in enumerate(("train", "train", "validation", "test")):
            path = f"{genre}/{artist}.wav"
            clip = render_track(genre, artist, 0, seconds=8).samples
            soundfile.write(folder / path, clip, SAMPLE_RATE)
            rows.append((path, genre, f"{genre}-{min(artist, 2)}", split))
    genre = GENRES[0]
    clip, _ = soundfile.read(folder / genre / "1.wav", dtype="float32")
    soundfile.write(folder / genre / "copy.mp3", clip[round(SHIFT * SAMPLE_RATE) :], SAMPLE_RATE)
    rows.append((f"{genre}/copy.mp3", genre, "", "test"))
    with (folder / "index.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture(scope="module")
def leaky_data(tmp_path_factory, leaky_folder) -> Path:
    data_dir = tmp_path_factory.mktemp("tfds")
    prepare(
        "audio_folder",
        sample_rate=12_000,
        data_dir=data_dir,
        manual_dir=leaky_folder,
        name="leaky",
        split_by=("track",),
        num_workers=0,
    )
    return data_dir


def test_a_dataset_with_a_copy_and_artists_across_splits(capsys, leaky_data, tmp_path, monkeypatch):
    flags = ["--dataset=audio_folder/leaky", "--sample_rate=12000", f"--data_dir={leaky_data}"]
    code, out, _ = audit(capsys, *flags, f"--out={tmp_path}")
    assert code == 0
    assert "haitsma_kalker fingerprints" in out
    assert "artist: 2 of 6 are in several splits (known of 8 of 9 tracks)" in out
    assert "track: 0 of 9 are in several splits" in out
    assert (
        "same recording: pairs of tracks, 1 across splits (affected tracks: 1 of train, 1 of" in out
    )

    result = json.loads((tmp_path / "audit.json").read_text())
    (pair,) = result["duplicates"]["pairs"]
    assert {pair["first_split"], pair["second_split"]} == {"train", "test"}
    assert pair["across"]
    copy_at, original_at = sorted([pair["first_at"], pair["second_at"]])
    assert original_at - copy_at == pytest.approx(SHIFT, abs=0.05)
    assert 0 < pair["bit_error_rate"] < 0.15
    assert result["crosses"] == {"artist": 2, "recording": 1}
    page = (tmp_path / "audit.md").read_text()
    assert pair["first"] in page
    assert "| 0:00.4 |" in page
    assert f"- artist {GENRES[0]}-2: test, validation" in page
    drawn = importlib.util.find_spec("matplotlib") is not None
    assert (tmp_path / "audit.png").exists() == drawn

    # A second audit computes no fingerprints, and says the same.
    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr("mgr_jax.leakage.fingerprints._compute", refuse)
    code, again, err = audit(capsys, *flags, f"--out={tmp_path / 'b'}", "--strict")
    assert again.replace(f"{tmp_path}/b", str(tmp_path)) == out
    assert code == 1
    assert "splits of audio_folder/leaky at 12000 Hz share artist (2), recording (1); keep" in err


def test_a_damaged_store_is_computed_anew(capsys, leaky_folder, tmp_path):
    store = tmp_path / "fingerprints_haitsma_kalker.npz"
    store.write_bytes(b"PK\x03\x04 no archive")
    flags = [f"--audio={leaky_folder / GENRES[1]}", f"--out={tmp_path}"]
    code, _, err = audit(capsys, *flags)
    assert code == 0
    assert "is damaged" in err
    assert "is damaged" not in audit(capsys, *flags)[2]


def test_a_dataset_of_features_needs_no_sample_rate(capsys, tmp_path):
    rng = np.random.default_rng(0)
    names = np.array([f"{('ska', 'dub')[i % 2]}.{i}" for i in range(12)])
    pictures = rng.normal(size=(12, 4, 3)).astype(np.float32)
    np.savez(tmp_path / "toy.npz", features=pictures, track=names)
    prepare("feature_array", data_dir=tmp_path, features=tmp_path / "toy.npz", num_workers=0)
    flags = [f"--data_dir={tmp_path}", f"--out={tmp_path / 'a'}"]
    code, out, err = audit(capsys, "--dataset=feature_array/toy", *flags)
    assert code == 0, err
    assert "Audit of feature_array/toy\n" in out


def test_a_clean_dataset_passes_strictly(capsys, data_dir, tmp_path):
    code, out, err = audit(
        capsys,
        "--dataset=audio_folder/music",
        "--sample_rate=12000",
        f"--data_dir={data_dir}",
        f"--out={tmp_path}",
        "--strict",
    )
    assert code == 0, err
    assert "artist: 0 of 15 are in several splits" in out
    assert "same recording: pairs of tracks, 0 across splits, 0 others" in out


def test_a_folder_of_audio(capsys, leaky_folder, tmp_path):
    folder = shutil.copytree(leaky_folder, tmp_path / "music")
    (folder / "index.csv").unlink()
    (folder / "bad.mp3").write_text("no music " * 99)
    code, out, _ = audit(capsys, f"--audio={folder}", f"--out={tmp_path / 'a'}", "--strict")
    assert code == 0
    assert "tracks without splits" in out
    assert "same recording: pairs of tracks, 0 across splits, 1 others" in out
    result = json.loads((tmp_path / "a/audit.json").read_text())
    (pair,) = result["duplicates"]["pairs"]
    assert {pair["first"], pair["second"]} == {f"{GENRES[0]}/1.wav", f"{GENRES[0]}/copy.mp3"}
    assert "cannot be decoded" in result["unreadable"]["bad.mp3"]
    assert "bad.mp3" in (tmp_path / "a/audit.md").read_text()
    # A file that changes is looked at again, whatever its name.
    shutil.copyfile(folder / f"{GENRES[1]}/1.wav", folder / f"{GENRES[0]}/copy.mp3")
    audit(capsys, f"--audio={folder}", f"--out={tmp_path / 'a'}")
    (pair,) = json.loads((tmp_path / "a/audit.json").read_text())["duplicates"]["pairs"]
    assert {pair["first"], pair["second"]} == {f"{GENRES[1]}/1.wav", f"{GENRES[0]}/copy.mp3"}
    assert pair["bit_error_rate"] == 0


def test_an_index_tells_of_the_files_of_a_folder(capsys, leaky_folder, tmp_path):
    code, out, err = audit(capsys, f"--audio={leaky_folder}", f"--out={tmp_path}", "--strict")
    assert code == 1
    assert "artist: 2 of 6 are in several splits (known of 8 of 9 tracks)" in out
    assert "1 across splits" in out
    assert "share artist (2)" in err


def test_a_table(capsys, tmp_path):
    rows = ["track,artist,split,x,y", "a,Abba,train,1,2", "a,Abba,train,3,4", "b,Blur,test,5,6"]
    rows += ["c,Abba,test,3,4", "d,,train,7,8"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    code, out, err = audit(capsys, f"--table={tmp_path / 't.csv'}", f"--out={tmp_path}", "--strict")
    assert code == 1
    assert "share artist (1), features (1)" in err
    assert "2 train, 2 test tracks" in out
    (pair,) = json.loads((tmp_path / "audit.json").read_text())["duplicates"]["pairs"]
    assert (pair["first"], pair["first_at"]) == ("a", 1)
    assert (pair["second"], pair["second_at"]) == ("c", 0)


def test_repetitions_in_gtzan(capsys, shared_dir, tmp_path):
    """Those of Sturm's catalogue (arXiv:1306.1461) among the clips of the published table."""
    table = shared_dir / "data" / "gtzan_features_30_sec_dev.csv"
    artists = f"--artists={shared_dir / 'data' / 'gtzan_artists.csv'}"
    flags = [f"--table={table}", artists, "--protocol=fault_filtered", f"--out={tmp_path}"]
    code, _, _ = audit(capsys, *flags)
    assert code == 0
    told = json.loads((tmp_path / "audit.json").read_text())["splits"]["columns"]["artist"]
    assert {"Burning Spear", "Slayer"} <= set(told["crossing"])
    pairs = json.loads((tmp_path / "audit.json").read_text())["duplicates"]["pairs"]
    found = {(pair["first"], pair["second"]) for pair in pairs}
    assert {("metal.00040", "metal.00061"), ("metal.00058", "rock.00016")} <= found


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "one of dataset, audio and table"),
        (["--audio=x", "--table=y"], "one of dataset, audio and table"),
        (["--audio={tmp}", "--subset=small"], "subset describes a table"),
        (["--audio=/no/where"], "is not a folder"),
        (["--table=/no/where.csv"], "is not a file"),
        (["--dataset=rendered/demo", "--data_dir=/no"], "make it with"),
        (["--audio={tmp}"], "holds no audio files"),
        (["--audio={tmp}", "--fingerprint=chromaprint"], "needs the program fpcalc"),
    ],
)
def test_mistakes_are_one_sentence(capsys, argv, says, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = audit(capsys, *[text.format(tmp=tmp_path) for text in argv])
    assert code == 1
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flag", "known"),
    [
        ("--fingerprint=shazam", HAITSMA_KALKER.name),
        ("--protocol=fault_free", "dataset|fault_filtered"),
    ],
)
def test_an_unknown_choice_is_bad_usage(capsys, flag, known):
    code, _, err = audit(capsys, "--audio=x", flag)
    assert code == 2
    assert known in err


def test_flags_of_inflation_are_not_flags_of_an_audit(capsys):
    assert cli.main(["audit", "--help"]) == 0
    told = capsys.readouterr().out
    assert "--[no]strict" in told
    assert "--classifiers" not in told
    code, _, err = audit(capsys, "--audio=x", "--classifiers=svm")
    assert code == 2
    assert "classifiers" in err
