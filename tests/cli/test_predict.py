"""`mgr-jax predict`: what it prints, writes, refuses and exits with."""

import json

import pytest

from mgr_jax import cli


def call(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main([str(argument) for argument in argv])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["song.mp3"], 1, "give --model"),
        (["--model=/no/where"], 1, "give audio files or folders, or else a file of features"),
        (["--model=/no/where", "--features=x.npz", "song.mp3"], 1, "or else a file of features"),
        (["--model=/no/where", "song.mp3"], 1, "holds no trained model"),
        (["--model=/no/where", "FOLDER"], 1, "holds no audio files"),
        (["--model=/no/where", "song.mp3", "--json=FOLDER"], 1, "give the name of a file"),
        (["--model=/no/where", "song.mp3", "--top=0"], 2, "--top=0"),
        (
            ["--model=/no/where", "song.mp3", "--out=FOLDER/s.csv"],
            1,
            "takes --format=crowdai, --out",
        ),
        (["--model=/no/where", "song.mp3", "--format=crowdai"], 1, "takes --format=crowdai"),
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
    code, out, err = call(
        capsys,
        "predict",
        f"--model={trained_run}",
        music_folder / "hum",
        bad,
        worse,
        "--timeline",
        "--json=~/out/p.json",
    )
    assert code == 1
    bad_line, worse_line = err.splitlines()
    assert "bad.mp3 cannot be decoded as audio" in bad_line
    assert worse_line == f"mgr-jax: {worse} is not a file; check the path"
    assert out.count("/hum/") == 10
    assert "0:00.0-0:00.5" in out
    results = json.loads((tmp_path / "out" / "p.json").read_text())
    assert len(results) == 10
    assert sum(result["label"] == "hum" for result in results.values()) >= 9
