"""The networks whose training step is timed, and mgr_jax's own step for them."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.classifier import GenreClassifier
from mgr_jax.models import Network, create_model
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import create_state, make_train_step

CLASSES = 50
LEARNING_RATE = 1e-3


@dataclasses.dataclass(frozen=True)
class Case:
    """A network and its training data.

    Attributes:
      model: its name.
      shape: shape of the features of a clip: frames, bins.
      batch: clips per batch.
      kwargs: fields of the network that differ from their defaults.
    """

    model: str
    shape: tuple[int, int]
    batch: int = 64
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)

    def create(self, dtype: str = "float32", axis_name: str | None = None) -> Network:
        """The Flax module."""
        return create_model(
            self.model,
            num_classes=CLASSES,
            axis_name=axis_name,
            dtype=jnp.dtype(dtype),
            **self.kwargs,
        )

    def without_dropout(self) -> "Case":
        """The same without dropout: random numbers differ between libraries."""
        names = [field.name for field in dataclasses.fields(self.create())]
        kept = {name: 0.0 for name in names if name.endswith("dropout")}
        return dataclasses.replace(self, kwargs=self.kwargs | kept)

    def examples(self) -> tuple[np.ndarray, np.ndarray]:
        """Features [batch, frames, bins] float32 and targets [batch] int32, drawn from seed 0."""
        rng = np.random.default_rng(0)
        features = rng.standard_normal((self.batch, *self.shape), dtype=np.float32)
        return features, rng.integers(CLASSES, size=self.batch, dtype=np.int32)

    def variables(self) -> dict[str, Any]:
        """Initial weights and statistics, as host arrays, drawn from seed 0.

        Biases, scales and statistics vary too, so that an error in one of them shows. The reset
        gates of GRUs have no effect at first (they act on zeros): PyTorch's act after the product
        with the state, those of the paper before it.
        """
        features, _ = self.examples()
        model, rng = self.create(), np.random.default_rng(0)
        drawn = jax.jit(lambda key: model.init(key, features[:1], train=False))(jax.random.key(0))

        def varied(path: Any, value: Any) -> np.ndarray:
            if value.ndim == 1:
                return np.asarray(0.2 * np.abs(rng.standard_normal(value.shape)) + 0.1, np.float32)
            return np.asarray(value) * (path[-1].key != "candidate_state")

        return jax.tree.map_with_path(varied, dict(drawn))


# Inputs as published.
CASES = {
    case.model: case
    for case in (
        Case("sample_cnn", (59_049, 1)),
        Case("choi_crnn", (1366, 96)),
        Case("short_chunk", (231, 128)),
        Case("resnet18", (128, 128)),
        Case("efficientat", (1000, 128), kwargs={"width": 0.4}),  # mn04
    )
}
# Few and narrow layers, on short clips.
TINY_CASES = {
    case.model: case
    for case in (
        Case("sample_cnn", (27, 1), 8, {"depth": 2, "widths": (4, 4, 8)}),
        Case("choi_crnn", (96, 96), 8, {"widths": (4, 4, 4, 4), "units": 4}),
        Case("short_chunk", (16, 16), 8, {"widths": (4, 4, 8), "pools": ((2, 2),) * 3}),
        Case("resnet18", (32, 32), 8, {"width": 4, "blocks": (1, 1)}),
        Case("efficientat", (32, 32), 8, {"width": 0.1}),
    )
}


class OwnSteps:
    """mgr_jax's own train step under pmap, over all devices of this process, without a front end.

    Attributes:
      program: the compiled step, as XLA's HLO text.
    """

    def __init__(self, case: Case, dtype: str, variables: Mapping[str, Any]) -> None:
        """Compiles the step, and places state and batch on the devices.

        Args:
          case: the network and its batch.
          dtype: type of the computation.
          variables: initial variables of the network.
        """
        partition = make_partition("pmap", case.batch)
        classifier, optimizer = _classifier(case, dtype, partition.axis_name), _optimizer()
        update: Any = partition.compile_update(_step(classifier, optimizer))
        # Rows of a batch are [steps, ...]: one step per return to the host.
        batch = {name: array[:, None] for name, array in _rows(case).items()}
        self._batch = jax.device_put(partition.shard(batch))
        state = create_state(_of_classifier(variables), optimizer)
        self._state = partition.replicate(jax.device_get(state))
        self._data = partition.replicate({})
        self._update = update.lower(self._state, self._data, self._batch).compile()

    @property
    def program(self) -> str:
        """The compiled step, as XLA's HLO text."""
        return self._update.as_text()

    def __call__(self, steps: int) -> float:
        """Makes some steps, waits for them, and returns the last one's loss."""
        for _ in range(steps):
            self._state, metrics = self._update(self._state, self._data, self._batch)
        jax.block_until_ready(self._state)
        return float(np.mean(jax.device_get(metrics["loss"])))


def abstract(case: Case) -> dict[str, Any]:
    """Shapes of the network's variables."""
    features = jax.ShapeDtypeStruct((1, *case.shape), np.float32)
    model = case.create()
    return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), features)


def count_parameters(case: Case) -> int:
    """Trainable values of the Flax module."""
    return sum(math.prod(x.shape) for x in jax.tree.leaves(abstract(case)["params"]))


def own_logits(case: Case, dtype: str, variables: Mapping[str, Any]) -> np.ndarray:
    """The logits [batch, classes] of the case's examples, in evaluation mode.

    Args:
      case: the network and its batch.
      dtype: type of the computation.
      variables: variables of the network.
    """
    model, (features, _) = case.create(dtype), case.examples()
    apply = jax.jit(lambda variables, x: model.apply(variables, x, train=False)[0])
    return np.asarray(apply(variables, features))


def _classifier(case: Case, dtype: str, axis_name: str | None) -> GenreClassifier:
    model = case.create(dtype, axis_name)
    return GenreClassifier(
        create_frontend("precomputed"), model, input_norm="none", axis_name=axis_name
    )


def _optimizer() -> optax.GradientTransformation:
    return optax.adam(LEARNING_RATE)


def _step(classifier: GenreClassifier, optimizer: optax.GradientTransformation) -> Callable:
    return make_train_step(
        classifier,
        optimizer,
        optax.softmax_cross_entropy_with_integer_labels,
        lambda data, batch: batch["features"],
        seed=0,
    )


def _rows(case: Case) -> dict[str, np.ndarray]:
    features, targets = case.examples()
    index = np.arange(len(targets), dtype=np.uint32)
    return {"features": features, "targets": targets, "index": index}


def _of_classifier(variables: Mapping[str, Any]) -> dict[str, Any]:
    """A network's variables at their place in a classifier."""
    return {kind: {"model": tree} for kind, tree in variables.items()}
