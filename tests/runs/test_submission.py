"""Submissions to the crowdAI challenge."""

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from errors import user_error
from unsealed import read_unsealed

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.io import AudioError, AudioWarning
from mgr_jax.evaluation import log_loss, macro_f1
from mgr_jax.prediction.stream import FilePrediction
from mgr_jax.runs.submission import GENRES


class StubPredictor:
    """Answers what it is told; cannot read files named bad."""

    def __init__(self, classes, answers, task="single_label"):
        self.classes, self.answers = tuple(classes), answers
        self.spec = SimpleNamespace(task=task)
        self.side = SimpleNamespace(columns=("x",))
        self.sides = []

    def predict_files(self, names, *, sides, **_):
        self.sides = list(sides)
        for name in names:
            stem = Path(name).stem
            if stem.startswith("bad"):
                error = AudioError(f"{name} cannot be decoded as audio", code="audio.damaged")
                yield FilePrediction(name, error=error)
            else:
                told = SimpleNamespace(track_probabilities=np.array(self.answers[stem]))
                notes = (f"{name} is cut short",) if "cut" in stem else ()
                yield FilePrediction(name, told, notes=notes)


@pytest.fixture
def use(monkeypatch):
    """Makes a predictor that of every run."""
    return lambda predictor: monkeypatch.setattr(
        "mgr_jax.runs.submission.load", lambda *_, **__: predictor
    )


def make_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, {name: np.array(values, float) for name, *values in rows}


def test_rows_are_stems_and_columns_the_genres_of_the_challenge(tmp_path, use, capsys):
    rng = np.random.default_rng(0)
    order = rng.permutation(16)
    answers = {name: rng.dirichlet(np.ones(16)) for name in ("000002", "000005")}
    answers["000005"] = np.eye(16)[3]
    predictor = StubPredictor([GENRES[i] for i in order], answers)
    use(predictor)
    files = make_files(tmp_path, "000/000002.mp3", "000/000005.mp3", "bad.mp3")
    done = mgr_jax.write_submission("run", files, tmp_path / "s.csv", progress=False, workers=0)
    assert str(done) == f"Wrote {tmp_path / 's.csv'}: 3 tracks, 1 of them could not be read."
    header, rows = read(tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_bytes().count(b"\r\n") == 4  # as RFC 4180 has it
    assert ",".join(header) == (
        "file_id,Blues,Classical,Country,Easy Listening,Electronic,Experimental,Folk,Hip-Hop,"
        "Instrumental,International,Jazz,Old-Time / Historic,Pop,Rock,Soul-RnB,Spoken"
    )
    assert list(rows) == ["000002", "000005", "bad"]
    np.testing.assert_allclose([row.sum() for row in rows.values()], 1, atol=1e-6)
    np.testing.assert_allclose(rows["000002"][order], answers["000002"], atol=1e-6)
    assert rows["000005"].argmax() == order[3]
    assert (rows["bad"] == 1 / 16).all()
    assert done.failures == (
        f"{files[2]} cannot be decoded as audio; its row says 0.0625 of every genre",
    )
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
    # As the challenge scores it: a certain error costs a finite number of nats.
    label = np.array([0, (order[3] + 1) % 16, 5])
    table = np.array(list(rows.values()))
    expected = -np.log(table[np.arange(3), label]).mean()
    assert log_loss(label, table) == pytest.approx(expected)
    assert expected < np.log(1e6)
    assert 0 <= macro_f1(label, table) <= 1


def test_what_is_used_but_not_as_it_is_is_told(tmp_path, use):
    use(StubPredictor(GENRES, {"cut": np.full(16, 1 / 16)}))
    with pytest.warns(AudioWarning, match=r"cut\.mp3 is cut short"):
        mgr_jax.write_submission("run", make_files(tmp_path, "cut.mp3"), tmp_path / "s.csv")


@pytest.mark.parametrize(
    ("classes", "task", "code", "named"),
    [
        (GENRES[:8], "single_label", "submission.missing_genre", ("8 of", *GENRES[8:])),
        ([*GENRES[:15], "disco"], "single_label", "submission.unknown_genre", ("'disco'",)),
        (GENRES, "multi_label", "task.needs_single_label", ()),
    ],
)
def test_a_model_of_other_classes_is_refused(tmp_path, use, classes, task, code, named):
    use(StubPredictor(classes, {}, task))
    files = make_files(tmp_path, "1.mp3")
    with user_error(code, *named):
        mgr_jax.write_submission("run", files, tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["a/1.mp3", "b/1.mp3"], "would both be the row 1 of the submission"),
        (["none.mp3"], "none.mp3 does not exist"),
        (["empty"], "empty holds no audio files"),
        ([], "a submission needs files"),
    ],
)
def test_files_are_checked_before_a_model_is_loaded(tmp_path, capsys, names, says):
    make_files(tmp_path, "a/1.mp3", "b/1.mp3")
    (tmp_path / "empty").mkdir()
    flags = ["--model=/no/where", "--format=crowdai", f"--out={tmp_path / 's.csv'}"]
    assert cli.main(["predict", *flags, *(str(tmp_path / name) for name in names)]) == 1
    assert says in capsys.readouterr().err


