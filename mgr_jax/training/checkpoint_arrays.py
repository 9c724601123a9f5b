"""The arrays of a checkpoint, read as host arrays where nothing tells that they are damaged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
import tensorstore

from mgr_jax.errors import UserError
from mgr_jax.integrity import has_sums
from mgr_jax.training.checkpoint_files import damage_of

# What Orbax and TensorStore raise for damage that no sums tell of.
_DAMAGE = (ValueError, LookupError, OSError, TypeError, AttributeError, RuntimeError)


class DamagedError(Exception):
    """A checkpoint cannot be read; says why."""


def restore_items(checkpoint: Path, trees: Mapping[str, Any]) -> dict[str, Any]:
    """Reads items as host arrays.

    Args:
      checkpoint: its folder.
      trees: by item, of the shapes to restore into; None: of those it has.

    Raises:
      DamagedError: files are damaged, as their sums or Orbax tell.
      UserError: it is of another architecture.
    """
    if damage := damage_of(checkpoint, *trees):
        raise DamagedError(damage)
    found = {}
    for item, tree in trees.items():
        handler = ocp.StandardCheckpointHandler()
        try:
            if not has_sums(checkpoint):
                _read_through(checkpoint / item)
            stored = handler.metadata(checkpoint / item).tree
            wanted = stored if tree is None else tree
            _require_shapes(checkpoint, stored, wanted)
            arguments = ocp.args.StandardRestore(_host(wanted))
            found[item] = handler.restore(checkpoint / item, args=arguments)
        except _DAMAGE as error:
            raise DamagedError(type(error).__name__) from error
    return found


def _read_through(item: Path) -> None:
    """Reads all arrays of an item one by one; raises what TensorStore does where one is damaged.

    Orbax reads them at once, and gives up with the first error: of the others TensorStore tells on
    stderr, with tracebacks.
    """
    store = {"driver": "ocdbt", "base": {"driver": "file", "path": f"{item}/"}}
    keys = [key.decode() for key in tensorstore.KvStore.open(store).result().list().result()]
    names = [key.removesuffix(".zarray") for key in keys if key.endswith(".zarray")]
    if not names:
        raise ValueError("it holds no arrays")
    for name in names:
        array = {"driver": "zarr", "kvstore": {**store, "path": name}}
        tensorstore.open(array, open=True).result().read().result()


def _require_shapes(checkpoint: Path, stored: Any, tree: Any) -> None:
    there, wanted = _shapes(stored), _shapes(tree)
    if not there:
        raise ValueError("it is empty")
    for name in sorted({*there, *wanted}):
        if there.get(name) != wanted.get(name):
            raise UserError(
                f"checkpoint {checkpoint} is of another architecture: {name} is "
                f"{there.get(name, 'absent')} there but {wanted.get(name, 'absent')} in the "
                "config; use the config it was trained with or another workdir",
                code="checkpoint.other_network",
            )


def _host(tree: Any) -> Any:
    """Host arrays of the given shapes, so that restoring asks for no device."""
    return jax.tree.map(lambda x: jax.device_get(jax.numpy.zeros(x.shape, x.dtype)), tree)


def _shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): x.shape for path, x in leaves}
