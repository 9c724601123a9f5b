"""Distributes a step over devices: pmap, or jit with sharded arrays.

Both run the same step functions on the same local batches and give the same result. No other module
of the project knows which one is used.
"""

from collections.abc import Callable
from typing import Any, Protocol

import jax
import numpy as np
from flax import jax_utils
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from mgr_jax.errors import UserError
from mgr_jax.signals import take_back
from mgr_jax.tracing import without_collection

Tree = Any

_LONGEST_MESSAGE = 4096  # bytes of a message from one process to the others
# Seconds that an ending process waits for the others. Then jax ends all of them, also those that
# wait for one that failed.
_LONGEST_END = 30


class Partition(Protocol):
    """Places state and batches on the devices and compiles steps for them.

    Attributes:
      axis_name: the mapped axis over which step functions must average; None if the compiler sees
        the whole batch.
    """

    axis_name: str | None

    def replicate(self, state: Tree) -> Tree:
        """Copies host arrays to every device."""

    def unreplicate(self, state: Tree) -> Tree:
        """Returns one copy as host arrays."""

    def shard(self, batch: Tree) -> Tree:
        """Distributes this process's rows over its devices."""

    def compile_update(self, step: Callable) -> Callable:
        """Compiles `step(state, data, batch) → (state, metrics)`; the old state is donated.

        State and data are replicated, the batch is sharded.
        """

    def compile_predict(self, step: Callable) -> Callable:
        """Compiles `step(variables, data, batch) → rows`, a row per example."""

    def gather(self, rows: jax.Array) -> np.ndarray:
        """Returns per-example outputs of all processes as host arrays [global batch, ...]."""


class Pmap:
    """`jax.pmap` over all devices; batches carry a leading device axis."""

    axis_name: str | None = "devices"

    def replicate(self, state: Tree) -> Tree:
        """See Partition."""
        # Copy by copy: flax's replicate would first stack them all in host memory.
        devices = jax.local_devices()
        sharding = NamedSharding(Mesh(np.array(devices), ("copies",)), PartitionSpec("copies"))

        def copies(x: Any) -> jax.Array:
            single = [jax.device_put(np.asarray(x)[None], device) for device in devices]
            shape = (len(devices), *np.shape(x))
            return jax.make_array_from_single_device_arrays(shape, sharding, single)

        return jax.tree.map(copies, state)

    def unreplicate(self, state: Tree) -> Tree:
        """See Partition."""
        return jax.device_get(jax_utils.unreplicate(state))

    def shard(self, batch: Tree) -> Tree:
        """See Partition."""
        devices = jax.local_device_count()
        return jax.tree.map(lambda x: x.reshape(devices, -1, *x.shape[1:]), batch)

    def compile_update(self, step: Callable) -> Callable:
        """See Partition."""
        return without_collection(jax.pmap(step, self.axis_name, donate_argnums=(0,)))

    def compile_predict(self, step: Callable) -> Callable:
        """See Partition."""
        return without_collection(jax.pmap(step, self.axis_name))

    def gather(self, rows: jax.Array) -> np.ndarray:
        """See Partition."""
        local = jax.device_get(rows)
        return _all_processes(local.reshape(-1, *local.shape[2:]))


class ShardedJit:
    """`jax.jit` over a mesh of one axis; batch statistics and gradients are global as they are."""

    axis_name: str | None = None

    def __init__(self) -> None:
        """Makes the mesh of all devices."""
        mesh = jax.make_mesh(
            (jax.device_count(),), ("devices",), axis_types=(jax.sharding.AxisType.Auto,)
        )
        self._replicated = NamedSharding(mesh, PartitionSpec())
        self._sharded = NamedSharding(mesh, PartitionSpec("devices"))

    def replicate(self, state: Tree) -> Tree:
        """See Partition."""
        # device_put would compare whole arrays between processes.
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(
                self._replicated, np.asarray(x), np.shape(x)
            ),
            state,
        )

    def unreplicate(self, state: Tree) -> Tree:
        """See Partition."""
        return jax.tree.map(lambda x: np.asarray(x.addressable_data(0)), state)

    def shard(self, batch: Tree) -> Tree:
        """See Partition."""
        return jax.tree.map(
            lambda x: jax.make_array_from_process_local_data(self._sharded, x), batch
        )

    # Otherwise the compiler would choose the outputs' shardings, which other code relies on.

    def compile_update(self, step: Callable) -> Callable:
        """See Partition."""
        return without_collection(
            jax.jit(step, donate_argnums=(0,), out_shardings=self._replicated)
        )

    def compile_predict(self, step: Callable) -> Callable:
        """See Partition."""
        return without_collection(jax.jit(step, out_shardings=self._sharded))

    def gather(self, rows: jax.Array) -> np.ndarray:
        """See Partition."""
        shards = sorted(rows.addressable_shards, key=lambda shard: shard.index[0].start or 0)
        return _all_processes(np.concatenate([np.asarray(shard.data) for shard in shards]))