def test_a_table_goes_with_the_files(tmp_path, use):
    answers = {name: np.full(16, 1 / 16) for name in ("000002", "000005")}
    predictor = StubPredictor(GENRES, answers)
    use(predictor)
    make_files(tmp_path, "000/000002.mp3", "000/000005.mp3")
    (tmp_path / "t.csv").write_text("track,x\n5,50\n2,20\n")
    flags = [f"--out={tmp_path / 's.csv'}", f"--table={tmp_path / 't.csv'}"]
    folder = str(tmp_path / "000")
    assert cli.main(["predict", "--model=run", "--format=crowdai", *flags, folder]) == 0
    assert predictor.sides == [{"table": 20}, {"table": 50}]


@pytest.mark.slow
def test_a_model_of_some_genres_writes_a_submission(trained_run, music_folder, tmp_path, capsys):
    run = shutil.copytree(trained_run, tmp_path / "run")
    model = read_unsealed(run / "model.json")
    known = {"hum": "Old-Time _ Historic", "hiss": "hip hop", "beat": "Rock"}
    model["labels"]["classes"] = [known[name] for name in model["labels"]["classes"]]
    (run / "model.json").write_text(json.dumps(model))
    folder = shutil.copytree(music_folder / "hiss", tmp_path / "clips")
    (folder / "broken.mp3").write_text("no music " * 99)
    flags = ["predict", f"--model={run}", "--format=crowdai", str(folder)]
    out = tmp_path / "out" / "s.csv"
    for extra, says in (
        ([], "takes --format=crowdai, --out"),
        ([f"--out={out}"], "does not know 13 of the challenge's 16 genres"),
        ([f"--out={out}", "--timeline"], "leave out --features"),
    ):
        assert cli.main([*flags, *extra]) == 1
        err = capsys.readouterr().err
        assert says in err
        assert err.count("\n") == 1
    assert cli.main([*flags, f"--out={out}", "--missing_classes=zero"]) == 0
    captured = capsys.readouterr()
    assert "11 tracks, 1 of them could not be read" in captured.out
    assert "broken.mp3 cannot be decoded" in captured.err
    header, rows = read(out)
    assert len(rows) == 11
    table = np.array(list(rows.values()))
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-6)
    missing = [i for i, name in enumerate(GENRES) if name not in header[1:] or name == "Blues"]
    assert table[:, missing].max() == pytest.approx(1 / 16)  # of the broken file
    heard = np.array([row for name, row in rows.items() if name != "broken"])
    assert (heard[:, 0] > 0).all()
    assert heard[:, 0].max() <= 1e-6
    hits = heard.argmax(axis=1) == GENRES.index("Hip-Hop")
    assert hits.mean() >= 0.9
