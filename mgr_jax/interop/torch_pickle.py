"""Reads the pickles of PyTorch's files: trees of tensors, and nothing else.

A pickle is a program that can call any function of any module. Here a machine runs it that knows
only the steps for trees of tensors, and has no function to call; it refuses everything else. The
steps are those of Python's `pickletools`.
"""

import pickletools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from mgr_jax.errors import UserError
from mgr_jax.interop.limits import damaged

# By the class of a storage and by the type of a tensor. bfloat16 is widened when it is read.
STORAGES = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "bfloat16",
    "LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1",
    "ByteStorage": "u1", "BoolStorage": "?", "ComplexDoubleStorage": "c16",
    "ComplexFloatStorage": "c8", "UntypedStorage": "u1",
}  # fmt: skip
_TYPES = {
    "float64": "f8", "float32": "f4", "float16": "f2", "bfloat16": "bfloat16", "int64": "i8",
    "int32": "i4", "int16": "i2", "int8": "i1", "uint8": "u1", "uint16": "u2", "uint32": "u4",
    "uint64": "u8", "bool": "?", "complex128": "c16", "complex64": "c8",
}  # fmt: skip
_MOST_STEPS = 4_000_000  # a tensor takes about 50
_MOST_ARGUMENTS = 16


class Storage(NamedTuple):
    """Numbers of one type that tensors share.

    Attributes:
      key: its key in the file.
      dtype: NumPy's name of their type, without byte order; or "bfloat16".
      size: number of elements.
      first: its first element within the data of the file; not 0 in old files only.
    """

    key: str
    dtype: str
    size: int
    first: int = 0


class Tensor(NamedTuple):
    """A view of a storage, as the file claims it; nothing is checked yet.

    Attributes:
      storage: the storage.
      dtype: type of its values.
      first: first element in the storage.
      shape: shape of the tensor.
      strides: in elements.
    """

    storage: Any
    dtype: str
    first: Any
    shape: Any
    strides: Any


class _Global(NamedTuple):
    name: str


def _tensor(storage: Any, first: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    if len(rest) > 2 and rest[2]:  # conjugated or negated when it is read
        raise ValueError("a tensor is kept conjugated")
    return Tensor(storage, storage.dtype, first, shape, strides)


def _tensor_of_type(
    storage: Any, first: Any, shape: Any, strides: Any, grad: Any, hooks: Any, dtype: Any, *_: Any
) -> Tensor:
    return Tensor(storage, _TYPES[dtype.name.removeprefix("torch.")], first, shape, strides)


def _of_type(function: Any, kind: Any, arguments: Any, *_: Any) -> Any:
    if function.name not in _MAKE_TENSORS or len(arguments) > _MOST_ARGUMENTS:
        raise ValueError(f"{function.name} makes no tensor")
    return _MAKE_TENSORS[function.name](*arguments)


def _dict(pairs: Any = ()) -> dict:
    return _keyed(pairs.items() if isinstance(pairs, dict) else pairs)


def _keyed(pairs: Iterable[Any]) -> dict:
    """A dict; nested keys are refused, as they could be nested without end."""
    made = {}
    for key, value in pairs:
        if not isinstance(key, str | int | float | None):
            raise ValueError("a key is neither a text nor a number")
        made[key] = value
    return made


_MAKE_TENSORS: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,  # before 0.4
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
}
_CALLED: Mapping[str, Callable[..., Any]] = {
    **_MAKE_TENSORS,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "collections.OrderedDict": _dict,
    "collections.Counter": _dict,
    "torch.Size": lambda sizes=(): sizes,
    "torch.device": lambda *parts: None,
}
_NAMED = {
    *(f"torch.{name}" for name in (*STORAGES, *_TYPES)),
    *(f"torch.{place}.{name}" for name in STORAGES for place in ("storage", "cuda")),
    *("torch.Tensor", "torch.nn.parameter.Parameter"),
}


