"""Convolutional blocks that several networks use."""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen.linear import default_kernel_init
from jax import lax

from mgr_jax.models.convolution import Conv
from mgr_jax.models.masking import Lengths, clip_mean, convolve, mask_frames, shorten
from mgr_jax.models.network import BatchNormed


def max_pool(
    x: jax.Array,
    window: Sequence[int],
    strides: Sequence[int] | None = None,
    padding: Sequence[tuple[int, int]] | None = None,
) -> jax.Array:
    """Max pooling; what does not fill a window at the end is dropped.

    Equal to `flax.linen.max_pool`. With its gradient it is 2 to 3 times as fast on a CPU, where
    XLA's select-and-scatter is slow. One axis at a time: a 4x4 window then takes 8 slices, not 16.
    Of several equal maxima the first along the last of these axes gets the gradient.

    Args:
      x: [batch, *spatial, channels].
      window: size along each of the spatial axes.
      strides: from one window to the next along each; None: windows lie side by side.
      padding: (before, after) along each, which never is the maximum; None: there is none.

    Returns:
      [batch, *pooled, channels].
    """
    if padding is not None:
        around = [(0, 0, 0), *((*pad, 0) for pad in padding), (0, 0, 0)]
        x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), around)
    sizes = list(zip(window, strides or window, strict=True))
    for axis, (size, stride) in reversed(list(enumerate(sizes, start=1))):
        reach = (x.shape[axis] - size) // stride * stride + 1
        best, *others = (
            lax.slice_in_dim(x, start, start + reach, stride, axis) for start in range(size)
        )
        for other in others:
            best = jnp.where(other > best, other, best)
        x = best
    return x


def pool_clips(x: jax.Array, window: Sequence[int], lengths: Lengths) -> tuple[jax.Array, Lengths]:
    """Max pooling of clips, with their lengths; see `max_pool`.

    If a clip does not fill a window, the maximum is that of the part it fills.

    Args:
      x: [batch, frames, ..., channels].
      window: size along each of the spatial axes, time first.
      lengths: [batch] frames of each clip that count; None: all.

    Returns:
      The pooled array, zero after the end of each clip, and the lengths after pooling.
    """
    if lengths is None:
        return max_pool(x, window), None
    pooled, left = max_pool(mask_frames(x, lengths, -jnp.inf), window), shorten(lengths, window[0])
    return mask_frames(pooled, left), left  # nothing is to be computed of infinities


def global_max(x: jax.Array, axis: int = 1) -> jax.Array:
    """The maximum over a whole axis. Only one of several equal maxima gets the gradient.

    The gradient of `x.max` compares x with its maximum again. XLA may compute x a second time for
    that and round it differently. Then no value is equal and the gradient is 0 / 0 (on a CPU,
    jaxlib 0.10.2). So this function compares halves of the axis until one value is left.

    Args:
      x: any array.
      axis: the axis.
    """
    while (size := x.shape[axis]) > 1:
        # An odd one waits for the next round.
        half, odd = divmod(size, 2)
        first, second = (
            lax.slice_in_dim(x, start, start + half, axis=axis) for start in (odd, odd + half)
        )
        best = jnp.where(second > first, second, first)
        x = jnp.concatenate([lax.slice_in_dim(x, 0, 1, axis=axis), best], axis) if odd else best
    return x.squeeze(axis)


def clip_max(x: jax.Array, lengths: Lengths = None) -> jax.Array:
    """Maximum of [batch, frames, ..., channels] over all but batch and channels."""
    x = mask_frames(x, lengths, -jnp.inf)
    return global_max(x.reshape(len(x), -1, x.shape[-1]))


