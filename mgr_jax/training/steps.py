"""The train and eval steps, pure functions of (state, data, batch); the state."""

from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax import lax
from ml_collections import ConfigDict

from mgr_jax.audio import dsp
from mgr_jax.audio.augment import Augment, example_keys, of_partners
from mgr_jax.classifier import GenreClassifier, classify
from mgr_jax.errors import UserError
from mgr_jax.input_spec import InputSpec
from mgr_jax.tracing import run_once
from mgr_jax.training.dropout import dropout_by_example
from mgr_jax.training.loops import fast_in_loops
from mgr_jax.training.optim import Loss, l2_penalty

Batch = dict[str, Any]
Metrics = dict[str, jax.Array]
# (data that lies on the device, batch) → clips; see mgr_jax.data.loader.Loader.inputs.
Inputs = Callable[[Any, Batch], jax.Array]

_SMALL = 2**16  # an array of fewer elements is not worth its own kernel


class TrainState(flax.struct.PyTreeNode):
    """Everything that changes in training; random keys follow from the seed and the step.

    Attributes:
      step: [] int32, number of updates so far.
      params: trainable parameters.
      batch_stats: running statistics of batch normalisation.
      opt_state: state of the optimizer.
      lr_scale: [] float32, factor of the schedule's learning rate.
      average: {"params", "batch_stats"} averaged over the steps; {} without averaging.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: Any
    lr_scale: jax.Array
    average: Any

    @property
    def variables(self) -> dict[str, Any]:
        """The variables for evaluation."""
        return self.average or {"params": self.params, "batch_stats": self.batch_stats}


def create_state(
    variables: dict[str, Any], optimizer: optax.GradientTransformation, *, averaged: bool = False
) -> TrainState:
    """The state before the first update.

    Args:
      variables: initial variables of the classifier.
      optimizer: the optimizer.
      averaged: keep averaged variables too.
    """
    params, batch_stats = variables["params"], variables.get("batch_stats", {})
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        opt_state=run_once(optimizer.init, params),
        lr_scale=jnp.ones((), jnp.float32),
        average={"params": params, "batch_stats": batch_stats} if averaged else {},
    )


def make_train_step(
    classifier: GenreClassifier,
    optimizer: optax.GradientTransformation,
    loss: Loss,
    inputs: Inputs,
    *,
    seed: int,
    l2: float = 0.0,
    accumulate: int = 1,
    ema_decay: float = 0.0,
    augment: Augment | None = None,
    classification_weight: float = 1.0,
    auxiliary_weight: float = 1.0,
) -> Callable[[TrainState, Any, Batch], tuple[TrainState, Metrics]]:
    """Returns `update(state, data, batches) → (state, {"loss": [steps], "accuracy": [steps], …})`.

    One call makes as many updates as the second axis of `batches` has ([batch, steps, ...]). Under
    pmap (`classifier.axis_name`) gradients and metrics are averaged over the devices. An update
    that is not finite changes only the step; "finite" [steps] is 1 for applied updates, else 0.

    Args:
      classifier: the classifier to train.
      optimizer: the optimizer that `create_state` was given.
      loss: (logits, targets) → [batch].
      inputs: the loader's function from data and batch to clips.
      seed: seed of dropout and augmentation. The draws for an example follow from its number
        ("index" of the batch), so that devices and parts do not matter.
      l2: factor of the sum of squared kernels in the minimised loss; the reported loss is without.
      accumulate: number of parts of a batch; batch statistics are those of a part.
      ema_decay: decay of the averaged variables, smaller in the first steps; 0: no averaging.
      augment: changes inputs and features; accuracy is that on each example's own target.
      classification_weight: factor of `loss`.
      auxiliary_weight: factor of the loss that a model itself adds, its "auxiliary_loss" [batch].
    """
    axis_name = classifier.axis_name

    def loss_fn(params, batch_stats, examples, rng):
        with dropout_by_example(examples["index"]):
            (logits, intermediates), updates = classifier.apply(
                {"params": params, "batch_stats": batch_stats},
                examples["inputs"],
                examples["aux"],
                examples["lengths"],
                train=True,
                augment=_feature_augment(augment, examples),
                mutable=["batch_stats"],
                rngs={"dropout": rng},
            )
        losses = loss(logits, examples["targets"])
        if "share" in examples:
            share = examples["share"]
            losses = share * losses + (1 - share) * loss(logits, examples["partner_targets"])
        value = classification_weight * losses.mean()
        metrics = {"accuracy": _accuracy(logits, examples["targets"])}
        # With weight 0, what only this loss needs, such as a decoder, is not computed.
        if auxiliary_weight and "auxiliary_loss" in intermediates:
            metrics["auxiliary_loss"] = intermediates["auxiliary_loss"].mean()
            value += auxiliary_weight * metrics["auxiliary_loss"]
        metrics["loss"] = value
        if l2:
            value += l2 * l2_penalty(params)
        return value, (metrics, updates.get("batch_stats", {}))

    def gradient(state: TrainState, examples: Batch, rng: jax.Array):
        """Gradient, metrics and new batch statistics of a batch, part by part."""

        def part(batch_stats, examples):
            grads, (metrics, batch_stats) = jax.grad(loss_fn, has_aux=True)(
                state.params, batch_stats, examples, rng
            )
            return batch_stats, (grads, metrics)

        def parts(x: jax.Array) -> jax.Array:
            # Every n-th row, so that each device has its share of every part.
            return x.reshape(-1, accumulate, *x.shape[1:]).swapaxes(0, 1)

        if accumulate == 1:
            batch_stats, (grads, metrics) = part(state.batch_stats, examples)
            return grads, metrics, batch_stats
        batch_stats, stacked = lax.scan(part, state.batch_stats, jax.tree.map(parts, examples))
        grads, metrics = jax.tree.map(lambda x: x.mean(axis=0), stacked)
        return grads, metrics, batch_stats

    def one_step(state: TrainState, data: Any, batch: Batch) -> tuple[TrainState, Metrics]:
        rng = jax.random.fold_in(jax.random.key(seed), state.step)
        examples = _augmented(augment, seed, inputs(data, batch), batch, classifier)
        grads, metrics, batch_stats = gradient(state, examples, rng)
        if axis_name:
            grads, metrics = lax.pmean((grads, metrics), axis_name)
        deltas, opt_state = optimizer.update(grads, state.opt_state, state.params)
        deltas = jax.tree.map(lambda x: x * state.lr_scale, deltas)
        new = state.replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, deltas),
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        new, made = _if_finite(_with_average(new, ema_decay), state, metrics["loss"], axis_name)
        return new, metrics | {"finite": made.astype(jnp.float32)}

    def update(state: TrainState, data: Any, batches: Batch) -> tuple[TrainState, Metrics]:
        by_step = jax.tree.map(lambda x: x.swapaxes(0, 1), batches)
        if len(by_step["targets"]) == 1:  # a loop of one step would only cost
            state, metrics = one_step(state, data, jax.tree.map(lambda x: x[0], by_step))
            return state, jax.tree.map(lambda x: x[None], metrics)
        return lax.scan(lambda state, batch: one_step(state, data, batch), state, by_step)

    return fast_in_loops(update) if jax.default_backend() == "cpu" else update


def _augmented(
    augment: Augment | None,
    seed: int,
    inputs: jax.Array,
    batch: Batch,
    classifier: GenreClassifier,
) -> Batch:
    """All that a loss needs of each example; the parts of a row depend on that example only."""
    examples = {"index": batch["index"], "inputs": inputs}
    examples |= {name: batch.get(name) for name in ("targets", "aux", "lengths")}
    if augment is None:
        return examples
    examples["keys"] = keys = example_keys(seed, batch["index"])
    if augment.changes_inputs:
        ends, clip = batch.get("lengths"), inputs.shape[1]
        if ends is not None:  # arrays that begin with context, and whose full clips end with it
            context = classifier.frontend.crop.context
            clip -= 2 * context
            ends = jnp.where(ends < clip, ends + context, inputs.shape[1])
        examples["inputs"], ends, share = augment.inputs(keys, dsp.to_float(inputs), ends)
        if ends is not None:
            examples["lengths"] = jnp.where(ends < inputs.shape[1], ends - context, clip)
        if share is not None:
            examples["share"] = share
            examples["partner_targets"] = of_partners(batch["targets"])
    return examples


def _feature_augment(
    augment: Augment | None, examples: Batch
) -> Callable[[jax.Array, jax.Array | None], jax.Array] | None:
    if augment is None or not augment.changes_features:
        return None
    return lambda features, lengths: augment.features(examples["keys"], features, lengths)


def _if_finite(
    new: TrainState, old: TrainState, loss: jax.Array, axis_name: str | None
) -> tuple[TrainState, jax.Array]:
    """The new state if all of it is finite, else the old one at the new step; and which, []."""
    # Gradients need no check: if they are not finite, nor is the state made from them.
    finite = jnp.isfinite(loss)
    for array in _joined(jax.tree.leaves((new.params, new.batch_stats, new.opt_state))):
        finite &= jnp.isfinite(array).all()
    if axis_name:  # a network's own statistics may differ between devices
        finite = lax.pmin(finite.astype(jnp.int32), axis_name) > 0
    if jax.default_backend() == "cpu":  # a `where` per array would compile a kernel for each
        kept = lax.cond(finite, lambda new, old: new, lambda new, old: old, new, old)
    else:  # a `cond` would make the host wait for the condition
        kept = jax.tree.map(lambda new, old: jnp.where(finite, new, old), new, old)
    return kept.replace(step=new.step), finite


def _joined(leaves: list[jax.Array]) -> list[jax.Array]:
    """Floating-point arrays; small ones of a type are joined, as each kernel needs compiling."""
    joined: list[jax.Array] = []
    small: dict[Any, list[jax.Array]] = {}
    for leaf in leaves:
        if not jnp.issubdtype(leaf.dtype, jnp.floating):
            continue  # counts of steps are always finite
        if leaf.size > _SMALL:
            joined.append(leaf)
        else:
            small.setdefault(leaf.dtype, []).append(leaf.ravel())
    return joined + [jnp.concatenate(group) for group in small.values()]


def _with_average(state: TrainState, decay: float) -> TrainState:
    if not decay:
        return state
    # A short memory first, or the average would contain the random start for long.
    step = state.step.astype(jnp.float32)
    keep = jnp.minimum(decay, (1 + step) / (10 + step))
    latest = {"params": state.params, "batch_stats": state.batch_stats}
    average = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, state.average, latest)
    return state.replace(average=average)


def _accuracy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    if targets.ndim == 1:
        return (logits.argmax(-1) == targets).mean()
    return ((logits > 0) == (targets > 0)).mean()


def make_eval_step(
    classifier: GenreClassifier, inputs: Inputs, *, task: str
) -> Callable[[dict[str, Any], Any, Batch], dict[str, jax.Array]]:
    """Returns `step(variables, data, batch) → {"probabilities": [batch, classes], …}`.

    If the model adds to the loss, there is "auxiliary_loss" [batch] too.

    Args:
      classifier: the classifier.
      inputs: the loader's function from data and batch to clips.
      task: "single_label" or "multi_label".
    """

    def step(variables: dict[str, Any], data: Any, batch: Batch) -> dict[str, jax.Array]:
        # A front end that uses the whole batch leaves out padded rows.
        masked = {"mask": batch["mask"]} if "mask" in batch else {}
        aux = dict(batch.get("aux") or {}) | masked
        clips = inputs(data, batch)
        return classify(classifier, variables, clips, aux, batch.get("lengths"), task=task)

    return step


def require_mixable(augment: Augment | None, config: ConfigDict, spec: InputSpec) -> None:
    """Checks that examples can be mixed if the augmentation mixes them.

    Args:
      augment: the augmentation.
      config: config of the run.
      spec: input specification of the classifier.

    Raises:
      UserError: they cannot be mixed.
    """
    if augment is None or not augment.mixes:
        return
    if spec.side:
        raise UserError(
            "config.augment mixes examples, but config.side_inputs are those of one track; remove "
            "mixup and cutmix",
            code="augment.side_inputs",
        )
    if spec.aux:
        raise UserError(
            "config.augment mixes examples, but config.frontend normalises each by the statistics "
            "of its own track; remove mixup and cutmix, or use normalise_over='segment'",
            code="augment.track_statistics",
        )
    devices = jax.device_count() if config.partition == "pmap" else 1
    if config.batch_size // devices % 2:
        where = f" on each of {devices} devices" if devices > 1 else ""
        raise UserError(
            f"config.augment mixes examples in pairs, but a batch of {config.batch_size} has "
            f"{config.batch_size // devices}{where}; make config.batch_size a multiple of "
            f"{2 * devices}",
            code="augment.odd_batch",
        )
