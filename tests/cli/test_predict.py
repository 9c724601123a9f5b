"""`mgr-jax predict`: what it prints, writes, refuses and exits with."""

import csv
import io
import json
import shutil

import pytest

import mgr_jax
from mgr_jax import cli


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_timeline_that_cannot_be_is_told_before_anything_is_written(
    capsys, trained_run, music_folder, tmp_path
):
    flags = [f"--model={trained_run}", "--hop=0", f"--out={tmp_path / 'g'}"]
    code, out, err = call(capsys, "predict", *flags, music_folder / "hum")
    assert (code, out) == (1, "")
    assert "hop is 0" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["song.mp3"], 1, "give --model"),
        (["--model=/no/where"], 1, "give audio files or folders, or else a file of features"),
        (["--model=/no/where", "--features=x.npz", "song.mp3"], 1, "or else a file of features"),
        (["--model=/no/where", "song.mp3"], 1, "holds no trained model"),
        (["--model=/no/where", "FOLDER"], 1, "holds no audio files"),
        (["--model=/no/where", "song.mp3", "--out=FOLDER/g"], 1, "holds no trained model"),
        (["--model=/no/where", "song.mp3", "--top=0"], 2, "--top=0"),
        (["--model=/no/where", "song.mp3", "--format=parquet"], 1, "give --out"),
        (["--model=/no/where", "song.mp3", "--format=text,csv"], 1, "give --out"),
        (
            ["--model=/no/where", "a.mp3", "--format=xml", "--out=FOLDER/g"],
            1,
            "there is no format 'xml'",
        ),
        (["--model=/no/where", "song.mp3", "--beside"], 1, "(`out`)"),
        (["--model=/no/where", "song.mp3", "--format=crowdai"], 1, "takes --format=crowdai"),
        (["--model=x", "a.mp3", "--format=crowdai,csv", "--out=x"], 1, "takes --format=crowdai"),
        (
            ["--model=x", "a.mp3", "--format=crowdai", "--out=x", "--hop=1"],
            1,
            "--timeline and what",
        ),
        (["--model=x", "a.mp3", "--format=crowdai", "--out=x", "--classes=a"], 1, "--classes"),
        (["--model=x", "song.mp3", "--missing_classes=zero"], 1, "give --format=crowdai"),
        (["--model=x", "a.mp3", "--format=crowdai", "--out=FOLDER"], 1, "give the name of a file"),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence_before_the_work(capsys, tmp_path, argv, code, says):
    argv = [word.replace("FOLDER", str(tmp_path)) for word in argv]
    found, out, err = call(capsys, "predict", *argv)
    assert (found, out) == (code, "")
    assert says in err
    assert err.startswith("mgr-jax: ")
    assert err.count("\n") == 1


def test_predict_prints_every_file_and_names_those_it_cannot_read(
    capsys, monkeypatch, trained_run, music_folder, tmp_path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    bad = tmp_path / "bad.mp3"
    bad.write_text("no music " * 99)
    worse = tmp_path / "none.mp3"
    argv = ["predict", f"--model={trained_run}", music_folder / "hum", bad, worse, "--timeline"]
    code, out, err = call(capsys, *argv, "--out=~/out/p", "--format=text,jsonl")
    assert code == 1
    bad_line, worse_line = err.splitlines()
    assert "bad.mp3 cannot be decoded as audio" in bad_line
    assert worse_line == f"mgr-jax: {worse} is not a file; check the path"
    assert out.count("/hum/") == 10
    assert out.endswith(f"Wrote {tmp_path}/out/p.jsonl: 12 files, 2 of them could not be read.\n")
    rows = mgr_jax.read_results(tmp_path / "out" / "p.jsonl")
    tracks = [row for row in rows if row.unit == "track"]
    assert len(tracks) == 12
    assert sum(row.label == "hum" for row in tracks) >= 9
    assert [row.code for row in tracks if row.error] == ["audio.undecodable", "file.not_found"]
    # The same command goes on; what could not be found is looked for again.
    code, out, err = call(capsys, *argv, "--out=~/out/p", "--dry_run")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["done"] * 10 + ["broken", "again"]
    code, out, err = call(capsys, *argv, "--out=~/out/p")
    assert code == 1
    assert "11 of 12 files are done" in out
    assert err.splitlines() == [bad_line, worse_line]
    assert mgr_jax.read_results(tmp_path / "out" / "p.csv") == rows


def test_files_that_cannot_be_read_are_named_where_results_cannot_be_written(
    capsys, trained_run, music_folder, tmp_path
):
    bad, long = tmp_path / "bad.wav", tmp_path / f"{'x' * 250}.wav"
    bad.write_text("no music")
    long.write_bytes(next((music_folder / "hum").glob("*.wav")).read_bytes())
    flags = [f"--model={trained_run}", f"--out={tmp_path / 'g'}", "--format=audacity"]
    code, out, err = call(capsys, "predict", *flags, bad, long)
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert "bad.wav cannot be decoded" in first
    assert second.startswith("mgr-jax: 1 files could not be written")


def test_results_are_written_to_standard_output(capsys, trained_run, music_folder, tmp_path):
    songs = shutil.copytree(music_folder / "hum", tmp_path / "hum")
    (songs / "cover.png").touch()
    told = f"left out of {songs}: 1 .png\n"
    argv = ["predict", f"--model={trained_run}", songs, "--order=arrival"]
    code, out, err = call(capsys, *argv, "--format=jsonl")
    assert (code, err) == (0, told)
    entries = [json.loads(line) for line in out.splitlines()]
    code, out, err = call(capsys, *argv, "--format=csv")
    assert (code, err) == (0, told)
    rows = list(csv.DictReader(io.StringIO(out)))
    labels = {row["file"]: row["label"] for row in rows}
    assert labels == {entry["file"]: entry["answer"]["told"][0] for entry in entries}
    assert len(labels) == 10
    for row in rows:
        assert row["model"] == str(trained_run)
        assert json.loads(row["settings"])["timeline"] is False
