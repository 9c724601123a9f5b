"""Files of every kind become the same mono waveform."""

import numpy as np
import pytest
import soundfile

from mgr_jax.audio.clips import fit_length, segment_starts
from mgr_jax.audio.io import (
    decode_flac,
    encode_flac,
    read_audio,
    resample,
    to_int16,
)


def tone(rate: int, seconds: float = 2.0, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype("f")


@pytest.mark.parametrize(
    ("name", "rate", "channels"),
    [
        ("a.wav", 22_050, 1),
        ("a.flac", 44_100, 2),
        ("a.ogg", 48_000, 2),
        ("a.au", 8_000, 1),
        ("a.mp3", 44_100, 2),
        ("a.mp3", 22_050, 1),
    ],
)
def test_a_tone_survives_every_format_rate_and_channel_count(tmp_path, name, rate, channels):
    stereo = np.stack([tone(rate)] * channels, axis=1)
    soundfile.write(tmp_path / name, stereo, rate)
    waveform = read_audio(tmp_path / name, 22_050)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) / 22_050 - 2) < 0.06  # an mp3 encoder pads
    middle = waveform[11_025:33_075]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert abs(spectrum.argmax() * 22_050 / len(middle) - 440) < 1.5
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_resampling_keeps_the_band_and_removes_what_lies_above():
    low, high = tone(44_100, hertz=3_000), tone(44_100, hertz=9_000)
    kept = resample(low + high, 44_100, 12_000)[2_000:-2_000]
    expected = tone(12_000, hertz=3_000)[2_000:-2_000]
    np.testing.assert_allclose(kept, expected, atol=2e-3)


def test_flac_keeps_every_16_bit_sample():
    samples = np.random.default_rng(0).integers(-32768, 32768, 5_000).astype(np.int16)
    np.testing.assert_array_equal(decode_flac(encode_flac(samples, 12_000)), samples)
    np.testing.assert_array_equal(to_int16(samples / np.float32(32768)), samples)
    np.testing.assert_array_equal(to_int16(np.array([-2.0, 2.0])), [-32768, 32767])


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "au", "mp3"])
def test_content_in_memory_is_read_like_a_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone(44_100), tone(44_100, hertz=700)], 1), 44_100)
    from_memory = read_audio("archive.zip/a", 16_000, data=path.read_bytes())
    np.testing.assert_array_equal(from_memory, read_audio(path, 16_000))


@pytest.mark.parametrize("length", [1, 99, 100, 101, 250, 1_000])
def test_segments_cover_the_track_and_stay_inside(length):
    starts = segment_starts(length, 100)
    covered = np.zeros(length, bool)
    for start in starts:
        covered[start : start + 100] = True
    assert covered.all()
    assert starts[-1] + 100 <= max(length, 100)
    assert len(starts) == max(1, -(-length // 100))


def test_a_number_of_segments_is_spread_evenly():
    np.testing.assert_array_equal(segment_starts(1_000, 100, 4), [0, 300, 600, 900])
    np.testing.assert_array_equal(segment_starts(1_000, 100, 1), [450])


def test_short_clips_are_filled():
    clip = np.array([1, 2, 3])
    np.testing.assert_array_equal(fit_length(clip, 7, "zero_pad"), [1, 2, 3, 0, 0, 0, 0])
    np.testing.assert_array_equal(fit_length(clip, 7, "repeat"), [1, 2, 3, 1, 2, 3, 1])
    np.testing.assert_array_equal(fit_length(clip, 3, "repeat"), clip)
