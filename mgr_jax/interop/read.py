"""Reads the arrays of a file of weights from any program; never runs its contents.

A file is recognised by its first bytes, not by its name: PyTorch's state dicts (zip and the older
form), Keras's HDF5, TensorFlow's checkpoints, NumPy's .npz, .safetensors.
"""

import contextlib
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import require_regular
from mgr_jax.interop.limits import damaged
from mgr_jax.interop.source import Tensors
from mgr_jax.interop.tf_files import (
    Checkpoint,
    choose_checkpoint,
    find_checkpoints,
    read_tensorflow,
)

_HDF5 = b"\x89HDF\r\n\x1a\n"
# Files often mistaken for weights: their first bytes, what they are, what to do.
_OTHERS = (
    (rb"version https://git-lfs", "a pointer of Git LFS, not the file", "get it (git lfs pull)"),
    (rb"(?i)\s*<(!doctype|html|\?xml)", "a web page, not the file", "download the file itself"),
    (rb".{4}TFL3", "a TFLite model", "give the weights that it was made of"),
    (rb"\x08.\x12.(pytorch|tf2onnx|keras|skl|jax)", "ONNX", "give the weights that it was made of"),
    (rb"(\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!)", "a compressed archive", "unpack it"),
    (rb"\x93NUMPY", "a single array of NumPy", "give an .npz file of named arrays"),
    (rb"GGUF", "GGUF", "give PyTorch's weights"),
    (rb"fLaC|RIFF|ID3|OggS|\xff[\xfb\xf3]", "audio", "give a file of weights"),
    (rb"\s*[{\[]", "JSON", "give the file of weights beside it"),
    (rb"$", "empty", "get the file again"),
)
_KNOWN = (
    "PyTorch's (.pt, .pth), Keras's (.h5, .keras), TensorFlow's (.index), NumPy's (.npz) or "
    ".safetensors"
)


def read_tensors(path: Path, checkpoint: str | None = None) -> Tensors:
    """Reads all arrays of a file.

    Args:
      path: the file; for TensorFlow's checkpoints, also the common start of their files' names,
        their folder, or a zip archive that holds some, such as the wheel of musicnn.
      checkpoint: name of the checkpoint, if the file holds several.

    Returns:
      The arrays.

    Raises:
      UserError: there is no such file, it is damaged, of an unknown form, or claims to be more than
        arrays.
    """
    require_regular(path)
    with _told(path):
        return _read(path, checkpoint)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Reports any error of a reader as damage, except the system's errors.

    zipfile, zlib, h5py, NumPy and Python's own parsers raise many kinds of errors for invalid
    bytes.
    """
    try:
        yield
    except UserError:
        raise
    except PermissionError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); change its rights", code="file.not_readable"
        ) from error
    except Exception as error:
        raise damaged(path, f"{type(error).__name__}: {error}") from error


def _read(path: Path, checkpoint: str | None) -> Tensors:
    if not path.is_file():
        if found := find_checkpoints(path):
            return _tensorflow(path, found, checkpoint)
        raise _no_file(path)
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as zipped:
            return _read_zip(path, zipped, checkpoint)
    if found := find_checkpoints(path):
        return _tensorflow(path, found, checkpoint)
    if checkpoint is not None:
        raise _no_checkpoints(path)
    if head.startswith(_HDF5):
        from mgr_jax.interop.keras_file import read_keras  # needs h5py

        return _tensors(path, *read_keras(path))
    if head.startswith(b"\x80"):
        from mgr_jax.interop.torch_file import read_legacy

        return _tensors(path, *read_legacy(path))
    if re.match(rb".{8}\{", head, re.DOTALL) and int.from_bytes(head[:8], "little") < 2**27:
        from mgr_jax.interop.numpy_file import read_safetensors

        return _tensors(path, *read_safetensors(path))
    raise _unknown(path, head)


def _read_zip(path: Path, zipped: zipfile.ZipFile, checkpoint: str | None) -> Tensors:
    names = zipped.namelist()
    if found := find_checkpoints(path, zipped):
        return _tensorflow(path, found, checkpoint)
    if checkpoint is not None:
        raise _no_checkpoints(path)
    if any(f"/{name}".endswith("/data.pkl") for name in names):
        from mgr_jax.interop.torch_file import read_zip

        return _tensors(path, *read_zip(path, zipped))
    if "model.weights.h5" in names:
        from mgr_jax.interop.keras_file import read_keras

        return _tensors(path, *read_keras(path, zipped))
    if names and all(name.endswith(".npy") for name in names):
        from mgr_jax.interop.numpy_file import read_npz

        return _tensors(path, *read_npz(path, zipped))
    raise UserError(
        f"{path} is a zip archive, but not of weights; unpack it, and give {_KNOWN}",
        code="weights.unknown_form",
    )


def _tensors(path: Path, arrays: Mapping[str, np.ndarray], notes: Sequence[str]) -> Tensors:
    if not arrays:
        raise UserError(f"{path} holds no arrays; give a file of weights", code="weights.no_arrays")
    return Tensors(arrays, path.name, notes=notes)


def _tensorflow(path: Path, found: Sequence[Checkpoint], asked: str | None) -> Tensors:
    chosen = choose_checkpoint(path, found, asked)
    arrays, notes, labels = read_tensorflow(path, chosen)
    hidden = path.name.startswith(".")  # such as "MTT_vgg/.index"
    return Tensors(arrays, "/".join(path.parts[-2:]) if hidden else path.name, labels, notes)


def _no_file(path: Path) -> UserError:
    if path.is_dir():
        ours = (path / "model.json").is_file()
        told = "is a model folder already; use it as it is" if ours else (
            "is a folder without a checkpoint of TensorFlow; give a file of weights"
        )  # fmt: skip
        return UserError(f"{path} {told}", code="weights.unknown_form")
    return UserError(
        f"{path} does not exist; give the path of a file of weights", code="file.not_found"
    )


def _no_checkpoints(path: Path) -> UserError:
    return UserError(
        f"{path} is one set of weights, without checkpoints to choose from; leave `checkpoint` out",
        code="weights.no_checkpoints",
    )


def _unknown(path: Path, head: bytes) -> UserError:
    for pattern, what, advice in _OTHERS:
        if re.match(pattern, head, re.DOTALL):
            return UserError(f"{path} is {what}; {advice}", code="weights.unknown_form")
    return UserError(
        f"{path} is not a readable file of weights; give {_KNOWN}",
        code="weights.unknown_form",
    )
