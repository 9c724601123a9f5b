"""A model of stored features classifies audio, by computing the preset they were made with."""

import librosa
import numpy as np
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax.audio.frontends import create_frontend, extract_features
from mgr_jax.config import base_config
from mgr_jax.data.prepare import prepare
from mgr_jax.training.train import train

RATE = 22_050


@pytest.fixture(scope="module")
def runs(tmp_path_factory, music_folder):
    """Two runs on stored log-mels of the music, one of which knows how they were made."""
    folder = tmp_path_factory.mktemp("presets")
    frontend = create_frontend("gtzan_mel3")
    mels, names = [], []
    for path in sorted(music_folder.glob("*/*.wav")):
        waveform, rate = soundfile.read(path, dtype="float32")
        waveform = librosa.resample(waveform, orig_sr=rate, target_sr=RATE)
        mels.append(extract_features(frontend, waveform)[:80].T)
        names.append(f"{path.parent.name}.{path.stem}")
    np.savez(folder / "mel.npz", mel=np.stack(mels), track=names)
    prepare(
        "feature_array",
        data_dir=folder,
        features=folder / "mel.npz",
        frame_rate=RATE / 512,
        fractions=(0.6, 0.2, 0.2),
        num_workers=0,
    )
    config = base_config()
    config.update({"dataset": "feature_array/mel", "data_dir": str(folder), "sample_rate": 0})
    config.update({"clip_samples": 40, "num_steps": 30, "eval_every": 30, "batch_size": 8})
    config.frontend = {"name": "precomputed", "kwargs": {}}
    config.model = {"name": "mlp", "kwargs": {"units": (16,)}}
    train(config, folder / "plain", progress=False)
    config.frontend.kwargs = {"preset": "gtzan_mel3"}
    train(config, folder / "preset", progress=False)
    return folder


def test_audio_scores_as_its_features_do(runs, music_folder):
    predictor = mgr_jax.load(runs / "preset")
    path = sorted(music_folder.glob("*/*.wav"))[3]
    waveform, rate = soundfile.read(path, dtype="float32")
    heard = predictor.predict(path)
    waveform = librosa.resample(waveform, orig_sr=rate, target_sr=RATE)
    stored = predictor.predict_features(extract_features(create_frontend("gtzan_mel3"), waveform))
    np.testing.assert_allclose(heard.probabilities, stored.probabilities, atol=0.02)
    np.testing.assert_allclose(heard.start, stored.start, atol=0.03)
    assert heard.end[-1] == pytest.approx(2.0, abs=0.05)
    assert heard.label == path.parent.name


def test_without_a_preset_audio_is_refused(runs):
    predictor = mgr_jax.load(runs / "plain")
    with user_error("predict.other_kind", "preset"):
        predictor.predict(np.zeros(RATE, np.float32), RATE)


def test_less_than_a_frame_is_refused(runs):
    predictor = mgr_jax.load(runs / "preset")
    with user_error("audio.too_short", "500 samples"):
        predictor.predict(np.tile(np.float32([0.1, -0.1]), 250), RATE)
