"""Transforms of one waveform through its spectrum: filter, speed, reverb.

They have the same form as those in `waveform`. A Fourier transform of the whole clip costs the same
for every draw, needs no gather, and is exact to the rounding of float32.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import scipy.fft
from jax import lax

from mgr_jax.audio.augment.settings import Decibels, Hertz, Order, Rate, Seconds, Share


def random_filter(
    key: jax.Array,
    y: jax.Array,
    *,
    highpass_share: Share = 0.5,
    min_lowpass_hz: Hertz = 2200.0,
    max_lowpass_hz: Hertz = 4000.0,
    min_highpass_hz: Hertz = 200.0,
    max_highpass_hz: Hertz = 1200.0,
    order: Order = 4,
    sample_rate: float,
) -> jax.Array:
    """Removes a clip's high or low frequencies with a zero-phase Butterworth filter.

    The attenuation is 3 dB at the cutoff and grows by 6 * order dB per octave beyond. The default
    cutoffs are those of CLMR (Spijkervet and Burgoyne 2021, arXiv 2103.09410).

    Args:
      key: random key.
      y: waveform [samples] float32; silence is assumed on either side.
      highpass_share: probability of a high-pass filter, which is a low-pass filter otherwise.
      min_lowpass_hz: lowest cutoff of a low-pass filter in Hz; cutoffs are log-uniform.
      max_lowpass_hz: highest cutoff of a low-pass filter in Hz.
      min_highpass_hz: lowest cutoff of a high-pass filter in Hz.
      max_highpass_hz: highest cutoff of a high-pass filter in Hz.
      order: of the filter.
      sample_rate: in Hz.

    Returns:
      The waveform [samples] float32.
    """
    kind_key, cutoff_key = jax.random.split(key)
    highpass = jax.random.bernoulli(kind_key, float(highpass_share))
    log_cutoff = jax.random.uniform(
        cutoff_key,
        minval=jnp.where(highpass, math.log(min_highpass_hz), math.log(min_lowpass_hz)),
        maxval=jnp.where(highpass, math.log(max_highpass_hz), math.log(max_lowpass_hz)),
    )
    # The slowest pole falls by 80 dB over this many samples: no end of the clip reaches the other.
    slowest = 2 * math.pi * min(min_lowpass_hz, min_highpass_hz) * math.sin(math.pi / (2 * order))
    n_fft = _fast_length(len(y) + math.ceil(math.log(1e4) / slowest * sample_rate))
    hz = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    log_hz = np.log(hz, out=np.full_like(hz, -np.inf), where=hz > 0).astype(np.float32)
    # 1 / (1 + (f / cutoff) ** (2 * order)) is a logistic function of log f, which cannot overflow.
    slope = jnp.where(highpass, -2.0 * order, 2.0 * order)
    power = jax.nn.sigmoid(slope * (log_cutoff - log_hz))
    return jnp.fft.irfft(jnp.fft.rfft(y, n_fft) * jnp.sqrt(power), n_fft)[: len(y)]


def speed(
    key: jax.Array,
    y: jax.Array,
    *,
    min_rate: Rate = 0.9,
    max_rate: Rate = 1.1,
    fill: Literal["wrap", "zero"] = "wrap",
    length: jax.Array | None = None,
) -> jax.Array:
    """Plays a clip faster and higher, or slower and lower, from its start on.

    Sample i is the clip at time i * rate, interpolated by its own Fourier series: exact for
    everything below the new Nyquist frequency, while everything above is removed. That series at
    evenly spaced times is a chirp z-transform (Rabiner, Schafer and Rader 1969). Rates are rounded
    to multiples of about len(y) / 2 ** 31: 3e-5 for 3 s at 22,050 Hz.

    Args:
      key: random key.
      y: waveform [samples] float32.
      min_rate: lowest rate, below 1 is slower; rates are log-uniform.
      max_rate: highest rate.
      fill: what follows the end of a clip that is too fast: "wrap", its start again, or "zero".
      length: [] int32, the samples of the clip, which is repeated beyond; None: all.

    Returns:
      The waveform [samples] float32.
    """
    samples = len(y)
    if fill == "zero" and length is not None:
        y = jnp.where(jnp.arange(samples) < length, y, 0.0)
    period = samples if fill == "wrap" else _fast_length(math.ceil(samples * max(1.0, max_rate)))
    log_rate = jax.random.uniform(key, minval=math.log(min_rate), maxval=math.log(max_rate))
    # Phases are counted in 2 ** -32 turns, so that unsigned integers keep their fraction exactly
    # where float32 would lose it: n ** 2 / (2 * period) is thousands of turns.
    step = jnp.round(jnp.exp(log_rate) * (2.0**31 / period)).astype(jnp.uint32)

    def chirp(n: jax.Array) -> jax.Array:
        turns = lax.bitcast_convert_type(step * n.astype(jnp.uint32) ** 2, jnp.int32)
        angle = turns.astype(jnp.float32) * np.float32(2 * math.pi / 2**32)
        return lax.complex(jnp.cos(angle), jnp.sin(angle))

    harmonics = jnp.arange(period // 2 + 1)
    # Both halves of a real signal's spectrum; the mean and the Nyquist frequency have no partner.
    halves = jnp.where((harmonics == 0) | (2 * harmonics == period), 1.0, 2.0)
    audible = harmonics * (step.astype(jnp.float32) / 2.0**31) <= 0.5
    terms = jnp.fft.rfft(y, period) * jnp.where(audible, halves / period, 0.0)
    # k * i = (k ** 2 + i ** 2 - (i - k) ** 2) / 2 makes a convolution of the sum over harmonics k.
    n_fft = _fast_length(samples + len(harmonics))
    lags = jnp.arange(n_fft)
    lags = jnp.where(lags < samples, lags, lags - n_fft)
    spectrum = jnp.fft.fft(terms * chirp(harmonics), n_fft) * jnp.fft.fft(chirp(lags).conj())
    return (jnp.fft.ifft(spectrum)[:samples] * chirp(lags[:samples])).real


def reverb(
    key: jax.Array,
    y: jax.Array,
    *,
    min_rt60: Seconds = 0.2,
    max_rt60: Seconds = 1.0,
    min_drr_db: Decibels = 0.0,
    max_drr_db: Decibels = 12.0,
    sample_rate: float,
) -> jax.Array:
    """Puts a clip into a room: its sound, then a tail of exponentially decaying white noise.

    The model of late reverberation is Polack's (1988). The result has the power of the clip.

    Args:
      key: random key.
      y: waveform [samples] float32; what sounds after the clip's end is lost.
      min_rt60: shortest reverberation time in s, in which the tail falls by 60 dB; uniform.
      max_rt60: longest reverberation time in s; every tail ends then.
      min_drr_db: lowest ratio of the direct sound's energy to the tail's, in dB; uniform in dB.
      max_drr_db: highest ratio in dB.
      sample_rate: in Hz.

    Returns:
      The waveform [samples] float32.
    """
    time_key, level_key, noise_key = jax.random.split(key, 3)
    rt60 = jax.random.uniform(time_key, minval=min_rt60, maxval=max_rt60)
    drr_db = jax.random.uniform(level_key, minval=min_drr_db, maxval=max_drr_db)
    length = min(math.ceil(max_rt60 * sample_rate), len(y))
    decay = 10.0 ** (jnp.arange(length) * (-3.0 / sample_rate) / rt60)
    tail = decay * jax.random.normal(noise_key, (length,))
    tail *= 10.0 ** (-drr_db / 20.0) * lax.rsqrt(jnp.sum(jnp.square(tail)))
    tail = jnp.pad(tail, (1, 0))  # the direct sound comes first
    n_fft = _fast_length(len(y) + len(tail))
    late = jnp.fft.irfft(jnp.fft.rfft(y, n_fft) * jnp.fft.rfft(tail, n_fft), n_fft)[: len(y)]
    wet = y + late
    power, wet_power = jnp.mean(jnp.square(y)), jnp.mean(jnp.square(wet))
    return wet * jnp.sqrt(power / jnp.where(wet_power > 0, wet_power, 1.0))


def _fast_length(samples: int) -> int:
    """The next length with prime factors 2, 3 and 5 only."""
    return scipy.fft.next_fast_len(samples, real=True)
