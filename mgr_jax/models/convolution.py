"""Convolutions. Each is computed in the way that is fastest on the platform."""

import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.linen.linear import default_kernel_init
from jax import lax

from mgr_jax import onednn

Pads = Sequence[tuple[int, int]]

# Where a CPU takes matrix products for gradients (docs/performance.md): instead of convolutions
# with few channels or over few positions, and instead of XLA's gradients by large kernels over
# many positions, for which it brings the whole input into another order.
_FEW_INPUTS, _SMALL_IMAGE = 4, 16
_MANY_INPUTS, _LARGE_IMAGE = 128, 400


class Conv(nn.Module):
    """A convolution over any number of axes, channels last.

    Parameters "kernel" [*size, inputs / groups, features] and "bias" [features], their initial
    values and the results are those of `flax.linen.Conv`.

    Attributes:
      features: output channels.
      kernel_size: along each spatial axis.
      strides: along all spatial axes, or along each.
      padding: "SAME", "VALID", or (before, after) along each spatial axis.
      kernel_dilation: distance of the kernel's taps.
      use_bias: whether there is a bias.
      depthwise: convolve each channel by itself; there are as many as `features` then.
      kernel_init: initialiser of the kernel.
      dtype: of the computation; parameters are float32.
    """

    features: int
    kernel_size: Sequence[int]
    strides: int | Sequence[int] = 1
    padding: str | Pads = "SAME"
    kernel_dilation: int = 1
    use_bias: bool = True
    depthwise: bool = False
    kernel_init: nn.initializers.Initializer = default_kernel_init
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, bias_apart: bool = False) -> Any:
        """Convolves [batch, *spatial, inputs] to [batch, *strided, features].

        With `bias_apart` the bias is not added, but returned beside the result (None if there is
        none): batch norm takes it away again.
        """
        inputs = 1 if self.depthwise else x.shape[-1]
        shape = (*self.kernel_size, inputs, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        dtype = self.dtype or jnp.result_type(x, kernel)
        axes = len(self.kernel_size)
        strides = (self.strides,) * axes if isinstance(self.strides, int) else tuple(self.strides)
        dilation = (self.kernel_dilation,) * axes
        result = (convolve_depthwise if self.depthwise else convolve_dense)(
            x.astype(dtype),
            kernel.astype(dtype),
            strides,
            _pads(self.padding, x.shape[1:-1], self.kernel_size, strides, dilation),
            dilation,
        )
        if bias_apart:
            return result, bias
        return result if bias is None else result + bias.astype(dtype)


def _pads(
    padding: str | Pads,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> tuple[tuple[int, int], ...]:
    """(before, after) along each spatial axis."""
    if not isinstance(padding, str):
        return tuple((int(before), int(after)) for before, after in padding)
    reach = [(taps - 1) * far + 1 for taps, far in zip(kernel, dilation, strict=True)]
    return tuple(lax.padtype_to_pads(sizes, reach, strides, padding))


def convolve_dense(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    """A convolution of all channels with all others.

    Args:
      x: [batch, *spatial, inputs].
      kernel: [*size, inputs, outputs].
      strides: along the spatial axes.
      padding: (before, after) along each.
      dilation: distance of the kernel's taps along each.

    Returns:
      [batch, *strided, outputs].
    """
    return _convolve(x, kernel, tuple(strides), tuple(padding), tuple(dilation))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _convolve(x: jax.Array, kernel: jax.Array, *places: Any) -> jax.Array:
    def on_cpu(x: jax.Array, kernel: jax.Array) -> jax.Array:
        if onednn.usable(x.dtype):
            return onednn.convolve(x, kernel, *places)
        return _by_xla(x, kernel, *places)

    def elsewhere(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _by_xla(x, kernel, *places)

    return lax.platform_dependent(x, kernel, cpu=on_cpu, default=elsewhere)


def _forward(x: jax.Array, kernel: jax.Array, *places: Any) -> tuple[jax.Array, Any]:
    return _convolve(x, kernel, *places), (x, kernel)


def _backward(*arguments: Any) -> tuple[jax.Array, jax.Array]:
    *places, (x, kernel), cotangent = arguments

    def derived(x: jax.Array, kernel: jax.Array, cotangent: jax.Array) -> Any:
        by_input = jax.linear_transpose(lambda x: _by_xla(x, kernel, *places), x)
        by_kernel = jax.linear_transpose(lambda kernel: _by_xla(x, kernel, *places), kernel)
        return (*by_input(cotangent), *by_kernel(cotangent))

    def on_cpu(x: jax.Array, kernel: jax.Array, cotangent: jax.Array) -> Any:
        # Else XLA computes what comes before it anew for every operand that is made of it.
        cotangent = lax.optimization_barrier(cotangent)
        by_input, by_kernel = derived(x, kernel, cotangent)
        strides, padding, dilation = places
        dense = kernel.shape[-2] == x.shape[-1]
        plain = dense and set(strides) | set(dilation) == {1}
        few, at = kernel.shape[-2], math.prod(x.shape[1:-1])
        if plain and (few <= _FEW_INPUTS or at <= _SMALL_IMAGE):
            by_input = _input_gradient(cotangent, kernel, x.shape, padding)
        elif onednn.usable(x.dtype):
            by_input = onednn.input_gradient(cotangent, kernel, x.shape, *places)
        if onednn.usable(x.dtype):
            by_kernel = onednn.kernel_gradient(x, cotangent, kernel.shape, *places)
        elif plain and few >= _MANY_INPUTS and at >= _LARGE_IMAGE:
            by_kernel = _kernel_gradient(x, cotangent, kernel.shape, padding)
        return by_input, by_kernel

    return lax.platform_dependent(x, kernel, cotangent, cpu=on_cpu, default=derived)


_convolve.defvjp(_forward, _backward)


def _input_gradient(
    cotangent: jax.Array, kernel: jax.Array, shape: tuple[int, ...], padding: Pads
) -> jax.Array:
    """One matrix product with all taps, whose results are shifted and added up."""
    *size, inputs, outputs = kernel.shape
    products = lax.dot_general(
        cotangent.reshape(-1, outputs),
        kernel.reshape(-1, outputs),
        (((1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    ).reshape(*cotangent.shape[:-1], *size, inputs)
    padded = [length + sum(pad) for length, pad in zip(shape[1:-1], padding, strict=True)]
    places = (slice(None),) * (cotangent.ndim - 1)
    total = jnp.zeros((), jnp.float32)
    for tap in np.ndindex(*size):
        lengths = zip(tap, padded, cotangent.shape[1:-1], strict=True)
        around = [(at, whole - at - length) for at, whole, length in lengths]
        total = total + jnp.pad(products[*places, *tap], [(0, 0), *around, (0, 0)])
    inside = zip(padding, shape[1:-1], strict=True)
    cut = (slice(before, before + length) for (before, _), length in inside)
    return total[:, *cut].astype(cotangent.dtype)


def _kernel_gradient(
    x: jax.Array, cotangent: jax.Array, shape: tuple[int, ...], padding: Pads
) -> jax.Array:
    """A matrix product for each tap, with the input shifted by it."""
    *size, inputs, outputs = shape
    padded = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    gradients = []
    for tap in np.ndindex(*size):
        lengths = zip(tap, cotangent.shape[1:-1], strict=True)
        shifted = padded[:, *(slice(at, at + length) for at, length in lengths)]
        product = lax.dot_general(
            shifted.reshape(-1, inputs),
            cotangent.reshape(-1, outputs),
            (((0,), (0,)), ((), ())),
            preferred_element_type=jnp.float32,
        )
        gradients.append(product)
    return jnp.stack(gradients).reshape(shape).astype(x.dtype)


def _by_xla(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    spatial = "DHW"[-(x.ndim - 2) :]
    return lax.conv_general_dilated(
        x,
        kernel,
        strides,
        padding,
        rhs_dilation=dilation,
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
        feature_group_count=x.shape[-1] // kernel.shape[-2],
    )


def convolve_depthwise(
    x: jax.Array,
    kernel: jax.Array,
    strides: Sequence[int],
    padding: Pads,
    dilation: Sequence[int],
) -> jax.Array:
    """A convolution of channels each by itself.

    A CPU adds up shifted inputs, 10 to 60 times as fast as XLA's convolution there.

    Args:
      x: [batch, *spatial, channels].
      kernel: [*size, 1, channels].
      strides: along the spatial axes.
      padding: (before, after) along each.
      dilation: distance of the kernel's taps along each.

    Returns:
      [batch, *strided, channels].
    """
    if onednn.usable(x.dtype):
        return _convolve(x, kernel, tuple(strides), tuple(padding), tuple(dilation))

    def grouped(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _by_xla(x, kernel, strides, padding, dilation)

    def shifted_sum(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return _shifted_sum(x, kernel, tuple(strides), tuple(padding), tuple(dilation))

    return lax.platform_dependent(x, kernel, cpu=shifted_sum, default=grouped)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _shifted_sum(x: jax.Array, kernel: jax.Array, *places: Any) -> jax.Array:
    """Every tap times the input shifted by it, in one pass.

    The gradient that JAX would derive writes an array as large as the padded input for every tap.
    """
    strides, padding, dilation = places
    padded = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    total = jnp.zeros((), jnp.float32)
    for tap, part in _shifted(padded, kernel.shape, strides, dilation):
        total = total + part.astype(jnp.float32) * kernel[*tap, 0]
    return total.astype(x.dtype)


def _shifted(
    padded: jax.Array, size: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], jax.Array]]:
    """Every tap, with the part of the padded input that it is multiplied with."""
    axes = list(zip(padded.shape[1:-1], size, strides, dilation, strict=False))
    counts = [(whole - (taps - 1) * far - 1) // stride + 1 for whole, taps, stride, far in axes]
    for tap in np.ndindex(*size[: len(axes)]):
        cuts = [
            slice(at * far, at * far + (count - 1) * stride + 1, stride)
            for at, count, (_, _, stride, far) in zip(tap, counts, axes, strict=True)
        ]
        yield tap, padded[:, *cuts]


def _shifted_sum_forward(x: jax.Array, kernel: jax.Array, *places: Any) -> tuple[jax.Array, Any]:
    return _shifted_sum(x, kernel, *places), (x, kernel)


def _shifted_sum_backward(*arguments: Any) -> tuple[jax.Array, jax.Array]:
    strides, padding, dilation, (x, kernel), cotangent = arguments
    # Else what is shifted would be taken over from the forward pass: an array for every tap.
    x, cotangent = lax.optimization_barrier((x, cotangent))
    apart = lax.pad(
        cotangent,
        jnp.zeros((), cotangent.dtype),
        [(0, 0, 0), *((0, 0, stride - 1) for stride in strides), (0, 0, 0)],
    )
    around = []
    for length, inside, taps, far, (before, _) in zip(
        apart.shape[1:-1], x.shape[1:-1], kernel.shape, dilation, padding, strict=False
    ):
        first = (taps - 1) * far - before
        around.append((first, inside + (taps - 1) * far - length - first))
    axes = range(len(strides))
    by_input = _shifted_sum(apart, jnp.flip(kernel, axes), (1,) * len(axes), around, dilation)
    padded = jnp.pad(x, [(0, 0), *padding, (0, 0)])
    wide = cotangent.astype(jnp.float32)
    spans = [
        (count - 1) * stride + 1 for count, stride in zip(wide.shape[1:-1], strides, strict=True)
    ]
    sizes = (len(x), *spans, x.shape[-1])
    steps = tuple(slice(None, None, stride) for stride in strides)

    def of_tap(place: jax.Array) -> jax.Array:
        part = lax.dynamic_slice(padded, (0, *place, 0), sizes)[:, *steps]
        return (part.astype(jnp.float32) * wide).sum(range(x.ndim - 1))

    # A loop: as many kernels as there are taps would take long to compile.
    taps = np.array(list(np.ndindex(*kernel.shape[:-2])), np.int32) * np.array(dilation, np.int32)
    by_kernel = lax.map(of_tap, jnp.asarray(taps)).reshape(kernel.shape)
    return by_input, by_kernel.astype(kernel.dtype)


_shifted_sum.defvjp(_shifted_sum_forward, _shifted_sum_backward)
