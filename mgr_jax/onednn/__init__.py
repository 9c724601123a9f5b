"""Convolutions by oneDNN on the CPU. This part is optional; `mgr-jax build_onednn` compiles it.

XLA can call a library of convolutions on the CPU only through custom calls. PyTorch uses oneDNN's
kernels there. In float32 a training step is 1.1 to 1.5 times as fast as with XLA's own
convolutions; in bfloat16, which XLA computes in float32, it is 1.3 to 2.3 times as fast
(docs/performance.md). Results differ from XLA's only by rounding.

oneDNN is used if the user's cache holds a library that this version compiled for this jaxlib, and
if one device of the CPU does all the work. `MGR_JAX_ONEDNN=0` turns it off.
"""

import ctypes
import functools
import hashlib
import os
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.files import is_own, user_folder
from mgr_jax.integrity import find_damage

SWITCH = "MGR_JAX_ONEDNN"  # 0: convolve by XLA
SOURCE = Path(__file__).with_name("convolution.cc")
_CALLS = ("mgr_jax_convolve", "mgr_jax_input_gradient", "mgr_jax_kernel_gradient")

Pads = Sequence[tuple[int, int]]


def library_path() -> Path:
    """The path of the library that was compiled from this source for this jaxlib.

    Its folder has the sums of `integrity.write_sums`.
    """
    told = metadata.version("jaxlib").encode() + SOURCE.read_bytes()
    return user_folder("onednn") / hashlib.sha256(told).hexdigest()[:16] / "convolution.so"


@functools.cache
def load() -> str:
    """Loads the library and registers its calls with jax.

    It warns and loads no library that is damaged, cannot be loaded, or can be written by others.

    Returns:
      oneDNN's version, or "" if there is no usable library.
    """
    if os.environ.get(SWITCH) == "0":
        return ""
    try:
        path = library_path()
        if not path.exists() or not is_own(path.parent.parent):
            return ""
    except (OSError, RuntimeError, UserError):  # a home that cannot be read, or is not there
        return ""
    # A file that was cut off would end the process as soon as it runs.
    damage = find_damage(path.parent)
    problem = f"in {path.parent} {damage}"
    try:
        if not damage:
            return _register(_open(path))
    except OSError as error:  # such as another oneDNN than it was compiled for
        problem = str(error)
    warnings.warn(
        f"oneDNN's convolutions cannot be loaded, so XLA's are used ({problem}); call "
        f"build_onednn again, or set {SWITCH}=0",
        stacklevel=2,
    )
    return ""


def _register(library: ctypes.CDLL) -> str:
    """Registers the calls of the library with jax; returns oneDNN's version."""
    for name in _CALLS:
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(getattr(library, name)), platform="cpu")
    version = library.mgr_jax_onednn_version
    version.restype = ctypes.c_char_p
    return version().decode()


@functools.cache
def _open(path: Path) -> ctypes.CDLL:
    """Loads the library with threads that soon leave their cores to XLA's."""
    name = "GOMP_SPINCOUNT"
    if name in os.environ or "OMP_WAIT_POLICY" in os.environ:
        return ctypes.CDLL(str(path))
    os.environ[name] = "20000"  # OpenMP reads it as it is loaded
    try:
        return ctypes.CDLL(str(path))
    finally:
        del os.environ[name]


def version_in_use() -> str:
    """The oneDNN version whose float32 convolutions are used here; "" if XLA convolves."""
    return load() if usable(jnp.dtype(jnp.float32)) else ""


def usable(dtype: jnp.dtype) -> bool:
    """Whether oneDNN can compute convolutions of a type here."""
    if jax.default_backend() != "cpu" or jax.device_count() > 1 or not load():
        return False  # the compiler would give each of several devices all the work
    if dtype == jnp.bfloat16:
        return bool(_open(library_path()).mgr_jax_onednn_has_bfloat16())
    return dtype == jnp.float32


def convolve(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    """The convolution [batch, *strided, outputs] of x [batch, *spatial, inputs].

    Args:
      x: of one to three spatial axes, float32 or bfloat16.
      kernel: [*size, inputs, outputs], of the same type; or [*size, 1, channels], which convolves
        each channel by itself.
      strides: along the spatial axes.
      padding: zeros (before, after) along each.
      dilation: distance of the kernel's taps along each.
    """
    axes = zip(x.shape[1:-1], kernel.shape, strides, padding, dilation, strict=False)
    sizes = [
        max(0, (size + sum(pad) - (taps - 1) * far - 1) // stride + 1)
        for size, taps, stride, pad, far in axes
    ]
    shape = (len(x), *sizes, kernel.shape[-1])
    return _call("mgr_jax_convolve", x, kernel, shape, strides, padding, dilation)


def input_gradient(
    cotangent: jax.Array,
    kernel: jax.Array,
    shape: tuple[int, ...],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    """The gradient of `convolve` with respect to x.

    Args:
      cotangent: the gradient with respect to the result of `convolve`.
      kernel: see `convolve`.
      shape: of x.
      strides: see `convolve`.
      padding: see `convolve`.
      dilation: see `convolve`.
    """
    around = [
        (taps - 1 - before, taps - 1 - after)
        for taps, (before, after) in zip(kernel.shape, padding, strict=False)
    ]
    dense = kernel.shape[-2] == shape[-1]
    if dense and set(strides) | set(dilation) == {1} and min(map(min, around)) >= 0:
        # A convolution with the kernel turned round, for which oneDNN has faster code.
        axes = tuple(range(kernel.ndim - 2))
        turned = jnp.flip(kernel, axes).swapaxes(-1, -2)
        return convolve(cotangent, turned, strides, around, dilation)
    name = "mgr_jax_input_gradient"
    return _call(name, cotangent, kernel, shape, strides, padding, dilation)


def kernel_gradient(
    x: jax.Array,
    cotangent: jax.Array,
    shape: tuple[int, ...],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    """The gradient of `convolve` with respect to the kernel.

    Args:
      x: see `convolve`.
      cotangent: the gradient with respect to the result of `convolve`.
      shape: of the kernel.
      strides: see `convolve`.
      padding: see `convolve`.
      dilation: see `convolve`.
    """
    name = "mgr_jax_kernel_gradient"
    return _call(name, x, cotangent, shape, strides, padding, dilation)


def _call(
    name: str,
    first: jax.Array,
    second: jax.Array,
    shape: tuple[int, ...],
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    before, after = np.asarray(padding, np.int64).T
    call = jax.ffi.ffi_call(
        name, jax.ShapeDtypeStruct(shape, first.dtype), vmap_method="sequential"
    )
    return call(
        first,
        second,
        strides=np.asarray(strides, np.int64),
        before=before,
        after=after,
        dilation=np.asarray(dilation, np.int64),
    )
