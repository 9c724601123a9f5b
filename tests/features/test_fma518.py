"""The 518 columns against the librosa that FMA's were computed with, and against today's."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy
import soundfile
import soxr
from errors import user_error

from mgr_jax.features import fma518
from mgr_jax.features.constant_q import constant_q

GOLDEN = Path(__file__).parent / "goldens" / "fma518.npz"  # by make_fma518_golden.py


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as stored:
        return {**stored, "waveform": (stored["clip"] / 32_768).astype(np.float32)}


def named(row: np.ndarray) -> dict[str, float]:
    return dict(zip(fma518.COLUMNS, row, strict=True))


def test_columns_stand_in_the_order_of_the_published_file():
    assert len(set(fma518.COLUMNS)) == 518
    assert list(fma518.COLUMNS) == sorted(fma518.COLUMNS)
    assert fma518.COLUMNS[0] == "chroma_cens.kurtosis.01"
    assert fma518.COLUMNS[-1] == "zcr.std.01"


@pytest.mark.parametrize("position", range(4))
def test_all_columns_are_those_of_librosa_050(golden, position):
    found = fma518.features(golden["waveform"], int(golden["rates"][position]))
    np.testing.assert_allclose(found, golden["rows"][position], rtol=1e-4, atol=1e-5)


def test_real_music_agrees_with_todays_librosa(shared_dir):
    path = shared_dir / "data" / "gtzan_audio_dev" / "country" / "country.00000.flac"
    waveform, rate = soundfile.read(path, dtype="float32", frames=10 * 22_050)
    x, sr = soxr.resample(waveform, rate, 44_100), 44_100
    stft = np.abs(librosa.stft(x, pad_mode="reflect"))
    cqt = np.abs(librosa.cqt(x, sr=sr, n_bins=84, tuning=None, pad_mode="reflect"))
    cens = librosa.feature.chroma_cens(C=cqt, bins_per_octave=12)
    mel = librosa.feature.melspectrogram(S=stft**2, sr=sr)
    exact = {
        "chroma_stft": librosa.feature.chroma_stft(S=stft**2),
        "mfcc": librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
        # By Parseval's theorem `rms` divides the energy by 2048 samples and as many bins.
        "rmse": np.sqrt((stft**2).sum(axis=0, keepdims=True) / 1025),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=stft),
        "spectral_centroid": librosa.feature.spectral_centroid(S=stft),
        "spectral_contrast": librosa.feature.spectral_contrast(S=stft),
        "spectral_rolloff": librosa.feature.spectral_rolloff(S=stft),
        "zcr": librosa.feature.zero_crossing_rate(x),
    }
    near = {  # through a constant-Q transform of another Q and resampler
        "chroma_cqt": librosa.feature.chroma_cqt(C=cqt, bins_per_octave=12),
        "chroma_cens": cens,
        "tonnetz": librosa.feature.tonnetz(chroma=cens),
    }
    row = named(fma518.features(x, sr))
    for name, frames in (exact | near).items():
        for number, values in enumerate(frames, 1):
            tolerance = {"rel": 1e-4, "abs": 1e-5} if name in exact else {"abs": 0.02}
            mean, std = row[f"{name}.mean.{number:02d}"], row[f"{name}.std.{number:02d}"]
            assert mean == pytest.approx(values.mean(), **tolerance), name
            assert std == pytest.approx(values.std(), **tolerance), name


def test_statistics_are_those_of_scipy_and_numpy():
    frames = np.random.default_rng(0).gamma(2.0, size=(3, 500))
    expected = [
        scipy.stats.kurtosis(frames, axis=1),
        frames.max(axis=1),
        frames.mean(axis=1),
        np.median(frames, axis=1),
        frames.min(axis=1),
        scipy.stats.skew(frames, axis=1),
        frames.std(axis=1),
    ]
    np.testing.assert_allclose(fma518.statistics(frames), expected, rtol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -1131.4])
def test_statistics_of_a_constant_are_finite(value):
    (found,) = fma518.statistics(np.full((1, 861), value)).T
    np.testing.assert_allclose(found, [-3, value, value, value, value, 0, 0], atol=1e-9)


def test_published_values_in_hz_are_half_the_true_ones(golden):
    published = named(fma518.features(golden["waveform"], 44_100))
    corrected = named(fma518.features(golden["waveform"], 44_100, corrected=True))
    factor = {"kurtosis": 1, "skew": 1}
    for name in ("spectral_centroid", "spectral_bandwidth", "spectral_rolloff"):
        for statistic in fma518.STATISTICS:
            column = f"{name}.{statistic}.01"
            expected = factor.get(statistic, 2) * published[column]
            assert corrected[column] == pytest.approx(expected, rel=1e-6), column
    different = {c.split(".")[0] for c in published if corrected[c] != published[c]}
    assert {"chroma_stft", "spectral_contrast"} < different
    untouched = {"chroma_cens", "chroma_cqt", "mfcc", "rmse", "tonnetz", "zcr"}
    assert not different & untouched


def test_at_librosas_default_rate_there_is_nothing_to_correct(golden):
    published, corrected = (
        fma518.features(golden["waveform"], 22_050, corrected=corrected)
        for corrected in (False, True)
    )
    np.testing.assert_array_equal(published, corrected)


def test_a_note_stands_in_its_bin_of_the_constant_q_transform():
    seconds = np.arange(22_050) / 22_050
    note = np.sin(2 * np.pi * librosa.note_to_hz("A4") * seconds).astype(np.float32)
    magnitude = constant_q(note, 22_050, tuning=0.0)
    assert magnitude.shape == (84, 1 + 22_050 // 512)
    assert (magnitude.argmax(axis=0)[1:-1] == 12 * 3 + 9).all()  # C1 is bin 0


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_short_and_silent_clips_have_finite_features(golden, rate, corrected):
    for clip in (golden["waveform"][:2048], np.zeros(5000, np.float32)):
        row = named(fma518.features(clip, rate, corrected=corrected))
        assert np.isfinite(list(row.values())).all()
    assert row["spectral_centroid.mean.01"] == row["chroma_cens.max.01"] == 0


def test_what_has_no_such_columns_is_refused(golden):
    with user_error("audio.rate_too_low", "8497 Hz", "8000 Hz"):
        fma518.features(golden["waveform"], 8000)
    with user_error("audio.rate_too_low", "12801 Hz", "12000 Hz"):
        fma518.features(golden["waveform"], 12_000, corrected=True)
    with user_error("audio.too_short", "100 samples"):
        fma518.features(golden["waveform"][:100], 44_100)
