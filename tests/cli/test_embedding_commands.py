"""`mgr-jax embed`, `search` and `listen`: what they refuse before the work, and how."""

import pytest

from mgr_jax import cli


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["embed", "--out=e.npz", "a.mp3"], 1, "give --model"),
        (["embed", "--model=runs/a", "a.mp3"], 1, "give --out"),
        (["embed", "--model=runs/a", "--out=FOLDER/e.npz"], 1, "give audio files or folders"),
        (["embed", "--model=runs/a", "--out=FOLDER/e.npz", "--split=test", "a.mp3"], 1, "or else"),
        (["embed", "--model=runs/a", "--out=FOLDER/e.csv", "a.mp3"], 1, "must end in .parquet or"),
        (["embed", "--model=runs/a", "--out=FOLDER/e.npz", "--per=file", "a.mp3"], 2, "--per=file"),
        (["embed", "--model=runs/a", "--out=FOLDER/e.npz", "--hop=1", "a.mp3"], 1, "per segment"),
        (["embed", "--model=FOLDER", "--out=FOLDER/e.npz", "a.mp3"], 1, "holds no trained model"),
        (["search", "--in=e.npz"], 1, "give --like"),
        (["search", "--like=a.mp3"], 1, "give --in"),
        (["search", "--like=a.mp3", "--in=FOLDER/e.npz"], 1, "no table of embeddings"),
        (["search", "--like=a.mp3", "--in=e.npz", "--top=0"], 2, "--top=0"),
        (["listen", "--input=a.mp3"], 1, "give --model"),
        (["listen", "--model=runs/a"], 1, "give --input"),
        (["listen", "--model=FOLDER", "--input=a.mp3"], 1, "holds no trained model"),
        (["listen", "--model=FOLDER", "--input=a.mp3", "--format=mp3"], 2, "--format=mp3"),
        (["listen", "--model=FOLDER", "--input=a.mp3", "--channels=99"], 1, "1 to 64 channels"),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence_before_the_work(capsys, tmp_path, argv, code, says):
    argv = [word.replace("FOLDER", str(tmp_path)) for word in argv]
    assert cli.main(argv) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert err.startswith("mgr-jax: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_terminal_gives_no_samples(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert cli.main(["listen", "--model=runs/a", "--input=-"]) == 1
    assert "standard input is a terminal" in capsys.readouterr().err
