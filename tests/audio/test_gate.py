"""Mono by a rule, levels, silence: one gate for files and arrays, in bounded memory."""

import tracemalloc
import warnings

import numpy as np
import pytest
from encoded import by_soundfile, tune
from errors import user_error

from mgr_jax.audio.gate import pass_gate
from mgr_jax.audio.io import AudioWarning, Limits, convert_waveform, read_audio, resample, to_int16

RATE = 12_000
TUNE, OTHER = tune(3, RATE), tune(3, RATE, seed=1)[::-1] * 0.7
NOISE = np.random.default_rng(5)


def both_ways(samples: np.ndarray) -> np.ndarray:
    """Reads [samples, channels] as a file and as an array, which must give the same."""
    data = by_soundfile(samples, RATE, "WAV", "FLOAT")
    of_file = read_audio("a.wav", RATE, data=data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        of_array = convert_waveform(samples, RATE, RATE)
    np.testing.assert_array_equal(of_file, of_array)
    return of_file


def channels(*rows: np.ndarray | float) -> np.ndarray:
    return np.stack([np.broadcast_to(np.float32(row), TUNE.shape) for row in rows], axis=1)


@pytest.mark.parametrize(
    "stereo",
    [
        channels(TUNE, TUNE / 2),
        channels(TUNE, OTHER),
        channels(TUNE, 0),
        channels(TUNE, -0.4 * TUNE),
        channels(0, 0, 0, TUNE, 0, 0),
        channels(*[0] * 23, TUNE),
        channels(TUNE, 0.1 + 0 * TUNE),
        0.9 + 0.01 * channels(TUNE, OTHER),
    ],
    ids=["alike", "unlike", "one", "partly inverted", "5.1", "22.2", "offset", "large offset"],
)
def test_channels_are_averaged(stereo, recwarn):
    np.testing.assert_allclose(both_ways(stereo), stereo.mean(axis=1), atol=1e-6)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("stereo", "loudest"),
    [
        (channels(TUNE, -TUNE), 0),
        (channels(-0.8 * TUNE, TUNE), 1),
        (channels(TUNE, -TUNE + 1e-3 * NOISE.standard_normal(len(TUNE))), None),
        (channels(0.01 * OTHER, 0, TUNE, 0, -0.98 * TUNE, 0), 2),
        (channels(TUNE + 0.2, -TUNE - 0.3), None),
    ],
    ids=["inverted", "quieter", "noisy", "5.1", "offset"],
)
def test_where_channels_cancel_the_loudest_is_taken(stereo, loudest):
    with pytest.warns(AudioWarning, match=r"a\.wav has channels that cancel .* taken alone"):
        found = both_ways(stereo)
    errors = np.abs(stereo - found[:, None]).max(axis=0)
    assert errors.min() < 1e-6
    assert loudest is None or errors.argmin() == loudest


@pytest.mark.parametrize(
    ("scale", "told"),
    [(2.0, "2"), (32_768.0, "32,770"), (2.0**31, "2,147,000,000"), (1e16, r"1e\+16")],
)
def test_levels_far_outside_are_scaled_to_their_peak(scale, told):
    says = rf"a\.wav has levels of up to {told} times full scale; it is scaled to its peak"
    with pytest.warns(AudioWarning, match=says):
        found = both_ways(TUNE[:, None] / np.abs(TUNE).max() * np.float32(scale))
    np.testing.assert_allclose(found, TUNE / np.abs(TUNE).max(), atol=1e-6)


def test_what_a_limiter_or_a_lossy_decoder_overshoots_is_clipped(recwarn):
    loud = TUNE * np.float32(1.2 / np.abs(TUNE).max())
    np.testing.assert_array_equal(
        convert_waveform(loud, RATE, RATE, dtype=np.int16), to_int16(loud)
    )
    clipped = np.clip(NOISE.standard_normal(40_000) * 3, -1, 1)
    mp3 = by_soundfile(clipped, 44_100, "MP3")
    assert np.abs(read_audio("a.mp3", 44_100, data=mp3)).max() > 1.25
    assert read_audio("a.mp3", 44_100, data=mp3, dtype=np.int16).max() == 32_767
    assert not recwarn.list


def bits(low: int, high: int) -> np.ndarray:
    return NOISE.integers(low, high + 1, len(TUNE)) / 32768


