"""Transforms of one waveform, sample by sample.

Each is `transform(key, y [samples] float32) -> [samples] float32`, with settings as keywords. The
pipeline maps it over a batch, every example with its own key.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from mgr_jax.audio.augment.settings import Decibels, Share


def gain(
    key: jax.Array, y: jax.Array, *, min_db: Decibels = -6.0, max_db: Decibels = 6.0
) -> jax.Array:
    """Makes a clip louder or softer. Values beyond 1 are not clipped.

    Args:
      key: random key.
      y: waveform [samples] float32.
      min_db: smallest gain in dB; gains are uniform in dB.
      max_db: largest gain in dB.

    Returns:
      The waveform [samples] float32.
    """
    return y * _amplitude(jax.random.uniform(key, minval=min_db, maxval=max_db))


def polarity(key: jax.Array, y: jax.Array) -> jax.Array:
    """Flips the sign of every clip. Use it with p=0.5 to flip half of them.

    Args:
      key: unused, since nothing is drawn.
      y: waveform [samples] float32.

    Returns:
      The waveform [samples] float32.
    """
    return -y


def noise(
    key: jax.Array, y: jax.Array, *, min_snr_db: Decibels = 10.0, max_snr_db: Decibels = 40.0
) -> jax.Array:
    """Adds white Gaussian noise; silence stays silent.

    Args:
      key: random key.
      y: waveform [samples] float32.
      min_snr_db: smallest ratio of the clip's power to the noise's, in dB; uniform in dB.
      max_snr_db: largest ratio in dB.

    Returns:
      The waveform [samples] float32.
    """
    level_key, noise_key = jax.random.split(key)
    snr_db = jax.random.uniform(level_key, minval=min_snr_db, maxval=max_snr_db)
    rms = jnp.sqrt(jnp.mean(jnp.square(y)))
    return y + rms * _amplitude(-snr_db) * jax.random.normal(noise_key, y.shape)


def time_shift(
    key: jax.Array,
    y: jax.Array,
    *,
    max_share: Share = 0.5,
    fill: Literal["wrap", "zero"] = "wrap",
    length: jax.Array | None = None,
) -> jax.Array:
    """Shifts a clip in time, earlier or later.

    Args:
      key: random key.
      y: waveform [samples] float32.
      max_share: largest shift in either direction as a share of the clip; whole samples, uniform.
      fill: what comes in at one end: "wrap", what went out at the other, or "zero".
      length: [] int32, the samples of the clip, where the rest is filling; None: all.

    Returns:
      The waveform [samples] float32.
    """
    limit = round(max_share * len(y))
    place = jnp.arange(len(y))
    if length is None:
        shift = jax.random.randint(key, (), -limit, limit + 1)
    else:
        most = jnp.minimum(limit, jnp.round(max_share * length).astype(jnp.int32))
        shift = jax.random.randint(key, (), -most, most + 1)
        y = jnp.where(place < length, y, 0.0)
    if fill == "wrap":
        return jnp.roll(y, shift) if length is None else y[(place - shift) % length]
    return lax.dynamic_slice(jnp.pad(y, limit), (limit - shift,), y.shape)


def _amplitude(db: jax.Array) -> jax.Array:
    return 10.0 ** (db / 20.0)
