"""The train and eval steps: pure functions of (state, batch)."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from mgr_jax.classifier import GenreClassifier
from mgr_jax.training.losses import LOSSES

Batch = dict[str, jax.Array]


class TrainState(flax.struct.PyTreeNode):
    """All that changes in training; random keys follow from the seed and the step.

    Attributes:
      step: [] int32, updates made.
      params: trainable parameters.
      batch_stats: running statistics of batch normalisation.
      opt_state: of the optimizer.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any

    @property
    def variables(self) -> dict[str, Any]:
        """What the classifier is applied with."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def create_state(variables: dict[str, Any], optimizer: optax.GradientTransformation) -> TrainState:
    """Returns the state before the first update."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=variables["params"],
        batch_stats=variables.get("batch_stats", {}),
        opt_state=optimizer.init(variables["params"]),
    )


def make_train_step(
    classifier: GenreClassifier,
    optimizer: optax.GradientTransformation,
    *,
    task: str,
    label_smoothing: float,
    seed: int,
) -> Callable[[TrainState, Batch], tuple[TrainState, dict[str, jax.Array]]]:
    """Returns `step(state, batch) → (state, {"loss": [], "accuracy": []})`.

    Under pmap (`classifier.axis_name`) gradients and metrics are averaged over the devices.
    """
    axis_name = classifier.axis_name

    def step(state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        rng = jax.random.fold_in(jax.random.key(seed), state.step)
        if axis_name:
            rng = jax.random.fold_in(rng, jax.lax.axis_index(axis_name))

        def loss_fn(params):
            (logits, _), updates = classifier.apply(
                {"params": params, "batch_stats": state.batch_stats},
                batch["inputs"],
                train=True,
                mutable=["batch_stats"],
                rngs={"dropout": rng},
            )
            loss = LOSSES[task](logits, batch["targets"], label_smoothing).mean()
            return loss, (logits, updates)

        (loss, (logits, updates)), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
        metrics = {"loss": loss, "accuracy": _accuracy(logits, batch["targets"])}
        if axis_name:
            grads, metrics = jax.lax.pmean((grads, metrics), axis_name)
        deltas, opt_state = optimizer.update(grads, state.opt_state, state.params)
        state = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, deltas),
            batch_stats=updates.get("batch_stats", {}),
            opt_state=opt_state,
        )
        return state, metrics

    return step


def _accuracy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    if targets.ndim == 1:
        return (logits.argmax(-1) == targets).mean()
    return ((logits > 0) == (targets > 0)).mean()


def make_eval_step(
    classifier: GenreClassifier, *, task: str
) -> Callable[[dict[str, Any], Batch], jax.Array]:
    """Returns `step(variables, batch) → probabilities [batch, classes]`."""
    activation = jax.nn.softmax if task == "single_label" else jax.nn.sigmoid

    def step(variables: dict[str, Any], batch: Batch) -> jax.Array:
        logits, _ = classifier.apply(variables, batch["inputs"])
        return activation(logits)

    return step
