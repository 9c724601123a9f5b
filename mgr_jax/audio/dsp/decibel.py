"""Levels in decibel."""

import jax
import jax.numpy as jnp


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
    """
    clip_axes = tuple(range(1, S.ndim))
    level = 10.0 * jnp.log10(jnp.maximum(S, amin))
    if ref == "max":
        level -= level.max(axis=clip_axes, keepdims=True)
    else:
        level -= 10.0 * jnp.log10(jnp.maximum(ref, amin))
    if top_db is not None:
        level = jnp.maximum(level, level.max(axis=clip_axes, keepdims=True) - top_db)
    return level
