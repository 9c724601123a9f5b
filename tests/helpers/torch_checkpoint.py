"""Reading PyTorch's first checkpoint format without PyTorch."""

import pickle
from pathlib import Path

import numpy as np

DTYPES = {"FloatStorage": np.dtype(np.float32), "LongStorage": np.dtype(np.int64)}


class StateDict(dict):
    """A dict that takes attributes, as PyTorch gives its own."""


class Unpickler(pickle.Unpickler):
    """Gives, of each tensor, its storage's key and dtype, first element, shape and strides."""

    def find_class(self, module, name):
        if name == "_rebuild_tensor_v2":
            return lambda storage, first, shape, strides, *_: (storage, first, shape, strides)
        return StateDict if name == "OrderedDict" else name

    def persistent_load(self, key):
        _, kind, storage, *_ = key
        return storage, DTYPES[kind]


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint by name."""
    with path.open("rb") as file:
        for _ in range(3):  # magic number, version, machine
            Unpickler(file).load()
        tensors = Unpickler(file).load()
        dtypes = dict(tensor[0] for tensor in tensors.values())
        storages = {}
        for key in Unpickler(file).load():
            count = int.from_bytes(file.read(8), "little")
            storages[key] = np.frombuffer(file.read(count * dtypes[key].itemsize), dtypes[key])
    return {
        name: np.lib.stride_tricks.as_strided(
            storages[key][first:], shape, [dtype.itemsize * stride for stride in strides]
        )
        for name, ((key, dtype), first, shape, strides) in tensors.items()
    }
