"""Losses, one value per example."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax


def cross_entropy(logits: jax.Array, targets: jax.Array, label_smoothing: float) -> jax.Array:
    """Softmax cross-entropy.

    Args:
      logits: [batch, classes].
      targets: [batch] integer classes.
      label_smoothing: share of the target spread evenly over all classes.

    Returns:
      [batch] losses in nats.
    """
    wanted = jax.nn.one_hot(targets, logits.shape[-1])
    return optax.softmax_cross_entropy(logits, optax.smooth_labels(wanted, label_smoothing))


def binary_cross_entropy(
    logits: jax.Array, targets: jax.Array, label_smoothing: float
) -> jax.Array:
    """Sigmoid cross-entropy, averaged over the classes.

    Args:
      logits: [batch, classes].
      targets: [batch, classes] of 0 and 1.
      label_smoothing: pulls the targets towards 1/2 by this share.

    Returns:
      [batch] losses in nats.
    """
    wanted = targets.astype(jnp.float32) * (1 - label_smoothing) + label_smoothing / 2
    return optax.sigmoid_binary_cross_entropy(logits, wanted).mean(axis=-1)


LOSSES: dict[str, Callable[[jax.Array, jax.Array, float], jax.Array]] = {
    "single_label": cross_entropy,
    "multi_label": binary_cross_entropy,
}
