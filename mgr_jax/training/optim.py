"""Losses, optimizers and learning-rate schedules from the config."""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from mgr_jax.classifier import GenreClassifier, InputSpec, abstract_outputs
from mgr_jax.errors import UserError

# (logits, targets) → [batch].
Loss = Callable[[jax.Array, jax.Array], jax.Array]


def make_schedule(config: ConfigDict) -> optax.Schedule:
    """Returns the learning rate as a function of the step (config.schedule).

    Durations of the config are in steps; see `mgr_jax.config.resolve`.
    """
    peak, steps = config.optimizer.learning_rate, max(config.num_steps, 1)
    start, end = (peak * config.schedule[f"{name}_fraction"] for name in ("initial", "final"))
    # Less than all steps, also for a run of none.
    warmup = min(config.schedule.warmup_steps, steps - 1)
    warmup = warmup or int(config.schedule.warmup_fraction * steps)
    match config.schedule.name:
        case "constant":
            return optax.constant_schedule(peak)
        case "inverse_time":
            decay = config.schedule.decay
            return lambda step: peak / (1 + decay * step)
        case "cosine":
            # A linear rise, then half a cosine.
            return optax.warmup_cosine_decay_schedule(start, peak, warmup, steps, end)
        case "one_cycle":
            # Half a cosine up and half a cosine down (Smith and Topin 2019, as in fastai).
            up = max(1, warmup)
            return optax.join_schedules(
                [
                    _half_cosine(start, peak, up),
                    _half_cosine(peak, end, max(1, steps - up)),
                ],
                [up],
            )
    raise AssertionError(f"validate() lets no schedule {config.schedule.name} through")


def _half_cosine(first: float, last: float, steps: int) -> optax.Schedule:
    down = optax.cosine_decay_schedule(1.0, steps)
    return lambda step: last + (first - last) * down(step)


def make_optimizer(config: ConfigDict) -> optax.GradientTransformation:
    """Returns the optimizer (config.optimizer), with its schedule and gradient clipping.

    sgd is Nesterov's, as PyTorch and Keras write it. As in PyTorch the momentum is of gradients,
    not of steps, so that a change of the learning rate acts at once.
    """
    options = config.optimizer
    moments = {"b1": options.b1, "b2": options.b2, "eps": options.eps}
    schedule = make_schedule(config)
    match options.name:
        case "adamw":
            optimizer = optax.adamw(
                schedule, **moments, weight_decay=options.weight_decay, mask=decay_mask
            )
        case "adam":
            optimizer = optax.adam(schedule, **moments)
        case "sgd":
            optimizer = optax.sgd(schedule, options.momentum, nesterov=True)
        case "rmsprop":
            # PyTorch, and Keras before version 3, add eps outside the square root.
            optimizer = optax.rmsprop(
                schedule, decay=options.b2, eps=options.eps, eps_in_sqrt=False
            )
        case _:
            raise AssertionError(f"validate() lets no optimizer {options.name} through")
    if options.clip_norm:
        optimizer = optax.chain(optax.clip_by_global_norm(options.clip_norm), optimizer)
    return optimizer


def decay_mask(params: optax.Params) -> optax.Params:
    """Marks the parameters that are penalised: matrices and kernels, no biases or norms' scales."""
    return jax.tree.map(lambda x: x.ndim > 1, params)


def l2_penalty(params: optax.Params) -> jax.Array:
    """Sum of the squares of all matrices and kernels, []."""
    kernels = [x for x in jax.tree.leaves(params) if x.ndim > 1]
    return sum((jnp.square(x).sum() for x in kernels), jnp.zeros(()))


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


def make_loss(config: ConfigDict, counts: np.ndarray, total: int) -> Loss:
    """Returns the loss of config.task, (logits, targets) → [batch].

    Args:
      config: config of the run.
      counts: [classes] training tracks of each class.
      total: number of training tracks.
    """
    loss = cross_entropy if config.task == "single_label" else binary_cross_entropy
    weights = None
    if config.class_weights == "balanced":
        weights = balanced_weights(counts, total, config.task)
    return functools.partial(loss, label_smoothing=config.label_smoothing, weights=weights)


def require_loss(config: ConfigDict, classifier: GenreClassifier, spec: InputSpec) -> None:
    """Checks that the network computes the losses that the config uses.

    Args:
      config: config of the run.
      classifier: its classifier.
      spec: input specification of the classifier.

    Raises:
      UserError: it does not, or all losses have weight 0.
    """
    _, intermediates = abstract_outputs(classifier, spec)
    if "auxiliary_loss" in intermediates:
        if not config.classification_weight and not config.auxiliary_weight:
            raise UserError(
                "config.classification_weight and config.auxiliary_weight are both 0, so "
                "there is nothing to learn; raise one",
                code="loss.nothing_to_learn",
            )
        return
    needs = {"monitor": config.monitor == "auxiliary_loss"}
    needs["classification_weight"] = not config.classification_weight
    for field, needed in needs.items():
        if needed:
            raise UserError(
                f"config.{field} is {config[field]}, but {config.model.name} adds no loss of its "
                "own; that is for models such as autoencoder",
                code="loss.no_auxiliary",
            )


def balanced_weights(counts: np.ndarray, total: int, task: str) -> np.ndarray:
    """Class weights that compensate for rare classes.

    Args:
      counts: [classes] training tracks of each class; a class without tracks gets the weight 0.
      total: number of training tracks.
      task: single_label: total / (classes that occur * count), so that the mean over the tracks is
        1 (King and Zeng 2001; as in scikit-learn); multi_label: negatives per positive.

    Returns:
      [classes] float32.
    """
    present = counts > 0
    safe = np.maximum(counts, 1)
    weights = total / (present.sum() * safe) if task == "single_label" else (total - counts) / safe
    return np.where(present, weights, 0.0).astype(np.float32)