class ConvBlock(BatchNormed):
    """Convolution, batch norm, activation, max pooling, dropout, over any number of axes.

    Attributes:
      features: output channels.
      pool: pooling window along each spatial axis: (time, bins), or (time,) alone.
      dropout: share of values dropped in training.
      kernel: size of the kernel along each spatial axis.
      stride: of the convolution, along every spatial axis or along each.
      padding: "SAME", "VALID", or (before, after) along each spatial axis.
      dilation: distance of the kernel's taps.
      depthwise: convolve each channel by itself; there are as many as `features` then.
      bias: whether the convolution has one.
      activation: a function that never falls where there is pooling, which goes before it.
      kernel_init: initialiser of the kernel.
    """

    features: int
    pool: Sequence[int]
    dropout: float = 0.0
    kernel: Sequence[int] = (3, 3)
    stride: int | Sequence[int] = 1
    padding: str | Sequence[tuple[int, int]] = "SAME"
    dilation: int = 1
    depthwise: bool = False
    bias: bool = True
    activation: Callable[[jax.Array], jax.Array] = nn.relu
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(
        self, x: jax.Array, lengths: Lengths = None, *, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, *spatial, channels] to [batch, *pooled, features], and their lengths."""
        conv = Conv(
            self.features,
            self.kernel,
            strides=self.stride,
            padding=self.padding,
            kernel_dilation=self.dilation,
            use_bias=self.bias,
            depthwise=self.depthwise,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            name="conv",
        )
        (x, bias), lengths = convolve(conv, x, lengths, bias_apart=True)
        # Pooling goes before the activation: the same values, with less to compute.
        if lengths is None:
            x = self.norm(x, train=train, shift=bias, pool=self.pool)
        else:
            x = self.norm(x, train=train, shift=bias, lengths=lengths)
            x, lengths = pool_clips(x, self.pool, lengths)
        return nn.Dropout(self.dropout, deterministic=not train)(self.activation(x)), lengths


class ResidualBlock(BatchNormed):
    """Two convolutions with batch norm beside a shortcut (He et al., arXiv 1512.03385).

    conv1, norm1, ReLU, dropout, conv2, norm2, gate; plus the shortcut; ReLU. The shortcut is the
    input itself where it has the shape of the output, and a convolution otherwise.

    Attributes:
      features: output channels.
      kernel: size of both kernels along each spatial axis.
      stride: of the first convolution and of the shortcut's, along every spatial axis or each.
      shortcut_kernel: size of the shortcut's kernel along each spatial axis.
      shortcut_norm: whether batch norm follows the shortcut's convolution.
      always_project: convolve in the shortcut even where the shapes are equal.
      bias: whether the convolutions have one.
      dropout: share dropped between the convolutions.
      gate_units: units of the hidden layer of the squeeze-and-excitation gate, 0 for none.
    """

    features: int
    kernel: Sequence[int] = (3, 3)
    stride: int | Sequence[int] = 1
    shortcut_kernel: Sequence[int] = (1, 1)
    shortcut_norm: bool = True
    always_project: bool = False
    bias: bool = True
    dropout: float = 0.0
    gate_units: int = 0

    @nn.compact
    def __call__(
        self, x: jax.Array, lengths: Lengths = None, *, train: bool
    ) -> tuple[jax.Array, Lengths]:
        """Maps [batch, *spatial, channels] to [batch, *(spatial / stride), features].

        Beside it are the lengths of the clips after it.
        """

        def conv(
            x: jax.Array,
            lengths: Lengths,
            kernel: Sequence[int],
            stride: int | Sequence[int],
            name: str,
        ) -> tuple[tuple[jax.Array, jax.Array | None], Lengths]:
            layer = Conv(
                self.features,
                kernel,
                strides=stride,
                # As PyTorch pads: "SAME" differs where strides are larger than 1.
                padding=[(size // 2, (size - 1) // 2) for size in kernel],
                use_bias=self.bias,
                kernel_init=nn.initializers.he_normal(),
                dtype=self.dtype,
                name=name,
            )
            return convolve(layer, x, lengths, bias_apart=True)

        def norm(
            convolved: tuple[jax.Array, jax.Array | None], lengths: Lengths, name: str
        ) -> jax.Array:
            x, bias = convolved
            return self.norm(x, name, train=train, lengths=lengths, shift=bias)

        shortcut = x
        strides = {self.stride} if isinstance(self.stride, int) else set(self.stride)
        if self.always_project or strides != {1} or x.shape[-1] != self.features:
            convolved, left = conv(x, lengths, self.shortcut_kernel, self.stride, "shortcut")
            if self.shortcut_norm:
                shortcut = norm(convolved, left, "shortcut_norm")
            else:
                shortcut, bias = convolved
                shortcut = shortcut if bias is None else shortcut + bias.astype(self.dtype)
        convolved, lengths = conv(x, lengths, self.kernel, self.stride, "conv1")
        x = nn.relu(norm(convolved, lengths, "norm1"))
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        convolved, lengths = conv(x, lengths, self.kernel, 1, "conv2")
        x = norm(convolved, lengths, "norm2")
        if self.gate_units:
            x = SqueezeExcite(self.gate_units, dtype=self.dtype, name="gate")(x, lengths)
        return nn.relu(x + shortcut), lengths


class SqueezeExcite(nn.Module):
    """A gate for every channel, from the means of all channels (Hu et al., arXiv 1709.01507).

    Attributes:
      units: of the hidden layer.
      kernel_init: initialiser of both layers.
      dtype: of the computation; parameters are float32.
    """

    units: int
    kernel_init: nn.initializers.Initializer = default_kernel_init
    dtype: jnp.dtype = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None) -> jax.Array:
        """Scales the channels of [batch, *spatial, channels]."""
        means = clip_mean(x, lengths, keepdims=True)

        def dense(units: int, name: str) -> nn.Dense:
            return nn.Dense(units, kernel_init=self.kernel_init, dtype=self.dtype, name=name)

        hidden = nn.relu(dense(self.units, "squeeze")(means))
        return x * nn.sigmoid(dense(x.shape[-1], "excite")(hidden))