def _all_processes(local: np.ndarray) -> np.ndarray:
    if jax.process_count() == 1:
        return local
    return np.asarray(multihost_utils.process_allgather(local, tiled=True))


def in_first_process(do: Callable[[], Any]) -> None:
    """Runs a function in process 0; an error there ends all processes.

    Otherwise the others would wait for process 0 forever, at the next shared computation.

    Raises:
      UserError: in every process, if process 0 raised one. Process 0 raises any other error as it
        is.
    """
    error: Exception | None = None
    if jax.process_index() == 0:
        try:
            do()
        except Exception as found:
            error = found
    if jax.process_count() > 1:
        text = np.zeros(_LONGEST_MESSAGE, np.uint8)
        code = error.code if isinstance(error, UserError) else "processes.first_failed"
        said = f"{code}\n{str(error) or type(error).__name__}" if error else ""
        told = said.encode()[:_LONGEST_MESSAGE]
        text[: len(told)] = np.frombuffer(told, np.uint8)
        text = np.asarray(multihost_utils.broadcast_one_to_all(text))
        code, _, message = text.tobytes().rstrip(b"\0").decode(errors="ignore").partition("\n")
        if message and not error:
            error = UserError(message, code)
    if error:
        raise error


def tell_all_processes(text: str) -> str:
    """Sends a text to all processes: that of the first process with one; "" if none has one."""
    if jax.process_count() == 1:
        return text
    row = np.zeros(_LONGEST_MESSAGE, np.uint8)
    told = text.encode()[:_LONGEST_MESSAGE]
    row[: len(told)] = np.frombuffer(told, np.uint8)
    rows = np.asarray(multihost_utils.process_allgather(row))
    said = (row.tobytes().rstrip(b"\0").decode(errors="ignore") for row in rows)
    return next(filter(None, said), "")


def make_partition(name: str, batch_size: int, accumulate: int = 1) -> Partition:
    """Returns the partition of a name.

    Args:
      name: "pmap" or "jit".
      batch_size: examples per batch, over all devices.
      accumulate: parts of a batch whose gradients are accumulated.

    Returns:
      The partition.

    Raises:
      UserError: the batch cannot be divided among the devices, or there into `accumulate` parts.
    """
    devices = jax.device_count()
    if batch_size % (devices * accumulate):
        parts = f", in {accumulate} parts each (config.accumulate)" if accumulate > 1 else ""
        raise UserError(
            f"config.batch_size {batch_size} cannot be divided among {devices} devices{parts}; "
            f"choose a multiple of {devices * accumulate}",
            code="devices.not_divisible",
        )
    return Pmap() if name == "pmap" else ShardedJit()


def join_processes(
    coordinator: str, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Makes this process one of a run over several; call it before anything else uses jax.

        mgr_jax.join_processes("10.0.0.1:1234", num_processes=2, process_id=0)

    Args:
      coordinator: host:port of process 0, or "auto" on a TPU pod.
      num_processes: number of processes of the whole run.
      process_id: number of this one, from 0.
    """
    where = None if coordinator == "auto" else coordinator
    jax.distributed.initialize(
        where, num_processes, process_id, shutdown_timeout_seconds=_LONGEST_END
    )
    take_back()  # jax sets a SIGTERM handler that only records the signal
