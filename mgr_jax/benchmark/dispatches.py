"""Times several updates in one program beside single ones, and a batch in parts."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
import optax
from tqdm import tqdm

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.benchmark.record import Row, compare
from mgr_jax.benchmark.timing import interleave
from mgr_jax.classifier import GenreClassifier
from mgr_jax.errors import UserError
from mgr_jax.models import create_model
from mgr_jax.training.partition import make_partition
from mgr_jax.training.steps import TrainState, create_state, make_train_step

UPDATES, PARTS, BATCH = 10, 4, 16
_CLASSES = 10
# The demo's network on its clips of 8 s, and a small one: features of a clip, name, fields.
NETWORKS: Mapping[str, tuple[tuple[int, int], str, dict[str, Any]]] = {
    "demo CRNN": (
        (188, 64),
        "choi_crnn",
        {"budget": "0.1M", "pools": ((2, 2), (2, 2), (3, 4), (1, 4)), "dropout": 0.0},
    ),
    "small FCN": ((48, 32), "fcn", {"widths": (16, 32), "pools": ((4, 4), (4, 4)), "dropout": 0.0}),
}
TINY = {"tiny FCN": ((8, 8), "fcn", {"widths": (4,), "pools": ((4, 4),), "dropout": 0.0})}
_TOLERANCE = 1e-3  # of the loss; programs may add in different orders


def compare_dispatches(
    suite: str,
    *,
    networks: Mapping[str, tuple[tuple[int, int], str, dict[str, Any]]] = NETWORKS,
    rounds: int = 3,
    progress: bool = False,
) -> list[Row]:
    """Times updates in a loop of one program, which should cost the same as one by one.

    Args:
      suite: name of the benchmark.
      networks: networks by name; see `NETWORKS`.
      rounds: turns of each.
      progress: show a bar.

    Returns:
      Rows of `compare`: 10 updates in a dispatch beside 10 dispatches, and a batch of 16 in 4 parts
      (config.accumulate) beside the whole batch.

    Raises:
      UserError: the losses differ.
    """
    rows = []
    for name, (shape, model, fields) in tqdm(networks.items(), disable=None if progress else True):
        whole, parts = (_Trainer(shape, model, fields, accumulate=n) for n in (1, PARTS))
        functions: dict[str, Callable[[], float]] = {
            "together": lambda whole=whole: whole.make(UPDATES),  # type: ignore[misc]
            "one by one": lambda whole=whole: whole.make(1),  # type: ignore[misc]
            "in parts": lambda parts=parts: parts.make(1),  # type: ignore[misc]
        }
        together, one_by_one = functions["together"](), functions["one by one"]()
        if abs(together - one_by_one) > _TOLERANCE:
            raise UserError(
                f"{UPDATES} updates of {name} in a dispatch end at a loss of {together:.6f}, and "
                f"one by one at {one_by_one:.6f}; do not compare",
                code="benchmark.differs",
            )
        times = interleave(functions, rounds)
        for case, own, peer in (
            (f"{name}, {UPDATES} updates per dispatch", "together", "one by one"),
            (f"{name}, batch in {PARTS} parts", "in parts", "one by one"),
        ):
            told = peer if own == "together" else "the whole batch"
            rows.append(compare(suite, case, told, times[own], times[peer]))
    return rows


class _Trainer:
    """Makes the same updates of a network from the same start, every time."""

    def __init__(
        self, shape: tuple[int, int], model: str, fields: dict[str, Any], *, accumulate: int
    ) -> None:
        self._partition = partition = make_partition("pmap", BATCH, accumulate)
        network = create_model(model, num_classes=_CLASSES, axis_name=partition.axis_name, **fields)
        frontend = create_frontend("precomputed")
        classifier = GenreClassifier(
            frontend, network, input_norm="none", axis_name=partition.axis_name
        )
        rng = np.random.default_rng(0)
        features = rng.standard_normal((BATCH, UPDATES, *shape), dtype=np.float32)
        index = np.arange(BATCH * UPDATES, dtype=np.uint32).reshape(BATCH, UPDATES)
        targets = (index % _CLASSES).astype(np.int32)
        self._batches = {"features": features, "index": index, "targets": targets}
        optimizer = optax.adam(1e-3)
        variables = jax.jit(classifier.init)({"params": jax.random.key(0)}, features[:1, 0])
        self._start: TrainState = jax.device_get(create_state(variables, optimizer))
        self._update = partition.compile_update(
            make_train_step(
                classifier,
                optimizer,
                optax.softmax_cross_entropy_with_integer_labels,
                lambda data, batch: batch["features"],
                seed=0,
                accumulate=accumulate,
            )
        )

    def make(self, together: int) -> float:
        """Makes all updates, some per dispatch, and returns the last loss."""
        state = self._partition.replicate(self._start)
        for first in range(0, UPDATES, together):
            some = jax.tree.map(lambda x, a=first: x[:, a : a + together], self._batches)
            state, metrics = self._update(state, {}, self._partition.shard(some))
        return float(np.ravel(jax.device_get(metrics["loss"]))[-1])
