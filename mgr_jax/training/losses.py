"""Losses, one value per example."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

Loss = Callable[[jax.Array, jax.Array], jax.Array]


def cross_entropy(
    logits: jax.Array,
    targets: jax.Array,
    *,
    label_smoothing: float = 0.0,
    weights: np.ndarray | None = None,
) -> jax.Array:
    """Softmax cross-entropy.

    Args:
      logits: [batch, classes].
      targets: [batch] integer classes.
      label_smoothing: share of the target spread evenly over all classes.
      weights: [classes] factor of the examples of each class.

    Returns:
      [batch] losses in nats.
    """
    wanted = optax.smooth_labels(jax.nn.one_hot(targets, logits.shape[-1]), label_smoothing)
    losses = optax.softmax_cross_entropy(logits, wanted)
    return losses if weights is None else losses * jnp.asarray(weights)[targets]


def binary_cross_entropy(
    logits: jax.Array,
    targets: jax.Array,
    *,
    label_smoothing: float = 0.0,
    weights: np.ndarray | None = None,
) -> jax.Array:
    """Sigmoid cross-entropy, averaged over the classes.

    Args:
      logits: [batch, classes].
      targets: [batch, classes] of 0 and 1.
      label_smoothing: pulls the targets towards 1/2 by this share.
      weights: [classes] factor of the positive examples of each class.

    Returns:
      [batch] losses in nats.
    """
    present = targets.astype(jnp.float32)
    wanted = present * (1 - label_smoothing) + label_smoothing / 2
    losses = optax.sigmoid_binary_cross_entropy(logits, wanted)
    if weights is not None:
        losses = losses * jnp.where(targets > 0, jnp.asarray(weights), 1.0)
    return losses.mean(axis=-1)


LOSSES = {"single_label": cross_entropy, "multi_label": binary_cross_entropy}


def balanced_weights(counts: np.ndarray, total: int, task: str) -> np.ndarray:
    """Weights that make up for rare classes.

    Args:
      counts: [classes] training tracks of each class; those of no track get the weight 0.
      total: training tracks.
      task: single_label: total / (classes that occur * count), so that the mean over the tracks is
        1 (King and Zeng 2001; as in scikit-learn); multi_label: negatives per positive.

    Returns:
      [classes] float32.
    """
    present = counts > 0
    safe = np.maximum(counts, 1)
    weights = total / (present.sum() * safe) if task == "single_label" else (total - counts) / safe
    return np.where(present, weights, 0.0).astype(np.float32)
