"""Optimizers and learning-rate schedules from the config."""

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict


def make_schedule(config: ConfigDict) -> optax.Schedule:
    """Returns the learning rate as a function of the step (config.schedule)."""
    peak, steps = config.optimizer.learning_rate, max(config.num_steps, 1)
    start, end = (peak * config.schedule[f"{name}_fraction"] for name in ("initial", "final"))
    warmup = config.schedule.warmup_fraction
    match config.schedule.name:
        case "constant":
            return optax.constant_schedule(peak)
        case "inverse_time":
            decay = config.schedule.decay
            return lambda step: peak / (1 + decay * step)
        case "cosine":
            # A linear rise, then half a cosine.
            return optax.warmup_cosine_decay_schedule(start, peak, int(warmup * steps), steps, end)
        case "one_cycle":
            # Half a cosine up and half a cosine down (Smith and Topin 2019, as in fastai).
            up = max(1, int(warmup * steps))
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

    sgd is Nesterov's, as PyTorch and Keras write it; as in PyTorch the momentum is of gradients,
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
    """Marks what penalties apply to: matrices and kernels, not biases and norms' scales."""
    return jax.tree.map(lambda x: x.ndim > 1, params)


def l2_penalty(params: optax.Params) -> jax.Array:
    """Sum of the squares of all matrices and kernels, []."""
    kernels = [x for x in jax.tree.leaves(params) if x.ndim > 1]
    return sum((jnp.square(x).sum() for x in kernels), jnp.zeros(()))
