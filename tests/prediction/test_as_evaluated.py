"""`predict` answers for a file as `evaluate` did for the track, clip by clip."""

import dataclasses
import warnings

import numpy as np
import pytest
import soundfile

import mgr_jax
from mgr_jax.classifier import abstract_variables
from mgr_jax.config import base_config
from mgr_jax.data.prepare import prepare
from mgr_jax.model_folder import read_model
from mgr_jax.prediction.predictor import Predictor
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.training.inference import predict_run

RATE = 12_000
GENRES = ("hiss", "hum")
CLIP = 0.5  # seconds
LENGTHS = (0.2, 0.5, 0.8, 1.9)  # of the tracks, in seconds
MEL = {"n_fft": 512, "hop_length": 256, "n_mels": 16}
MODELS = {"mlp": {"units": (8,)}, "cnn1d": {"widths": (4, 6), "pool": 2}}  # fills, and masks
TRACK_MAXIMUM = {"ref": "max", "normalise_over": "track", "whole_track": True}


def sound(genre, seed, seconds):
    rng = np.random.default_rng([GENRES.index(genre), seed])
    time = np.arange(int(seconds * RATE)) / RATE
    hum = np.sin(2 * np.pi * rng.uniform(150, 400) * time)
    clip = 0.1 * rng.standard_normal(len(time)) + (genre == "hum") * hum
    return (clip * np.linspace(0.1, 0.5, len(time))).astype(np.float32)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Music in tracks of several lengths, prepared as audio and as features of its sound."""
    folder = tmp_path_factory.mktemp("lengths")
    frames, names = [], []
    for genre in GENRES:
        (folder / "music" / genre).mkdir(parents=True)
        for number in range(12):
            seconds = LENGTHS[number % len(LENGTHS)]
            clip = sound(genre, number, seconds)
            soundfile.write(folder / "music" / genre / f"{number}.wav", clip, RATE)
            spectra = np.abs(np.fft.rfft(clip[: len(clip) // 600 * 600].reshape(-1, 600)))
            frames.append(np.log1p(spectra[:, :24]).astype(np.float32))
            names.append(f"{genre}.{number:05d}")
    lengths = np.array(list(map(len, frames)))
    padded = np.zeros((len(frames), lengths.max(), 24), np.float32)
    for row, track in enumerate(frames):
        padded[row, : len(track)] = track
    np.savez(folder / "toy.npz", features=padded, track=names)
    shared = {"data_dir": folder, "fractions": (0.5, 0.25, 0.25), "num_workers": 0}
    prepare("audio_folder", sample_rate=RATE, manual_dir=folder / "music", name="lengths", **shared)
    prepare("feature_array", features=folder / "toy.npz", frame_rate=RATE / 600, **shared)
    return folder


def train(folder, workdir, **changes):
    config = base_config()
    config.update({"data_dir": str(folder), "batch_size": 8, "num_steps": 3, "eval_every": 3})
    config.update({"dataset": "audio_folder/lengths", "sample_rate": RATE})
    config.clip_samples = int(CLIP * RATE)
    config.frontend = changes.pop("frontend", {"name": "log_mel", "kwargs": MEL})
    config.model = changes.pop("model", {"name": "mlp", "kwargs": MODELS["mlp"]})
    config.update(changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of short tracks
        mgr_jax.train(config, workdir, progress=False)
    return workdir


def compare(table, predictions, *, segments):
    """Holds every prediction to the rows of its track; says how many clips tracks had."""
    tracks, counts = table.by_track(), set()
    for name, prediction in predictions.items():
        rows = table.track == name
        np.testing.assert_allclose(prediction.probabilities, table.probabilities[rows], atol=1e-6)
        np.testing.assert_array_equal(prediction.start, table.start[rows])
        np.testing.assert_array_equal(prediction.end, table.end[rows])
        whole = tracks.probabilities[tracks.track == name][0]
        np.testing.assert_allclose(prediction.track_probabilities, whole, atol=1e-6)
        counts.add(int(rows.sum()))
    assert counts == ({1, segments} if segments else {1, 2, 4})


@pytest.mark.filterwarnings("ignore:.*less than the")
@pytest.mark.parametrize(
    ("model", "frontend", "short_clip", "segments"),
    [
        *(("mlp", {}, "zero_pad", segments) for segments in (0, 1, 3)),
        *(("mlp", TRACK_MAXIMUM, "repeat", segments) for segments in (0, 1, 3)),
        *(("cnn1d", {}, "zero_pad", segments) for segments in (0, 3)),
    ],
    ids=str,
)
def test_files_of_a_dataset(folder, tmp_path, model, frontend, short_clip, segments):
    workdir = train(
        folder,
        tmp_path / "run",
        frontend={"name": "log_mel", "kwargs": MEL | frontend},
        eval_segments=segments,
        short_clip=short_clip,
        model={"name": model, "kwargs": MODELS[model]},
    )
    table = predict_run(workdir, "test")
    predictor = mgr_jax.load(workdir)
    found = {name: predictor.predict(folder / "music" / name) for name in set(table.track)}
    compare(table, found, segments=segments)


@pytest.mark.parametrize("segments", [0, 2])
def test_features_of_a_dataset(folder, tmp_path, segments):
    kwargs = {"standardise": "all", "normalise_over": "dataset"}
    workdir = train(
        folder,
        tmp_path / "run",
        dataset="feature_array/toy",
        sample_rate=0,
        clip_samples=11,
        frontend={"name": "precomputed", "kwargs": kwargs},
        eval_segments=segments,
    )
    table = predict_run(workdir, "test")
    with np.load(folder / "toy.npz") as file:
        features = dict(zip(file["track"].tolist(), file["features"], strict=True))
    predictor = mgr_jax.load(workdir)
    found = {name: predictor.predict_features(features[name]) for name in set(table.track)}
    for name, prediction in found.items():
        rows = table.track == name
        np.testing.assert_allclose(prediction.probabilities, table.probabilities[rows], atol=1e-6)
        np.testing.assert_array_equal(prediction.start, table.start[rows])
        assert len(prediction.start) == (segments or 4)
    frames = next(iter(features.values()))
    told = predictor.predict_features(frames, timeline={"hop": 0.2})  # four frames
    steps = np.arange(len(told.start) - 1) * 0.2
    np.testing.assert_allclose(told.start[:-1], steps, atol=1e-9)
    assert told.end[-1] == told.sections[-1].end == len(frames) / predictor.spec.sample_rate
    np.testing.assert_allclose(
        told.track_probabilities, predictor.predict_features(frames).track_probabilities, atol=1e-6
    )


def test_a_timeline_covers_the_file_and_the_answer_stays(folder, tmp_path):
    workdir = train(folder, tmp_path / "run", eval_segments=1)
    predictor = mgr_jax.load(workdir)
    song = np.concatenate([sound(genre, 99, 1.5) for genre in GENRES])
    asked = predictor.predict(song, RATE)
    assert [(asked.start[0], asked.end[0])] == [(1.25, 1.75)]  # the middle of it
    told = predictor.predict(song, RATE, timeline=True)
    np.testing.assert_array_equal(told.start, np.arange(6) * CLIP)
    assert told.end[-1] == 3.0
    np.testing.assert_allclose(told.track_probabilities, asked.probabilities[0], atol=1e-6)
    assert told.label == asked.label
    assert len(told.segments()) == 6


def test_a_short_file_is_answered_for_as_if_clips_were_as_short(folder, tmp_path):
    workdir = train(folder, tmp_path / "run", model={"name": "cnn1d", "kwargs": MODELS["cnn1d"]})
    predictor = mgr_jax.load(workdir)
    song = sound("hum", 7, 0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is to be warned of
        found = predictor.predict(song, RATE)
    assert (found.start[0], found.end[0]) == (0, 0.3)
    classifier, described = read_model(workdir)
    spec = dataclasses.replace(described.spec, shape=(len(song),), clip_samples=len(song))
    short = dataclasses.replace(described, spec=spec)
    variables = load_variables(workdir, abstract_variables(classifier, spec), "best")
    alone = Predictor(classifier, variables, short).predict(song, RATE)
    np.testing.assert_allclose(found.probabilities, alone.probabilities, atol=1e-5)
    longer = predictor.predict(np.append(song, np.zeros(len(song), np.float32)), RATE)
    assert np.abs(longer.probabilities[0] - found.probabilities[0]).max() > 1e-3
