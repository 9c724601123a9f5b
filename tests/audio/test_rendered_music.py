"""Front ends on music that the project composes itself, against librosa in float64."""

import jax
import librosa
import numpy as np
import pytest
import soxr

from mgr_jax.audio.dsp import resample
from mgr_jax.audio.frontends import create_frontend
from mgr_jax.data.rendered import music

RATE = music.SAMPLE_RATE


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    """Three seconds of four genres, [4, samples] float32."""
    tracks = [music.render_track(genre, 0, 0, seed=0, seconds=3.0) for genre in music.GENRES[::3]]
    return np.stack([track.samples for track in tracks])


def log_mel(clip: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(y=clip, sr=RATE, pad_mode="constant")
    return librosa.power_to_db(mel)


# Of each: what librosa makes of a clip [bins, frames], and how far off a value may be.
DEFINITIONS = {
    "log_mel": (log_mel, 5e-3),
    "mfcc": (lambda clip: librosa.feature.mfcc(S=log_mel(clip), n_mfcc=20), 2e-2),
    "chroma_stft": (lambda clip: librosa.feature.chroma_stft(y=clip, sr=RATE, tuning=0.0), 1e-4),
    "tempogram": (lambda clip: librosa.feature.tempogram(y=clip, sr=RATE), 1e-3),
}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_front_ends_are_librosas_on_music(clips, name):
    frontend = create_frontend(name, sample_rate=RATE)
    found = np.asarray(jax.jit(lambda clips: frontend.apply({}, clips))(clips))
    define, tolerance = DEFINITIONS[name]
    for clip, ours in zip(clips.astype(np.float64), found, strict=True):
        expected = define(clip).T
        assert np.ptp(expected) > 100 * tolerance
        np.testing.assert_allclose(ours, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("target", [12_000, 16_000])
def test_music_is_resampled_as_by_soxr(clips, target):
    found = np.asarray(resample(clips, orig_sr=RATE, target_sr=target))
    band = np.fft.rfftfreq(found.shape[1], 1 / target) < 0.9 * target / 2
    for clip, ours in zip(clips, found, strict=True):
        expected = soxr.resample(clip.astype(np.float64), RATE, target, quality="HQ")
        window = np.hanning(len(ours))
        error = np.fft.rfft(window * (ours - expected[: len(ours)]))[band]
        signal = np.fft.rfft(window * expected[: len(ours)])[band]
        assert np.linalg.norm(error) < 1e-4 * np.linalg.norm(signal)
