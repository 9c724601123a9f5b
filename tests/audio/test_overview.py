"""A whole sound in few columns: its envelope and levels are those of the sound."""

import librosa
import numpy as np
import pytest
import scipy.signal

from mgr_jax.audio.overview import COLUMNS, make_overview

RATE = 12_000


def tones(*pitches, seconds=2.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return np.concatenate([8000 * np.sin(2 * np.pi * hz * time) for hz in pitches]).astype(np.int16)


@pytest.mark.parametrize("samples", [1, 255, 700, 36_000, 3_000_001])
def test_a_sound_of_any_length(samples):
    sound = np.random.default_rng(0).integers(-9000, 9000, samples).astype(np.int16)
    seen = make_overview(sound, RATE)
    assert 1 <= len(seen.low) == len(seen.high) == len(seen.mel) <= COLUMNS
    assert seen.low.min() == sound.min() / 2**15
    assert seen.high.max() == sound.max() / 2**15
    assert (seen.low <= seen.high).all()
    assert seen.mel.max() == 0
    assert np.isfinite(seen.mel).all()


def test_the_envelope_is_that_of_each_column():
    sound = np.zeros(3000 * 300, np.int16)
    sound[450_000] = 16_384  # one sample in the middle
    seen = make_overview(sound, RATE)
    assert seen.high.argmax() == COLUMNS // 2
    assert seen.high.max() == 0.5
    assert np.count_nonzero(seen.high) == 1


def test_pitches_are_where_they_are_heard():
    pitches = (300, 1000, 4000)
    seen = make_overview(tones(*pitches), RATE)
    third = len(seen.mel) // 3
    for number, hz in enumerate(pitches):
        loudest = seen.mel[number * third + 3 : (number + 1) * third - 3].argmax(axis=1)
        nearest = np.abs(seen.frequencies - hz).argmin()
        assert (np.abs(loudest - nearest) <= 1).all()


def test_levels_are_those_of_scipy_and_librosa():
    rng = np.random.default_rng(1)
    steady = np.convolve(rng.normal(0, 3000, 60 * RATE), np.ones(5) / 5, "same").astype(np.int16)
    seen = make_overview(steady, RATE)
    _, power = scipy.signal.welch(steady / 2**15, RATE, "hann", 1024, detrend=False)
    mel = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=64) @ power
    expected = 10 * np.log10(mel / mel.max())
    found = 10 * np.log10((10 ** (seen.mel.astype(float) / 10)).mean(axis=0))
    np.testing.assert_allclose(found - found.max(), expected, atol=0.5)


def test_a_sound_on_disk(tmp_path):
    sound = tones(300, 1000)
    sound.tofile(tmp_path / "sound.raw")
    mapped = np.memmap(tmp_path / "sound.raw", np.int16, "r")
    np.testing.assert_array_equal(make_overview(mapped, RATE).mel, make_overview(sound, RATE).mel)


def test_silence():
    seen = make_overview(np.zeros(RATE, np.int16), RATE)
    assert not seen.high.any()
    assert np.isfinite(seen.mel).all()
