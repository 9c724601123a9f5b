"""FIR filters as matrix products, and sample rate conversion with them, on the device.

A convolution with one input channel uses a convolution routine badly, and its gradient even more
so. Written as frames times one matrix, 80 filters of 401 taps take a third of the time on a CPU,
and their gradient a twentieth.
"""

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.errors import UserError, require

# Samples that one frame of `filter_bank` makes; its matrix holds as many zeros per tap row.
_BLOCK = 16
# Samples that one row of the product in `resample` makes: fewer leave the processor's
# vectors empty, more multiply by zeros.
_MIN_BLOCK = 64
# Entries of the filter matrix, 16 MiB.
_MAX_WEIGHTS = 2**22


def filter_bank(y: jax.Array, taps: jax.Array, *, left: int) -> jax.Array:
    """Correlates waveforms with filters at every sample, with zeros beyond their ends.

    Args:
      y: waveforms [batch, samples].
      taps: [filters, taps], constant or learnt.
      left: zeros before the waveform; output t sees samples from t - left on.

    Returns:
      [batch, samples, filters].
    """
    filters, length = taps.shape
    width = length + _BLOCK - 1
    # Copies of the taps, each shifted by one more sample: a period one longer than the row.
    shifted = jnp.tile(jnp.pad(taps, ((0, 0), (0, _BLOCK))), _BLOCK)[:, : _BLOCK * width]
    weights = shifted.reshape(filters, _BLOCK, width).transpose(2, 1, 0).reshape(width, -1)
    samples = y.shape[-1]
    frames = -(-samples // _BLOCK)
    result = strided_product(y, weights, stride=_BLOCK, left=left, frames=frames)
    return result.reshape(y.shape[0], frames * _BLOCK, filters)[:, :samples]


def strided_product(
    y: jax.Array, weights: jax.Array | np.ndarray, *, stride: int, left: int, frames: int
) -> jax.Array:
    """Frames of waveforms, `stride` samples apart, times one matrix; zero beyond their ends.

    Args:
      y: waveforms [batch, samples].
      weights: [width, outputs].
      stride: samples between frames.
      left: zeros before the waveform: frame t starts at sample t * stride - left.
      frames: how many.

    Returns:
      [batch, frames, outputs].
    """
    width = len(weights)
    pieces = -(-width // stride)
    steps = frames + pieces - 1
    right = max(0, steps * stride - left - y.shape[-1])
    y = jnp.pad(y, ((0, 0), (left, right)))[:, : steps * stride].reshape(y.shape[0], steps, stride)
    # Shifted copies instead of a gather: the gradient needs no scatter.
    framed = jnp.concatenate([y[:, i : i + frames] for i in range(pieces)], axis=-1)[..., :width]
    # At default precision accelerators round the samples to 8 bits.
    return jnp.matmul(framed, weights, precision="highest")


def resample(
    y: jax.Array, *, orig_sr: float, target_sr: float, zeros: int = 32, beta: float = 10.0
) -> jax.Array:
    """Converts waveforms to another sample rate; differentiable, with zeros beyond their ends.

    With the default filter the pass band is flat to 0.001 dB up to 90 % of half the lower rate. The
    stop band begins at 110 % of that and is 99 dB down. At 100 % the filter is 6 dB down. The
    result equals `scipy.signal.resample_poly` with the taps of `resample_filter` as its window. On
    a CPU soxr is up to twice as fast; this function is for accelerators and for gradients.

    Args:
      y: waveforms [batch, samples] float32.
      orig_sr: their rate in Hz.
      target_sr: the rate wanted in Hz.
      zeros: zero crossings of the sinc on either side, at the lower rate; more are steeper.
      beta: of the Kaiser window; more damp better, and are less steep.

    Returns:
      Waveforms [batch, ceil(samples * target_sr / orig_sr)] float32; `y` itself at equal rates.

    Raises:
      UserError: a setting is out of range, or the rates have no small common ratio.
    """
    for name, value in (("orig_sr", orig_sr), ("target_sr", target_sr), ("zeros", zeros)):
        require(value > 0, f"resample: {name}", value, "it must be positive")
    ratio = Fraction(target_sr) / Fraction(orig_sr)
    up, down = ratio.numerator, ratio.denominator
    if up == down:
        return y
    repeats = -(-_MIN_BLOCK // up)
    block = repeats * up
    reach = zeros * max(up, down) // up
    if block * (repeats * down + 2 * reach) > _MAX_WEIGHTS:
        raise UserError(
            f"resample: {orig_sr} Hz and {target_sr} Hz are {down}:{up}, too fine a ratio for a "
            "filter on the device; use rates with a larger common divisor, or resample the files",
            code="audio.rates_too_fine",
        )
    weights = _block_weights(resample_filter(up, down, zeros=zeros, beta=beta), up, down, block)
    # The filter of output n is that of output n + up, `down` input samples on.
    outputs = -(-y.shape[-1] * up // down)
    frames = -(-outputs // block)
    result = strided_product(y, weights, stride=repeats * down, left=reach, frames=frames)
    return result.reshape(y.shape[0], frames * block)[:, :outputs]


def resample_filter(up: int, down: int, *, zeros: int, beta: float) -> np.ndarray:
    """The taps of the low-pass filter at `up` times the input's rate.

    It is a sinc with its edge at half the lower rate under a Kaiser window. There are
    2 * zeros * max(up, down) + 1 taps, float64, which sum to 1.

    Args:
      up: factor of the rate before the filter.
      down: divisor of the rate after the filter.
      zeros: zero crossings of the sinc on each side, at the lower rate.
      beta: of the Kaiser window.
    """
    half = zeros * max(up, down)
    taps = np.sinc(np.arange(-half, half + 1) / max(up, down)) * np.kaiser(2 * half + 1, beta)
    return taps / taps.sum()


def _block_weights(taps: np.ndarray, up: int, down: int, block: int) -> np.ndarray:
    """What each input of a frame adds to each output of a block, [width, block] float32."""
    half = len(taps) // 2
    inputs = np.arange(-(half // up), ((block - 1) * down + half) // up + 1)
    delay = np.arange(block) * down - inputs[:, None] * up
    inside = np.abs(delay) <= half
    return np.where(inside, up * taps[np.where(inside, half + delay, 0)], 0).astype(np.float32)