def read_pickle(stream: IO[bytes], path: Path, storages: dict[str, Storage] | None = None) -> Any:
    """Runs one pickle of a file, up to its end.

    Args:
      stream: the file; its position is after the pickle then.
      path: path of the file, for messages.
      storages: all storages that it names are added to these.

    Returns:
      Dicts, lists, tuples, texts, numbers and `Tensor`s. A dict or list may contain itself.

    Raises:
      UserError: it contains more, or takes too many steps.
      ValueError: it is damaged; so for the following errors.
      LookupError: likewise.
      TypeError: likewise.
      AttributeError: likewise.
    """
    machine = _Machine(path, {} if storages is None else storages)
    for step, argument, _ in pickletools.genops(stream):
        machine.spend(1)
        machine.run(step.name, argument)
    return machine.stack.pop()


class _Machine:
    def __init__(self, path: Path, storages: dict[str, Storage]) -> None:
        self.stack: list[Any] = []
        self._storages = storages
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._path, self._left = path, _MOST_STEPS

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise damaged(self._path, "it takes more steps than any state dict")

    def run(self, step: str, argument: Any) -> None:
        stack = self.stack
        match step:
            case "PROTO" | "FRAME" | "STOP":
                pass
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = stack[-1]
            case "MEMOIZE":
                self._memo[len(self._memo)] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(self._memo[argument])
            case (
                "BINUNICODE" | "SHORT_BINUNICODE" | "BINUNICODE8" | "BINSTRING" | "SHORT_BINSTRING"
                | "BINBYTES" | "SHORT_BINBYTES" | "BININT" | "BININT1" | "BININT2" | "LONG1"
                | "BINFLOAT"
            ):  # fmt: skip
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[step])
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE" | "EMPTY_SET":
                stack.append({"D": dict, "L": list, "T": tuple, "S": list}[step[6]]())
            case "MARK":
                self._marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(self._since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._last(int(step[-1]))))
            case "SETITEM" | "SETITEMS":
                items = self._last(2) if step == "SETITEM" else self._since_mark()
                self._top(dict).update(_keyed(zip(items[::2], items[1::2], strict=True)))
            case "APPEND" | "APPENDS" | "ADDITEMS":
                items = self._last(1) if step == "APPEND" else self._since_mark()
                self._top(list).extend(items)
            case "GLOBAL":
                self._name(argument.replace(" ", ".", 1))
            case "STACK_GLOBAL":
                self._name(".".join(self._last(2)))
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case "REDUCE":
                function, arguments = self._last(2)
                if not isinstance(function, _Global) or function.name not in _CALLED:
                    raise self._refuse(getattr(function, "name", "something that it made"))
                if type(arguments) is not tuple or len(arguments) > _MOST_ARGUMENTS:
                    raise ValueError("too many arguments")
                self.spend(sum(len(a) for a in arguments if isinstance(a, dict | list | tuple)))
                stack.append(_CALLED[function.name](*arguments))
            case "BUILD":  # attributes, such as PyTorch's version numbers of a state dict's layers
                stack.pop()
                self._top(dict)
            case _:
                raise self._refuse(f"a step of pickles ({step})")

    def _last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("too few values")
        items = self.stack[-count:]
        del self.stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        first = self._marks.pop()
        items = self.stack[first:]
        del self.stack[first:]
        return items

    def _top(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise self._refuse(f"a {type(self.stack[-1]).__name__} to be changed")
        return self.stack[-1]

    def _name(self, name: str) -> None:
        if name not in _CALLED and name not in _NAMED:
            raise self._refuse(name)
        self.stack.append(_Global(name))

    def _storage(self, key: Any) -> Storage:
        if type(key) is not tuple or len(key) < 5 or key[0] != "storage":
            told = key[0] if type(key) is tuple and key else type(key).__name__
            raise self._refuse(f"a thing kept outside of it ({str(told)[:40]})")
        _, kind, name, _, size, *view = key
        dtype = STORAGES[kind.name.rpartition(".")[2]]
        first = 0
        if view and view[0] is not None:  # view of another storage: key, first, size
            _, first, size = view[0]
        self._storages[str(name)] = storage = Storage(str(name), dtype, size, first)
        return storage

    def _refuse(self, what: str) -> UserError:
        return UserError(
            f"{self._path} asks for {what[:120]}, which is no part of a tensor, and was not run; "
            "if you trust the file, load it with the program that wrote it, and save only the "
            "state dict, as torch.save(model.state_dict(), …) or "
            "torch.save(checkpoint['state_dict'], …) does",
            code="weights.not_tensors",
        )
