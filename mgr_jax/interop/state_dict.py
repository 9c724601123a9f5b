"""Finds the state dict of a network in a checkpoint that holds more."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mgr_jax.errors import UserError, some_names
from mgr_jax.interop.limits import damaged, require_name

# Usual keys of the network in a checkpoint, the most certain first.
_NETWORKS = (
    "state_dict", "model_state_dict", "model_state", "net_state_dict", "model", "net", "network",
    "module", "weights", "params",
)  # fmt: skip
# Other contents of checkpoints.
_OTHERS = ("optim", "sched", "scaler", "ema", "loss", "criterion", "hparams", "hyper", "config")
# Prefixes that wrappers add to all names: DataParallel, torch.compile, trainers.
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")
_DEEPEST, _MOST = 16, 2_000_000

T = TypeVar("T")


def unwrap(tree: Any, path: Path, kind: type[T]) -> tuple[dict[str, T], list[str]]:
    """The tensors of a network by name, from a checkpoint that may hold more.

    A checkpoint is a dict such as {"state_dict": …, "epoch": 3, "optimizer": …}. The network is
    under a usual key, or under the only key with tensors that is not known to be something else.
    Otherwise everything in the file belongs to the network, and names of nested dicts are joined by
    dots. A prefix that wrappers add to all names is removed.

    Args:
      tree: the contents of the file.
      path: path of the file, for messages.
      kind: class of a tensor.

    Returns:
      The tensors, and sentences on what was left out.

    Raises:
      UserError: there is no tensor, or dicts are nested without end.
    """
    walker = _Walker(path)
    notes: list[str] = []
    names: list[Any] = []
    left: list[str] = []
    while isinstance(tree, Mapping):
        holds = [k for k, v in tree.items() if isinstance(v, Mapping) and walker.has(v, kind)]
        usual = [name for name in _NETWORKS if name in holds]
        others = [k for k in holds if not str(k).lower().startswith(_OTHERS)]
        direct = any(isinstance(v, kind) and len(v.shape) for v in tree.values())  # type: ignore[attr-defined]
        if not usual and (direct or len(others) != 1 or len(names) > _DEEPEST):
            break
        key = usual[0] if usual else others[0]
        left += [".".join(map(str, [*names, k])) for k in tree if k != key]
        names.append(key)
        tree = tree[key]
    if names:
        at = ".".join(map(str, names))
        beside = f"; left out beside them: {some_names(left, 12)}" if left else ""
        notes.append(f"The arrays are those under {at} of the file{beside}.")
    if not isinstance(tree, Mapping):
        raise _without_tensors(path, f"a {type(tree).__name__}")
    found, rest = {}, []
    for name, value in walker.walk(tree):
        if isinstance(value, kind):
            found[name] = value
        elif not isinstance(value, Mapping):
            rest.append(name)
    if not found:
        raise _without_tensors(path, "a dict without tensors")
    if rest:
        notes.append(f"Left out, as not arrays: {some_names(sorted(rest), 12)}.")
    found, prefix = _without_prefix(found)
    if prefix:
        notes.append(f"The prefix {prefix} of all names was left out.")
    return found, notes


def _without_prefix(found: dict[str, T]) -> tuple[dict[str, T], str]:
    prefix = ""
    while again := [p for p in _PREFIXES if all(name.startswith(prefix + p) for name in found)]:
        prefix += again[0]
    return {name.removeprefix(prefix): value for name, value in found.items()}, prefix


class _Walker:
    """Walks through nested dicts, which may contain themselves or one another, in finite time."""

    def __init__(self, path: Path) -> None:
        self._path, self._seen = path, 0

    def has(self, tree: Mapping[Any, Any], kind: type) -> bool:
        return any(isinstance(value, kind) for _, value in self.walk(tree))

    def walk(self, tree: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
        """Yields all values, by names joined by dots."""
        waiting: list[tuple[str, Mapping[Any, Any], int]] = [("", tree, 0)]
        while waiting:
            prefix, part, depth = waiting.pop()
            self._seen += len(part) + 1
            if depth > _DEEPEST or self._seen > _MOST:
                raise damaged(self._path, "its dicts are nested without end")
            for key, value in part.items():
                name = require_name(self._path, f"{prefix}{key}")
                yield name, value
                if isinstance(value, Mapping):
                    waiting.append((f"{name}.", value, depth + 1))


def _without_tensors(path: Path, what: str) -> UserError:
    return UserError(
        f"{path} holds {what}, not a state dict; give one, as torch.save(model.state_dict(), …) "
        "writes it",
        code="weights.not_tensors",
    )
