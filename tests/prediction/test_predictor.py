"""A trained run classifies files of any length, rate and channel count."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax.classifier import abstract_variables
from mgr_jax.model_folder import read_model
from mgr_jax.prediction.predictor import Predictor
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.inference import predict_run

RATE = 12_000


@pytest.fixture(scope="module")
def predictor(trained_run):
    return mgr_jax.load(trained_run)


def clip(genre: str, seconds: float, rate: int = RATE) -> np.ndarray:
    rng = np.random.default_rng(99)
    time = np.arange(int(seconds * rate)) / rate
    noise = rng.standard_normal(len(time))
    sounds = {
        "hum": np.sin(2 * np.pi * 250 * time) + 0.01 * noise,
        "hiss": noise,
        "beat": noise * np.exp(-20 * (time % 0.3)),
    }
    return (0.2 * sounds[genre] / np.abs(sounds[genre]).max()).astype(np.float32)


@pytest.mark.slow
def test_a_file_scores_as_it_did_in_evaluation(predictor, trained_run, music_folder):
    table = predict_run(trained_run, "test")
    track = table.track[0]
    rows = table.track == track
    prediction = predictor.predict(music_folder / track)
    np.testing.assert_allclose(prediction.probabilities, table.probabilities[rows], atol=1e-4)
    np.testing.assert_allclose(prediction.start, table.start[rows])
    np.testing.assert_allclose(prediction.end, table.end[rows])


@pytest.mark.parametrize("genre", ["hum", "hiss", "beat"])
@pytest.mark.parametrize(
    ("name", "rate", "channels", "seconds"),
    [("a.flac", 44_100, 2, 3.3), ("a.ogg", 12_000, 1, 21.0), ("a.mp3", 48_000, 2, 0.7)],
)
def test_any_length_rate_and_channel_count(
    predictor, tmp_path, genre, name, rate, channels, seconds
):
    # Made at 12 kHz, so that every file has the band the network was trained on.
    import soxr

    waveform = soxr.resample(clip(genre, seconds), RATE, rate)
    soundfile.write(tmp_path / name, np.stack([waveform] * channels, 1), rate)
    prediction = predictor.predict(tmp_path / name)
    assert prediction.label == genre
    assert prediction.end[-1] == pytest.approx(seconds, abs=0.15)
    np.testing.assert_allclose(prediction.probabilities.sum(1), 1, atol=1e-5)


def test_the_timeline_says_what_each_part_is_like(predictor):
    song = np.concatenate([clip("hum", 2), clip("hiss", 2), clip("hum", 1)])
    prediction = predictor.predict(song, sample_rate=RATE, timeline=True)
    segments = prediction.segments()
    assert [label for _, _, label, _ in segments] == ["hum"] * 4 + ["hiss"] * 4 + ["hum"] * 2
    assert segments[0][:2] == (0.0, 0.5)
    assert segments[-1][1] == 5.0
    sections = [(part.start, part.end, part.answer.label) for part in prediction.sections]
    assert sections == [(0.0, 2.0, "hum"), (2.0, 4.0, "hiss"), (4.0, 5.0, "hum")]
    lines = prediction.describe(1).splitlines()
    assert [line.split("  ")[1] for line in lines[1:]] == ["0:00–0:02", "0:02–0:04", "0:04–0:05"]


def test_probabilities_are_those_of_the_mean(predictor):
    prediction = predictor.predict(clip("hiss", 3), sample_rate=RATE)
    top = prediction.top(3)
    assert top[0][0] == prediction.label == "hiss"
    assert sum(p for _, p in top) == pytest.approx(1, abs=1e-5)


def test_a_short_file_is_answered_for_as_long_as_it_is(predictor, recwarn):
    prediction = predictor.predict(clip("hiss", 0.2), sample_rate=RATE)
    assert len(prediction.start) == 1
    assert prediction.end[0] == pytest.approx(0.2)
    assert prediction.label == "hiss"
    assert not recwarn.list


@pytest.mark.parametrize(
    ("short_clip", "says"), [("repeat", "are repeated"), ("zero_pad", "config.mask_filling=False")]
)
def test_filling_that_counts_is_warned_of(trained_run, short_clip, says):
    classifier, described = read_model(trained_run)
    spec = dataclasses.replace(described.spec, short_clip=short_clip, mask_filling=False)
    described = dataclasses.replace(described, spec=spec)
    variables = load_variables(trained_run, abstract_variables(classifier, spec), "best")
    filling = Predictor(classifier, variables, described)
    told = "lasts 0.2 s, less than the network's window of 0.5 s; .*"
    with pytest.warns(UserWarning, match=told + says):
        prediction = filling.predict(clip("hiss", 0.2), sample_rate=RATE)
    assert prediction.end[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("audio", "rate", "code"),
    [
        (np.tile(np.float32([0.1, -0.1]), 50), RATE, "audio.too_short"),
        (np.zeros(9_000, np.float32), RATE, "audio.silent"),
        (np.zeros(9_000, np.float32), None, "audio.no_sample_rate"),
        (np.zeros(9_000, np.int16), RATE, "audio.not_a_waveform"),
        (np.zeros((2, 3, 4)), RATE, "audio.not_a_waveform"),
        (np.full(9_000, np.nan), RATE, "audio.not_finite"),
        (np.zeros((2, 9_000)), RATE, "audio.channels_first"),
        (np.zeros(9_000), 0, "audio.no_sample_rate"),
    ],
)
def test_bad_arrays_give_one_sentence(predictor, audio, rate, code):
    with user_error(code):
        predictor.predict(audio, sample_rate=rate)


def test_a_truncated_mp3_is_used_with_a_warning(predictor, tmp_path):
    path = tmp_path / "cut.mp3"
    soundfile.write(path, clip("hiss", 20.0), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(UserWarning, match=r"cut\.mp3 is cut short"):
        assert predictor.predict(path).end[-1] < 12


def test_odd_files_cost_nobody_else_a_prediction(trained_run, tmp_path):
    for name in ("a.wav", "z.wav"):
        soundfile.write(tmp_path / name, clip("hiss", 1.0), RATE)
    wav = bytearray((tmp_path / "a.wav").read_bytes())
    wav[24:28] = (1).to_bytes(4, "little")
    odd = {
        "one_hertz.wav": bytes(wav),
        "pointer.wav": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
        "noise.flac": b"fLaC" + np.random.default_rng(0).bytes(5_000),
        "nothing.wav": b"",
    }
    for name, data in odd.items():
        (tmp_path / name).write_bytes(data)
    soundfile.write(tmp_path / "silence.wav", np.zeros(RATE), RATE)
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["a.wav", *odd, "silence.wav", "pipe.wav", "absent.wav", "z.wav"]
    files = [tmp_path / name for name in names]
    predictions = mgr_jax.predict_files(trained_run, files, workers=2)
    found = dict(predictions)
    assert [Path(name).name for name in found] == ["a.wav", "z.wav"]
    here = mgr_jax.predict_files(trained_run, files, workers=0)
    for name, prediction in here:
        np.testing.assert_array_equal(prediction.probabilities, found.pop(name).probabilities)
    assert not found
    assert predictions.failures == here.failures
    assert len(predictions.failures) == len(names) - 2
    for name, failure in zip(names[1:-1], predictions.failures, strict=True):
        assert name in failure


def test_channels_that_cancel_are_said_and_heard(predictor, tmp_path):
    sound = clip("hiss", 3.0)
    soundfile.write(tmp_path / "a.wav", np.stack([sound, -sound], 1), RATE)
    with pytest.warns(UserWarning, match=r"a\.wav has channels that cancel each other"):
        prediction = predictor.predict(tmp_path / "a.wav")
    expected = predictor.predict(sound, sample_rate=RATE)
    np.testing.assert_allclose(prediction.probabilities, expected.probabilities, atol=1e-3)


def test_a_folder_without_a_run_is_named(tmp_path):
    with user_error("model.none", tmp_path):
        mgr_jax.load(tmp_path)


def test_a_model_of_audio_refuses_features(predictor):
    with user_error("predict.other_kind", "audio"):
        predictor.predict_features(np.zeros((20, 32), np.float32))
