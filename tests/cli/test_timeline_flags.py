"""The flags of a timeline: those that are given change what the model says."""

import numpy as np
import pytest
import soundfile

from mgr_jax import cli

RATE = 12_000


@pytest.fixture
def song(tmp_path):
    time = np.arange(2 * RATE) / RATE
    hiss = np.random.default_rng(0).standard_normal(2 * RATE)
    path = tmp_path / "song.wav"
    soundfile.write(path, 0.05 * np.concatenate([np.sin(2 * np.pi * 250 * time), hiss]), RATE)
    return path


def predict(capsys, *argv):
    code = cli.main(["predict", "--noprogress", *map(str, argv)])
    output = capsys.readouterr()
    return code, output.out, output.err


def test_sections_are_said(capsys, trained_run, song):
    code, out, err = predict(capsys, f"--model={trained_run}", song, "--timeline", "--top=1")
    assert code == 0, err
    lines = out.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [["0:00–0:02", "hum"], ["0:02–0:04", "hiss"]]
    code, whole, err = predict(
        capsys, f"--model={trained_run}", song, "--min_section=3", "--smoothing=0", "--top=1"
    )
    assert code == 0, err
    assert [line.split()[0] for line in whole.splitlines()[1:]] == ["0:00–0:04"]


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--hop=0", "hop is 0.0; give a time above 0"),
        ("--hop=0.6", "hop is 0.6 s, but the model's windows last 0.5 s"),
        ("--hysteresis=1.5", "hysteresis is 1.5; give a number from 0 to 1"),
        ("--smoothing=-1", "not a non-negative number"),
        ("--min_section=nan", "not a non-negative number"),
    ],
)
def test_what_no_timeline_can_be(capsys, trained_run, song, flag, words):
    code, out, err = predict(capsys, f"--model={trained_run}", song, flag)
    assert code
    assert words in err
    assert err.count("\n") == 1
    assert not out
