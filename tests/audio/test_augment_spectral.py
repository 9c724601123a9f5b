"""Filter, speed and reverb: what each does to a sound, against scipy where it knows them."""

import jax
import numpy as np
import pytest
import scipy.signal

from mgr_jax.audio.augment import spectral

RATE = 22050


def over_keys(transform, x, *, count=64, **settings) -> np.ndarray:
    """The results [count, ...] of `count` different keys."""
    keys = jax.random.split(jax.random.key(0), count)
    return np.asarray(jax.jit(jax.vmap(lambda key: transform(key, x, **settings)))(keys))


def once(transform, x, **settings) -> np.ndarray:
    return over_keys(transform, x, count=1, **settings)[0]


@pytest.fixture(scope="module")
def hiss() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, 5000).astype(np.float32)


def level_db(y, reference) -> np.ndarray:
    """Mean power of y relative to the reference's, in dB."""
    return 10 * np.log10(np.mean(np.square(y), axis=-1) / np.mean(np.square(reference)))


@pytest.mark.parametrize("order", [1, 4, 8])
@pytest.mark.parametrize(("kind", "cutoff"), [("lowpass", 3000.0), ("highpass", 300.0)])
def test_filter_has_the_magnitude_of_scipys_butterworth(kind, cutoff, order):
    impulse = np.zeros(8192, np.float32)
    impulse[4096] = 1
    y = once(
        spectral.random_filter,
        impulse,
        highpass_share=float(kind == "highpass"),
        **{f"min_{kind}_hz": cutoff, f"max_{kind}_hz": cutoff},
        order=order,
        sample_rate=RATE,
    )
    np.testing.assert_allclose(y[1:], y[:0:-1], atol=1e-6)  # no phase
    hz = np.fft.rfftfreq(8192, 1 / RATE)
    _, expected = scipy.signal.freqs(*scipy.signal.butter(order, cutoff, kind, analog=True), hz)
    np.testing.assert_allclose(np.abs(np.fft.rfft(y)), np.abs(expected), atol=2e-3)
    response = np.abs(np.fft.rfft(y))
    passed, stopped = hz[1:] < cutoff / 2, hz[1:] > cutoff * 2
    if kind == "highpass":
        passed, stopped = stopped, passed
    assert response[1:][passed].min() > 10 ** (-1.0 / 20)
    assert response[1:][stopped].max() < 10 ** ((-6 * order + 0.1) / 20)


def test_filter_draws_its_kind_and_cutoff():
    impulse = np.zeros(4096, np.float32)
    impulse[2048] = 1
    filtered = over_keys(
        spectral.random_filter, impulse, count=400, highpass_share=0.25, sample_rate=RATE
    )
    hz, response = np.fft.rfftfreq(4096, 1 / RATE), np.abs(np.fft.rfft(filtered))
    highpass = response[:, 0] < 0.5
    assert 0.25 - 0.07 < highpass.mean() < 0.25 + 0.07
    for rows, low, high in ((~highpass, 2200, 4000), (highpass, 200, 1200)):
        cutoff = hz[np.abs(response[rows] - np.sqrt(0.5)).argmin(axis=1)]
        assert low - 6 <= cutoff.min() < low * 1.1 < high * 0.9 < cutoff.max() <= high + 6


def test_filter_carries_nothing_from_one_end_to_the_other():
    click = np.zeros(5000, np.float32)
    click[0] = 1
    for highpass_share in (0.0, 1.0):
        y = once(spectral.random_filter, click, highpass_share=highpass_share, sample_rate=RATE)
        assert np.abs(y[4000:]).max() < 1e-6


