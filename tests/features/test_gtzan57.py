"""The 57 columns against the published table, and their parts against librosa and scipy."""

import csv

import librosa
import numpy as np
import pytest
import scipy
import soundfile
from errors import user_error

from mgr_jax.features import gtzan57

SAMPLE_RATE = 22_050


@pytest.fixture(scope="module")
def beats():
    """Three seconds, a multiple of the hop, of a chord that is struck 120 times a minute."""
    rng = np.random.default_rng(0)
    seconds = np.arange(129 * 512) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * f * seconds) for f in (220.0, 277.2, 329.6))
    clip = (chord + rng.normal(size=len(seconds))) * np.exp(-6 * (seconds % 0.5))
    return (0.2 * clip).astype(np.float32)


@pytest.fixture(scope="module")
def published(shared_dir):
    with open(shared_dir / "data" / "gtzan_features_30_sec_dev.csv", newline="") as file:
        return {row["filename"].removesuffix(".wav"): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("track", ["country.00000", "blues.00000", "pop.00007"])
def test_every_column_is_that_of_the_published_table(shared_dir, published, track):
    path = shared_dir / "data" / "gtzan_audio_dev" / track.split(".")[0] / f"{track}.flac"
    row = published[track]
    assert list(row) == ["filename", "length", *gtzan57.COLUMNS, "label"]
    waveform, sample_rate = soundfile.read(path, dtype="float32")
    assert len(waveform) == int(row["length"])
    expected = [float(row[name]) for name in gtzan57.COLUMNS]
    np.testing.assert_allclose(gtzan57.features(waveform, sample_rate), expected, rtol=1e-4)


def test_columns_are_what_librosa_computes(beats):
    row = dict(zip(gtzan57.COLUMNS, gtzan57.features(beats, SAMPLE_RATE), strict=True))
    stft = librosa.stft(beats, pad_mode="reflect")
    magnitude = np.abs(stft)
    harmonic, percussive = (
        librosa.istft(part, length=len(beats)) for part in librosa.decompose.hpss(stft)
    )
    mel = librosa.feature.melspectrogram(y=beats, sr=SAMPLE_RATE, pad_mode="reflect")
    expected = {
        "chroma_stft": librosa.feature.chroma_stft(S=magnitude**2, sr=SAMPLE_RATE),
        "rms": librosa.feature.rms(y=beats, pad_mode="reflect"),
        "spectral_centroid": librosa.feature.spectral_centroid(S=magnitude, sr=SAMPLE_RATE),
        "spectral_bandwidth": librosa.feature.spectral_bandwidth(S=magnitude, sr=SAMPLE_RATE),
        "rolloff": librosa.feature.spectral_rolloff(S=magnitude, sr=SAMPLE_RATE),
        "zero_crossing_rate": librosa.feature.zero_crossing_rate(beats),
        "harmony": harmonic,
        "perceptr": percussive,
    }
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20)
    expected |= {f"mfcc{number}": values for number, values in enumerate(mfcc, 1)}
    for name, values in expected.items():
        assert row[f"{name}_mean"] == pytest.approx(values.mean(), rel=1e-4, abs=1e-6), name
        assert row[f"{name}_var"] == pytest.approx(values.var(), rel=1e-4), name
    assert row["tempo"] == pytest.approx(120, rel=0.03)


def test_samples_after_the_last_frame_are_silent_in_the_separated_parts(beats):
    odd = np.append(beats, np.full(300, 0.5, np.float32))
    for part in gtzan57.harmonic_percussive(librosa.stft(odd), len(odd)):
        assert part.shape == odd.shape
        assert part[len(beats) - 512 : len(beats)].any()
        assert not part[len(beats) :].any()


@pytest.mark.parametrize("shape", [(40, 200), (7, 5)])
def test_median_filter_is_scipys(shape):
    rows = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    expected = scipy.ndimage.median_filter(rows, size=(1, 31), mode="reflect")
    np.testing.assert_array_equal(gtzan57.median_filter(rows), expected)


@pytest.mark.parametrize("samples", [2048, 2049, 22_050])
def test_short_and_silent_clips_have_finite_features(beats, samples):
    assert np.isfinite(gtzan57.features(beats[:samples], SAMPLE_RATE)).all()
    silence = gtzan57.features(np.zeros(samples, np.float32), SAMPLE_RATE)
    names = [n for n, v in zip(gtzan57.COLUMNS, silence, strict=True) if abs(v) > 1e-9]
    assert names == ["mfcc1_mean"]


def test_what_cannot_fill_a_frame_is_refused(beats):
    with user_error("audio.too_short", "2047 samples"):
        gtzan57.features(beats[:2047], SAMPLE_RATE)
    with pytest.raises(ValueError, match="expected \\[samples\\]"):
        gtzan57.features(beats.reshape(2, -1), SAMPLE_RATE)
