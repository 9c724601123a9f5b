"""Calibrating a run: what is found, what is written, what is then told of sounds."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.config import load_config
from mgr_jax.model_folder import read_description
from mgr_jax.runs import calibrate as calibrate_module
from mgr_jax.runs.background_sounds import KINDS, make_background

pytestmark = pytest.mark.slow  # of the run that is calibrated
RATE = 12_000


def as_json(content):
    """Lists for tuples."""
    return json.loads(json.dumps(content))


def make_clip(genre, seed, seconds=2.0):
    """Like the tracks of the run, of other artists."""
    rng = np.random.default_rng([77, seed])
    time = np.arange(round(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(time))
    match genre:
        case "hum":
            clip = np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise
        case "hiss":
            clip = noise
        case "beat":
            clip = noise * np.exp(-20 * (time % rng.uniform(0.2, 0.4)))
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


@pytest.fixture(scope="module")
def calibrated(trained_run, tmp_path_factory):
    """A run that was calibrated, and what came of it."""
    folder = tmp_path_factory.mktemp("runs") / "calibrated"
    shutil.copytree(trained_run, folder)
    found = mgr_jax.calibrate(folder, precision=0.8, report_split="test", progress=False)
    return folder, found


def test_model_json_says_what_was_found_and_all_that_it_said_before(calibrated, trained_run):
    folder, found = calibrated
    before, after = read_description(trained_run), read_description(folder)
    assert after.decisions == dataclasses.replace(
        found.decisions, measured=after.decisions.measured
    )
    assert as_json(after.decisions.measured) == as_json(found.decisions.measured)
    assert dataclasses.replace(after, decisions=before.decisions) == before
    decisions = after.decisions
    assert decisions.precision == 0.8
    assert set(decisions.thresholds) == {"beat", "hiss", "hum"}
    measured = decisions.measured
    assert (measured["split"], measured["tracks"]) == ("validation", 6)
    assert measured["after"]["track"]["precision"][0] >= 0.8
    assert measured["after"]["track"]["log_loss"] <= measured["before"]["track"]["log_loss"]
    assert measured["reported"]["split"] == "test"
    share, low, high = measured["background"]["refused"]  # of 24 clips of 6 tracks
    assert low <= share <= min(high, 0.2)
    assert measured["background"]["clips"] == 4 * (18 + 6)
    for name in ("temperature", "cross-fitted", "test", "precision of 0.8", "babble"):
        assert name in str(found)


@pytest.mark.parametrize(
    ("wanted", "precision", "words"),
    [
        (
            0.8,
            [0.95, 0.9, 0.99],
            ["95.0 % of the answers", "90.0 % to 99.0 %", "80.0 % is reached"],
        ),
        (0.8, [0.6, 0.5, 0.7], ["60.0 %", "80.0 % is missed"]),
        (0.8, [0.9, 0.7, 0.97], ["80.0 % is not shown"]),
        (0.8, [None, None, None], ["nothing is answered"]),
        (None, [0.6, 0.5, 0.7], ["60.0 % of the answers are right"]),
    ],
)
def test_it_says_whether_the_wanted_precision_is_reached(calibrated, wanted, precision, words):
    _, found = calibrated
    measured = as_json(found.decisions.measured)
    measured["reported"]["after"]["track"]["precision"] = precision
    changes = {"precision": wanted, "measured": measured}
    changes |= {} if wanted else {"thresholds": {}}
    decisions = dataclasses.replace(found.decisions, **changes)
    said = str(dataclasses.replace(found, decisions=decisions)).splitlines()[-1]
    assert all(word in said for word in words)
    del measured["reported"]
    assert "is not measured" in str(dataclasses.replace(found, decisions=decisions))


def test_answers_are_calibrated_and_scored_probabilities_stay(calibrated, trained_run):
    folder, found = calibrated
    before, after = mgr_jax.load(trained_run), mgr_jax.load(folder)
    clip = make_clip("beat", 9)
    old, new = before.predict(clip, RATE), after.predict(clip, RATE)
    np.testing.assert_array_equal(old.probabilities, new.probabilities)
    np.testing.assert_array_equal(old.track_probabilities, new.track_probabilities)
    temperature = found.decisions.track_temperature
    logits = np.log(np.maximum(old.track_probabilities, 1e-38)) / temperature
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(new.answer.probabilities, expected, rtol=1e-4, atol=1e-6)
    assert new.label == "beat"


def test_silence_and_sounds_that_are_no_music_have_no_genre(calibrated, trained_run):
    folder, _ = calibrated
    before, after = mgr_jax.load(trained_run), mgr_jax.load(folder)
    # To this model hiss is a genre: what is like it, noise and bursts of it, has to stay.
    kinds = ("babble", "hum", "tone")
    assert set(kinds) < set(KINDS)
    sounds = list(make_background(RATE, 2.0, 30, seed=77, kinds=kinds))
    refused = {kind: [] for kind in kinds}
    for kind, sound in sounds:
        waveform = sound / np.float32(2**15)
        assert before.predict(waveform, RATE).answer.told
        answer = after.predict(waveform, RATE).answer
        refused[kind].append(answer.reason == "background")
        assert answer.reason != "background" or not answer.told
    assert np.mean(refused["babble"]) >= 0.8
    assert np.mean(refused["hum"]) >= 0.8
    silent = np.zeros(4 * RATE, np.float32)
    silent[: RATE // 2] = make_clip("hum", 9, 0.5)
    prediction = after.predict(silent, RATE)  # of which one clip of eight sounds
    assert prediction.answer.reason == "background"


def test_music_of_artists_that_were_not_heard_keeps_its_genre(calibrated):
    predictor = mgr_jax.load(calibrated[0])
    found = [
        (genre, predictor.predict(make_clip(genre, artist), RATE).answer)
        for genre in ("hum", "hiss", "beat")
        for artist in range(10)
    ]
    # A few tones are far from the six of the training tracks, and are like beeps.
    assert np.mean([answer.reason == "background" for _, answer in found]) <= 0.1
    right = [answer.label == genre for genre, answer in found if answer.told]
    assert len(right) >= 20
    assert np.mean(right) >= 0.9


def test_an_evaluation_adds_what_is_told(calibrated, trained_run, tmp_path):
    folder, _ = calibrated
    result = mgr_jax.evaluate(folder, "test", progress=False)
    told = result.scores["told"]
    reported = read_description(folder).decisions.measured["reported"]["after"]
    expected = reported | {"wanted": 0.8, "chosen_on": "validation"}
    assert as_json(told) == as_json(expected)
    assert "(0.8 was wanted)" in str(result)
    assert "optimistic" not in str(result)
    assert "optimistic" in str(mgr_jax.evaluate(folder, "validation", progress=False))
    assert mgr_jax.Run.open(folder).result("test").scores["told"] == as_json(told)
    plain = tmp_path / "plain"
    shutil.copytree(trained_run, plain)
    scores = mgr_jax.evaluate(plain, "test", progress=False).scores
    assert "told" not in scores
    assert scores["track"] == result.scores["track"]


def test_the_command_that_trained_it_keeps_what_was_found(
    calibrated, trained_run, tmp_path, caplog
):
    folder = tmp_path / "run"
    shutil.copytree(calibrated[0], folder)
    config = load_config(folder / "config.json")
    mgr_jax.train(config, folder, progress=False)
    assert read_description(folder) == read_description(calibrated[0])
    assert "is no longer valid" not in caplog.text
    config.num_steps += 2
    mgr_jax.train(config, folder, progress=False)  # another network
    assert read_description(folder).decisions == read_description(trained_run).decisions
    assert "is no longer valid" in caplog.text


@pytest.mark.parametrize(
    ("options", "code", "named"),
    [
        ({"precision": 1.5}, "argument.out_of_range", "1.5"),
        ({"precision": float("nan")}, "argument.out_of_range", "nan"),
        ({"precision": 0.99}, "calibrate.not_reached", "0 to do without"),
        ({"split": "train"}, "calibrate.trained_on", "validation"),
        ({"report_split": "train"}, "calibrate.trained_on", "validation"),
        ({"report_split": "validation"}, "argument.choose_one", "another"),
    ],
)
def test_what_cannot_be_found_is_one_sentence_and_nothing_is_written(
    trained_run, options, code, named
):
    before = (trained_run / "model.json").read_bytes()
    with user_error(code, named):
        mgr_jax.calibrate(trained_run, progress=False, **options)
    assert (trained_run / "model.json").read_bytes() == before


def test_a_single_track_is_too_few(trained_run, monkeypatch):
    predict = calibrate_module.predict_run

    def first(*args, **options):
        table = predict(*args, **options)
        return table.select(table.track == table.track[0])

    monkeypatch.setattr(calibrate_module, "predict_run", first)
    with user_error("calibrate.too_few", "single track"):
        mgr_jax.calibrate(trained_run, progress=False)


def test_the_command_line(trained_run, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained_run, folder)
    options = ["--precision=0", "--nobackground", "--noprogress"]
    assert cli.main(["calibrate", f"--model={folder}", *options]) == 0
    out = capsys.readouterr().out
    assert "6 validation tracks" in out
    assert "background" not in out
    decisions = read_description(folder).decisions
    assert (decisions.thresholds, decisions.precision, decisions.background) == ({}, None, {})
    assert cli.main(["calibrate"]) == 1
    assert "--model" in capsys.readouterr().err
    tree = tmp_path / "tree.csv"
    tree.write_text("child,parent\nhiss,noise\nbeat,rhythm\n", encoding="utf-8")
    song = tmp_path / "song.wav"

    soundfile.write(song, make_clip("beat", 9), RATE)
    predict = ["predict", f"--model={folder}", str(song), "--noprogress"]
    assert cli.main([*predict, f"--genre_tree={tree}", "--classes=HISS"]) == 0
    assert "undecided" in capsys.readouterr().out
    for flag, said in (
        ("--min_probability=1.5", "min_probability"),
        ("--classes=hiss,jaz", "'jaz'"),
        (f"--genre_tree={tmp_path / 'none.csv'}", "none.csv"),
    ):
        assert cli.main([*predict, flag]) == 1
        message = capsys.readouterr().err
        assert said in message
        assert message.count("\n") == 1