# Powers of two, for which these rates are exact.
@pytest.mark.parametrize(
    ("samples", "rate"), [(2**12, 0.5), (2**16, 0.875), (2**11, 1.0), (2**16, 1.125), (2**12, 2.0)]
)
def test_speed_is_the_fourier_series_at_other_times(samples, rate):
    y = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    harmonics = np.arange(samples // 2 + 1)
    terms = np.fft.rfft(y.astype(np.float64)) / samples
    terms[1:-1] *= 2
    terms[harmonics * rate > samples / 2] = 0
    expected = scipy.signal.czt(terms, samples, np.exp(2j * np.pi * rate / samples)).real
    played = once(spectral.speed, y, min_rate=rate, max_rate=rate)
    assert level_db(played - expected, expected) < -110


@pytest.mark.parametrize("samples", [66_150, 59_049, 50_021])
@pytest.mark.parametrize("rate", [0.85, 1.2])
def test_speed_scales_the_frequency_of_a_tone(samples, rate):
    hz = 1234.5
    tone = 0.5 * np.sin(2 * np.pi * hz / RATE * np.arange(samples))
    played = once(spectral.speed, tone.astype(np.float32), min_rate=rate, max_rate=rate)
    assert played.shape == (samples,)
    # Away from the seam, where the tone does not join its own start.
    inside = slice(2000, int(min(1, 1 / rate) * samples) - 2000)
    time = np.arange(samples)[inside] / RATE
    # The best fitting frequency near the expected one, and what it leaves.
    candidates = rate * hz * (1 + 3e-5 * np.linspace(-1, 1, 61))
    residual = []
    for candidate in candidates:
        basis = np.stack([f(2 * np.pi * candidate * time) for f in (np.sin, np.cos)], axis=1)
        residual.append(np.linalg.lstsq(basis, played[inside], rcond=None)[1][0])
    assert abs(candidates[np.argmin(residual)] / (rate * hz) - 1) < 2e-5
    power = 0.125 * len(time)
    assert min(residual) / power < 1e-5  # -50 dB, of which the seam makes most


def test_speed_does_not_alias():
    rate, samples = 1.2, 20_000
    fade = np.hanning(samples)
    for hz in (RATE / 2 / rate + 100, 10_900.0):
        tone = fade * np.sin(2 * np.pi * hz / RATE * np.arange(samples))
        played = once(spectral.speed, tone.astype(np.float32), min_rate=rate, max_rate=rate)
        assert level_db(played, tone) < -100
    tone = fade * np.sin(2 * np.pi * (RATE / 2 / rate - 100) / RATE * np.arange(samples))
    played = once(spectral.speed, tone.astype(np.float32), min_rate=rate, max_rate=rate)
    assert abs(level_db(played[: int(samples / rate)], tone)) < 0.01


@pytest.mark.parametrize("rate", [1.25, 2.0, 4.0])
def test_speed_fills_the_end_with_silence_or_the_start(rate):
    samples = 4096
    time = np.arange(samples)
    y = (np.hanning(samples) * np.sin(0.2 * time)).astype(np.float32)
    end = int(np.ceil(samples / rate))
    silent, repeated = (
        once(spectral.speed, y, min_rate=rate, max_rate=rate, fill=fill)
        for fill in ("zero", "wrap")
    )
    np.testing.assert_allclose(silent[:end], repeated[:end], atol=2e-6)
    assert np.abs(silent[end:]).max() < 2e-6
    assert np.abs(repeated[end:]).max() > 0.1
    # Where the end is not a whole sample, the start comes again a fraction of one late.
    again = slice(0, min(end, samples - end))
    np.testing.assert_allclose(repeated[end:][again], repeated[again], atol=0.1)


def test_speed_draws_rates_log_uniformly():
    tone = (np.hanning(4096) * np.sin(0.5 * np.arange(4096))).astype(np.float32)
    played = over_keys(spectral.speed, tone, count=300, min_rate=0.5, max_rate=2.0, fill="zero")
    peak = np.abs(np.fft.rfft(played, 65_536)).argmax(axis=1)
    octaves = np.log2(2 * np.pi * peak / 65_536 / 0.5)
    assert -1.01 < octaves.min() < -0.95 < 0.95 < octaves.max() < 1.01
    assert abs(octaves.mean()) < 3 * 2 / np.sqrt(12 * 300)


@pytest.fixture(scope="module")
def echo() -> np.ndarray:
    """Two seconds of a click in a room of RT60 0.6 s with as much direct as late energy."""
    click = np.zeros(2 * RATE, np.float32)
    click[100] = 0.5
    room = {"min_rt60": 0.6, "max_rt60": 0.6, "min_drr_db": 3.0, "max_drr_db": 3.0}
    return once(spectral.reverb, click, **room, sample_rate=RATE).astype(np.float64)


def test_reverb_keeps_the_direct_sound_and_the_power(echo):
    direct, late = echo[100], echo[101:]
    np.testing.assert_allclose(echo[:100], 0, atol=1e-6)
    assert direct > 0
    np.testing.assert_allclose(10 * np.log10(direct**2 / np.sum(late**2)), 3.0, atol=0.01)
    np.testing.assert_allclose(np.sum(echo**2), 0.25, rtol=1e-4)


def test_reverb_decays_by_60_db_in_the_time_asked_for(echo):
    tail = echo[101 : 101 + int(0.6 * RATE)]
    energy = np.cumsum(tail[::-1] ** 2)[::-1]  # Schroeder's backward integration
    decay = 10 * np.log10(energy / energy[0])
    time = np.arange(len(decay)) / RATE
    fitted = (decay < -5) & (decay > -35)  # T30
    slope = np.polyfit(time[fitted], decay[fitted], 1)[0]
    assert -60 / slope == pytest.approx(0.6, rel=0.05)


def test_reverb_is_a_convolution_with_its_impulse_response(hiss):
    settings = {"sample_rate": 8000, "min_rt60": 0.2, "max_rt60": 0.4}
    click = np.zeros_like(hiss)
    click[0] = 1
    response = once(spectral.reverb, click, **settings).astype(np.float64)
    expected = scipy.signal.convolve(hiss, response)[: len(hiss)]
    expected *= np.linalg.norm(hiss) / np.linalg.norm(expected)
    np.testing.assert_allclose(once(spectral.reverb, hiss, **settings), expected, atol=1e-5)


def test_reverb_draws_time_and_level():
    click = np.zeros(RATE, np.float32)
    click[0] = 1
    rooms = over_keys(
        spectral.reverb, click, min_rt60=0.2, max_rt60=0.8, min_drr_db=-5.0, max_drr_db=10.0,
        sample_rate=RATE,
    )  # fmt: skip
    late = np.sum(rooms[:, 1:] ** 2, axis=1)
    drr = 10 * np.log10(rooms[:, 0] ** 2 / late)
    assert -5.01 < drr.min() < -4 < 9 < drr.max() < 10.01
    # An exponential decay of the energy has its centre of gravity at RT60 / ln(10 ** 6).
    centre = rooms[:, 1:] ** 2 @ np.arange(1, RATE) / late / RATE
    rt60 = centre * np.log(1e6)
    assert 0.18 < rt60.min() < 0.25 < 0.72 < rt60.max() < 0.85