@pytest.mark.parametrize(
    "nothing",
    [
        channels(0),
        channels(0.5),
        channels(bits(-1, 0)),
        channels(bits(-2, 2), bits(-2, 2)),
        channels(bits(-1, 1) + 0.1),
        channels(*(bits(-1, 1) * sign for sign in (1, -1))),
        channels(1e-4 * TUNE),
    ],
    ids=["zero", "offset", "last bit", "dither", "both", "inverted", "inaudible"],
)
def test_what_holds_nothing_to_hear_is_refused(nothing):
    with user_error("audio.silent", "a.wav"):
        read_audio("a.wav", 8_000, data=by_soundfile(nothing, RATE, "WAV", "PCM_16"))
    with user_error("audio.silent", "the array"):
        convert_waveform(nothing, RATE, RATE)


def test_quiet_music_and_a_second_of_sound_are_something():
    quiet = TUNE * np.float32(1e-3 / np.sqrt((TUNE**2).mean()))
    np.testing.assert_allclose(both_ways(quiet[:, None]), quiet, atol=1e-7)
    late = np.concatenate([np.zeros(20 * RATE, np.float32), TUNE[: RATE // 2]])
    np.testing.assert_allclose(both_ways(late[:, None]), late, atol=1e-7)


@pytest.mark.parametrize("where", [0, -1])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(where, value):
    samples = channels(TUNE, OTHER)
    samples[where, 1] = value
    with user_error("audio.not_finite", "a.wav"):
        read_audio("a.wav", RATE, data=by_soundfile(samples, RATE, "WAV", "FLOAT"))
    with user_error("audio.not_finite", "the array"):
        convert_waveform(samples, RATE, RATE)


class Stretches:
    """Sound in blocks of a given size, of several rates."""

    lossy = False

    def __init__(self, size: int, *stretches: tuple[int, np.ndarray]) -> None:
        self.size, self.stretches = size, stretches

    def __iter__(self):
        for rate, samples in self.stretches:
            for start in range(0, len(samples), self.size):
                yield rate, samples[None, start : start + self.size]


@pytest.mark.parametrize("size", [7, 100, 4_096, 48_000])
@pytest.mark.parametrize(("rate", "to_rate"), [(44_100, 12_000), (8_000, 22_050), (16_000, 16_000)])
def test_blocks_give_what_all_at_once_gives(size, rate, to_rate):
    samples = tune(2.5, rate)
    sound = Stretches(size, (rate, samples))
    found, found_rate = pass_gate(sound, "it", to_rate, np.int16)
    expected = to_int16(resample(samples, rate, to_rate))
    assert (found_rate, found.dtype, len(found)) == (to_rate, np.int16, len(expected))
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_stretches_of_other_rates_are_resampled_by_themselves():
    parts = [(44_100, tune(2, 44_100)), (22_050, tune(2, 22_050, 1)), (12_000, tune(2, 12_000, 2))]
    found, _ = pass_gate(Stretches(10_000, *parts), "it", 12_000, np.float32)
    expected = np.concatenate([resample(samples, rate, 12_000) for rate, samples in parts])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert pass_gate(Stretches(10_000, *parts), "it", None, np.float32)[1] == 44_100


def test_memory_is_that_of_the_result(tmp_path):
    path = tmp_path / "a.wav"
    sound = np.tile(tune(1, 48_000), 20)[:, None] * np.ones(8, np.float32)
    path.write_bytes(by_soundfile(sound, 48_000, "WAV"))
    del sound
    read_audio(path, 8_000)  # what is loaded once
    tracemalloc.start()
    result = read_audio(path, 8_000, dtype=np.int16)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    block = 4 * 8 * 48_000
    assert result.nbytes == 20 * 8_000 * 2
    assert peak < 1.25 * result.nbytes + 3 * block < 20 * block / 2


@pytest.mark.parametrize("rate", ["12000", None, 0, -1, float("nan"), float("inf"), True, 1j])
def test_a_rate_that_is_none_is_one_sentence(rate):
    with user_error("audio.no_sample_rate", repr(rate)):
        convert_waveform(TUNE, rate, RATE)


@pytest.mark.parametrize(("rate", "told"), [(1, "of 1 Hz"), (1e6, "of 1,000,000 Hz")])
def test_a_rate_beyond_the_limits_is_one_sentence(rate, told):
    with user_error("audio.limit", told, "1,000 to 384,000 Hz"):
        convert_waveform(TUNE, rate, RATE)
    with user_error("audio.limit", "0.25 Hz", "outside of 0.5 to 22,050.5 Hz"):
        Limits(min_rate=0.5, max_rate=22_050.5).require_rate("a.wav", 0.25)


@pytest.mark.parametrize("rate", [12_000.0, np.int64(12_000), np.float32(12_000)])
def test_rates_may_be_numbers_of_any_type(rate):
    np.testing.assert_array_equal(convert_waveform(TUNE, rate, RATE), TUNE)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (TUNE[None], "audio.channels_first"),
        (channels(TUNE, OTHER).T, "audio.channels_first"),
        (np.zeros((16, 9_000)), "audio.channels_first"),
        (TUNE[:0], "audio.no_samples"),
        (np.zeros((0, 2)), "audio.no_samples"),
        (np.float64(0.5), "audio.not_a_waveform"),
        (TUNE.reshape(2, 2, -1), "audio.not_a_waveform"),
        (TUNE.astype(complex), "audio.not_a_waveform"),
        (TUNE.astype(object), "audio.not_a_waveform"),
        (np.zeros(9_000, np.int16), "audio.not_a_waveform"),
        ([[0.5], [0.5, 0.1]], "audio.not_a_waveform"),
        ("song.mp3", "audio.not_a_waveform"),
        (None, "audio.not_a_waveform"),
    ],
)
def test_arrays_that_are_no_waveform_are_one_sentence(array, code):
    with user_error(code):
        convert_waveform(array, RATE, RATE)


@pytest.mark.parametrize(
    "array",
    [TUNE.tolist(), TUNE[:, None], TUNE.astype(np.float64), TUNE.astype(np.longdouble),
     np.asfortranarray(channels(TUNE, TUNE)), np.repeat(TUNE, 2)[::2]],
    ids=["list", "column", "double", "long", "fortran", "strided"],
)  # fmt: skip
def test_arrays_of_floats_are_read_however_they_lie(array):
    np.testing.assert_allclose(convert_waveform(array, RATE, RATE), TUNE, atol=1e-7)


@pytest.mark.parametrize("inverted", [slice(10, None), slice(30, None), slice(12, 20)])
def test_channels_that_cancel_for_a_part_only_are_not_averaged(inverted):
    """Of the power of the whole, the seconds in phase leave enough."""
    sound = tune(60, RATE)
    other = sound.reshape(60, RATE) * np.float32(0.9)
    other[inverted] *= -1
    stereo = np.stack([sound, other.ravel()], axis=1)
    with pytest.warns(AudioWarning, match="cancel each other; channel 1 of 2"):
        np.testing.assert_array_equal(both_ways(stereo), sound)


def test_an_effect_and_the_noise_of_pauses_may_be_out_of_phase(recwarn):
    sound = tune(60, RATE).reshape(60, RATE)
    other = sound.copy()
    other[30:33] *= -1
    sound[40:], other[40:] = 1e-3 * sound[40:], -1e-3 * sound[40:]
    stereo = np.stack([sound.ravel(), other.ravel()], axis=1)
    np.testing.assert_allclose(both_ways(stereo), stereo.mean(axis=1), atol=1e-6)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("level", "count"), [(30.0, 1), (1_000.0, 1), (1e20, 1), (1_000.0, 300), (1e20, 300)]
)
def test_a_recording_does_not_vanish_beside_wild_samples(level, count):
    wild = TUNE.copy()
    wild[5_000 : 5_000 + count] = level * np.resize([1, -1], count)
    with user_error("audio.wild_samples", "the array", f"{level:,.4g} times full scale"):
        convert_waveform(wild, RATE, RATE)


def test_of_high_levels_that_are_finite_none_is_called_infinite():
    with pytest.warns(AudioWarning, match="scaled to its peak"):
        found = both_ways(channels(TUNE * np.float32(1e20), OTHER * np.float32(1e20)))
    mean = (TUNE + OTHER) / 2
    np.testing.assert_allclose(found, mean / np.abs(mean).max(), atol=1e-5)


def test_a_click_is_no_second_of_sound_because_it_comes_last():
    click = 0.005 * np.float32([1, 1, -1, -1])
    with user_error("audio.silent", "the array"):
        convert_waveform(np.concatenate([0 * TUNE, click]), RATE, RATE)
    np.testing.assert_array_equal(convert_waveform(click, RATE, RATE), click)
