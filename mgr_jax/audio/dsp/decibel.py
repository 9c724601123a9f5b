"""Levels in decibel."""

import math

import jax
import jax.numpy as jnp

from mgr_jax.errors import UserError


def power_to_db(
    S: jax.Array,  # noqa: N803
    *,
    ref: float | str,
    amin: float,
    top_db: float | None,
) -> jax.Array:
    """Power to decibel, as `librosa.power_to_db` of each clip by itself.

    Args:
      S: power [batch, ...]; no clip changes the result of another.
      ref: power at 0 dB, or "max" for the clip's maximum.
      amin: smallest power told apart from silence.
      top_db: raise what lies further than this below the clip's maximum; None keeps everything.

    Returns:
      Levels in dB, of the shape of `S`.

    Raises:
      UserError: ref or amin is out of range.
    """
    if amin <= 0:
        raise UserError(f"amin is {amin}; it must be positive")
    clip_axes = tuple(range(1, S.ndim))
    level = 10.0 * jnp.log10(jnp.maximum(S, amin))
    if ref == "max":
        level -= level.max(axis=clip_axes, keepdims=True)
    elif isinstance(ref, str) or ref <= 0:
        raise UserError(f"ref is {ref!r}; it must be a positive number or 'max'")
    else:
        level -= 10.0 * math.log10(max(ref, amin))
    if top_db is not None:
        level = jnp.maximum(level, level.max(axis=clip_axes, keepdims=True) - top_db)
    return level
