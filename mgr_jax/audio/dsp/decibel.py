"""Levels in decibel."""

import math

import jax
import jax.numpy as jnp

from mgr_jax.errors import require


def power_to_db(
    S: jax.Array,  # noqa: N803
    *,
    ref: float | str,
    amin: float,
    top_db: float | None,
    maximum: jax.Array | None = None,
) -> jax.Array:
    """Power to decibel, as `librosa.power_to_db` of each clip by itself.

    Args:
      S: power [batch, ...]; no clip changes the result of another.
      ref: power at 0 dB, or "max" for the maximum.
      amin: smallest power told apart from silence.
      top_db: raise what lies further than this below the maximum; None keeps everything.
      maximum: the power that `ref` and `top_db` refer to, such as that of a whole track, of a shape
        that broadcasts against `S`; None means the maximum of each clip.

    Returns:
      Levels in dB, of the shape of `S`.

    Raises:
      UserError: ref or amin is out of range.
    """
    require(amin > 0, "amin", amin, "it must be positive")
    known = ref == "max" if isinstance(ref, str) else ref > 0
    require(known, "ref", ref, "it must be a positive number or 'max'")
    level = _decibel(S, amin)
    highest = level.max(axis=tuple(range(1, S.ndim)), keepdims=True)
    if maximum is not None:
        highest = _decibel(maximum, amin)
    if isinstance(ref, str):
        level, highest = level - highest, jnp.zeros_like(highest)
    else:
        shift = 10.0 * math.log10(max(ref, amin))
        level, highest = level - shift, highest - shift
    return level if top_db is None else jnp.maximum(level, highest - top_db)


def _decibel(power: jax.Array, amin: float) -> jax.Array:
    return 10.0 * jnp.log10(jnp.maximum(power, amin))
