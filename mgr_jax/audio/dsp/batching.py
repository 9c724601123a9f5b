"""How a batch of clips is laid out over the processor."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax


def map_clips(function: Callable[..., jax.Array], *clips: jax.Array | None) -> jax.Array:
    """Applies `function` to a batch, one clip after the other on a CPU.

    The frames of a whole batch overflow a CPU's caches and take up to three times as long as clip
    by clip; an accelerator wants them all at once. The choice is made for the platform the program
    is lowered for, so it also holds for exported programs.

    Args:
      function: maps [batch, ...] to [batch, ...] for any batch size, each clip by itself.
      *clips: what it takes, [batch, ...] each, or None.

    Returns:
      `function(*clips)`.
    """

    def one_by_one(*clips: jax.Array | None) -> jax.Array:
        def one(clip: tuple[jax.Array | None, ...]) -> jax.Array:
            return function(*jax.tree.map(lambda x: x[None], clip))[0]

        return lax.map(one, clips)

    return lax.platform_dependent(*clips, cpu=one_by_one, default=function)


def to_float(steps: jax.Array) -> jax.Array:
    """What is stored as float32: int16 samples to [-1, 1), uint8 levels to [0, 1]."""
    steps = jnp.asarray(steps)
    full = {jnp.dtype("int16"): 32768.0, jnp.dtype("uint8"): 255.0}.get(steps.dtype, 1.0)
    return steps.astype(jnp.float32) / full
