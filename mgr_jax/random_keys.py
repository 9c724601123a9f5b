"""Random keys of JAX's default kind, whose draws take less time to compile on a CPU."""

import functools
import math
from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend import random

# Threefry-2x32 with 20 rounds: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MOST_NUMBERS = 2**32  # that counters of 32 bits tell apart


def quick_key(seed: int) -> jax.Array:
    """Returns a key that draws the same as `jax.random.key(seed)`.

    JAX writes the rounds of Threefry as a loop on a CPU, which XLA compiles to several kernels.
    Here they stand one after another, in one kernel with what is computed from the numbers.

    Args:
      seed: of the key.

    Returns:
      The key; JAX's own if the user has chosen another generator, or its older way of drawing.
    """
    key = jax.random.key(seed)
    is_threefry = str(jax.random.key_impl(key)) == "threefry2x32"
    is_new = jax.config.jax_threefry_partitionable  # type: ignore[attr-defined]
    if not (is_threefry and is_new):
        return key
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=_unrolled())


@functools.cache
def _unrolled() -> Hashable:
    return random.define_prng_impl(
        key_shape=(2,),
        seed=random.threefry_prng_impl.seed,
        split=lambda key, shape: jnp.stack(_count(key, shape), axis=-1),
        random_bits=_bits,
        fold_in=_fold_in,
        name="threefry2x32_unrolled",
        tag="unrolled",
    )


def _encrypt(key: jax.Array, high: jax.Array, low: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Encrypts counters, given as two words of 32 bits, with a key [2]."""
    keys = key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY)
    high, low = high + keys[0], low + keys[1]
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            high += low
            low = high ^ ((low << distance) | (low >> (32 - distance)))
        high += keys[(group + 1) % 3]
        low += keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return high, low


def _count(key: jax.Array, shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    size = math.prod(shape)
    if size > _MOST_NUMBERS:
        raise ValueError(f"one key draws up to {_MOST_NUMBERS} numbers, not {shape}")
    counters = lax.iota(jnp.uint32, size).reshape(shape)
    return _encrypt(key, jnp.zeros_like(counters), counters)


def _fold_in(key: jax.Array, number: Any) -> jax.Array:
    return jnp.stack(_encrypt(key, jnp.uint32(0), jnp.asarray(number, jnp.uint32)))


def _bits(key: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
    high, low = _count(key, shape)
    if width == 64:
        return (high.astype(jnp.uint64) << 32) | low.astype(jnp.uint64)
    return (high ^ low).astype(f"uint{width}")
