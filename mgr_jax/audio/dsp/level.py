"""Converts energies to levels, and levels to cepstral coefficients.

Levels are decibels, or per-channel energies (PCEN), fixed as in librosa or with learnable settings.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mgr_jax.errors import UserError, require

# (x + delta) ** (1 / root) has no slope at 0 once training has taken delta there.
_MIN_DELTA = 1e-6


def power_to_db(
    S: jax.Array,  # noqa: N803
    *,
    ref: float | str,
    amin: float,
    top_db: float | None,
    maximum: jax.Array | None = None,
) -> jax.Array:
    """Power to decibel, as `librosa.power_to_db` of each clip by itself.

    Args:
      S: power [batch, ...]; no clip changes the result of another.
      ref: power at 0 dB, or "max" for the maximum.
      amin: smallest power told apart from silence.
      top_db: raise what lies further than this below the maximum; None keeps everything.
      maximum: the power that `ref` and `top_db` refer to, such as that of a whole track, of a shape
        that broadcasts against `S`; None means the maximum of each clip.

    Returns:
      Levels in dB, of the shape of `S`.

    Raises:
      UserError: ref or amin is out of range.
    """
    require(amin > 0, "amin", amin, "it must be positive")
    known = ref == "max" if isinstance(ref, str) else ref > 0
    require(known, "ref", ref, "it must be a positive number or 'max'")
    level = _decibel(S, amin)
    highest = level.max(axis=tuple(range(1, S.ndim)), keepdims=True)
    if maximum is not None:
        highest = _decibel(maximum, amin)
    if isinstance(ref, str):
        level, highest = level - highest, jnp.zeros_like(highest)
    else:
        shift = 10.0 * math.log10(max(ref, amin))
        level, highest = level - shift, highest - shift
    return level if top_db is None else jnp.maximum(level, highest - top_db)


def _decibel(power: jax.Array, amin: float) -> jax.Array:
    return 10.0 * jnp.log10(jnp.maximum(power, amin))


def pcen(
    S: jax.Array,  # noqa: N803
    *,
    sample_rate: float,
    hop_length: int,
    gain: float = 0.98,
    bias: float = 2.0,
    power: float = 0.5,
    time_constant: float = 0.4,
    eps: float = 1e-6,
    initial: float | str = 1.0,
) -> jax.Array:
    """Divides energies by their recent average, then compresses them, as `librosa.pcen`.

    The default settings are meant for magnitudes of samples in [-2**31, 2**31), as librosa says:
    scale `S` by 2**31 first if its waveform lies in [-1, 1].

    Args:
      S: magnitudes or energies [batch, frames, ...], not negative.
      sample_rate: of the waveform in Hz.
      hop_length: samples between frames.
      gain: exponent of the average that is divided by; 0 switches the gain control off.
      bias: offset before the compression.
      power: exponent of the compression; 0 means log(1 + x).
      time_constant: of the average in seconds.
      eps: offset of the average.
      initial: the average before the first frame; librosa's is 1. "first" means each bin's own
        first frame.

    Returns:
      Levels of the shape of `S`.

    Raises:
      UserError: a setting is out of range.
    """
    for name, value in (("gain", gain), ("bias", bias), ("power", power)):
        require(value >= 0, f"pcen: {name}", value, "it must be 0 or more")
    for name, value in (("time_constant", time_constant), ("eps", eps)):
        require(value > 0, f"pcen: {name}", value, "it must be positive")
    frames = time_constant * sample_rate / hop_length
    # librosa's approximation of a low-pass as wide as the inverse of the time constant.
    smoothing = (math.sqrt(1 + 4 * frames**2) - 1) / (2 * frames**2)
    level = moving_average(S, smoothing, initial=initial)
    if power == 0:
        return jnp.log1p(_adapt(S, level, gain, eps))
    if bias == 0:
        # The root has no slope in silence; its gradient there is taken as 0.
        sounding = jnp.where(S == 0, 1.0, S)
        return jnp.where(S == 0, 0.0, _adapt(sounding, level, gain, eps) ** power)
    return _compress(_adapt(S, level, gain, eps), bias, power)


def spcen(
    S: jax.Array,  # noqa: N803
    *,
    smoothing: jax.Array,
    alpha: jax.Array,
    delta: jax.Array,
    root: jax.Array,
    floor: float,
    initial: float | str = "first",
) -> jax.Array:
    """PCEN with learnable settings, each a number or one per bin (LEAF, arXiv 2101.08596).

    (S / (floor + average) ** alpha + delta) ** (1 / root) - delta ** (1 / root). As in LEAF's own
    code smoothing counts as at most 1 and at least 0, alpha as at most 1, root as at least 1; here
    delta counts as at least 1e-6.

    Args:
      S: energies [batch, frames, bins], not negative.
      smoothing: weight of the newest frame in the average.
      alpha: exponent of the average that is divided by.
      delta: offset before the compression.
      root: 1 / exponent of the compression.
      floor: offset of the average.
      initial: the average before the first frame; "first" means each bin's own first frame.

    Returns:
      Levels of the shape of `S`.
    """
    level = moving_average(S, jnp.clip(smoothing, 0.0, 1.0), initial=initial)
    adapted = _adapt(S, level, jnp.minimum(alpha, 1.0), floor)
    return _compress(adapted, jnp.maximum(delta, _MIN_DELTA), 1.0 / jnp.maximum(root, 1.0))


def moving_average(
    x: jax.Array, smoothing: jax.Array | float, *, initial: float | str
) -> jax.Array:
    """Exponential moving average over frames: m[t] = (1 - smoothing) m[t - 1] + smoothing x[t].

    Args:
      x: [batch, frames, ...].
      smoothing: weight of the newest frame, a number or one per bin.
      initial: the average before the first frame; "first" means the first frame itself.

    Returns:
      Averages of the shape of `x`.

    Raises:
      UserError: initial is a word other than "first".
    """
    start = x[:, 0]
    if initial != "first":
        if isinstance(initial, str):
            raise UserError(
                f"pcen: initial is {initial!r}; it must be a number or 'first'",
                code="argument.out_of_range",
            )
        start = jnp.full_like(start, initial)
    smoothing = jnp.asarray(smoothing, x.dtype)
    # An accelerator wants few steps, a CPU few passes: there the loop's gradient takes a sixth to
    # two thirds of the time.
    return lax.platform_dependent(x, smoothing, start, cpu=_in_a_loop, default=_in_a_tree)


def _in_a_loop(x: jax.Array, smoothing: jax.Array, start: jax.Array) -> jax.Array:
    def step(level: jax.Array, now: jax.Array) -> tuple[jax.Array, jax.Array]:
        level = (1.0 - smoothing) * level + smoothing * now
        return level, level

    return jnp.swapaxes(lax.scan(step, start, jnp.swapaxes(x, 0, 1))[1], 0, 1)


def _in_a_tree(x: jax.Array, smoothing: jax.Array, start: jax.Array) -> jax.Array:
    def join(first: tuple, second: tuple) -> tuple:
        return first[0] * second[0], second[0] * first[1] + second[1]

    new = (smoothing * x).at[:, 0].add((1.0 - smoothing) * start)
    return lax.associative_scan(join, (jnp.broadcast_to(1.0 - smoothing, x.shape), new), axis=1)[1]


def _adapt(energies: jax.Array, level: jax.Array, gain: jax.Array | float, eps: float) -> jax.Array:
    return energies * jnp.exp(-gain * jnp.log(eps + level))


def _compress(x: jax.Array, bias: jax.Array | float, power: jax.Array | float) -> jax.Array:
    """(x + bias) ** power - bias ** power, exact for small x too."""
    return bias**power * jnp.expm1(power * jnp.log1p(x / bias))


def dct_basis(size: int, count: int) -> np.ndarray:
    """The first functions of the orthonormal DCT-II, [size, count] float64."""
    from scipy.fft import dct  # a fifth of a second, for those who need it

    return dct(np.eye(size), type=2, norm="ortho")[:, :count]


def lifter_weights(count: int, lifter: float) -> np.ndarray:
    """Factors of the coefficients, [count] float64, as in `librosa.feature.mfcc`."""
    return 1.0 + lifter / 2.0 * np.sin(np.pi * np.arange(1, count + 1) / lifter)


def delta(
    features: jax.Array, *, width: int, order: int, frames: jax.Array | None = None
) -> jax.Array:
    """Local derivative over time, as `librosa.feature.delta` with its mode "interp".

    A polynomial of degree `order` is fitted to `width` frames around each frame; the first and last
    frames share the fit at their end (Savitzky and Golay 1964).

    Args:
      features: [batch, frames, bins], at least `width` frames.
      width: odd number of frames.
      order: 1 for the slope, 2 for the curvature.
      frames: [batch] int32, how many count, at least `width`; the last of these share the fit at
        their end. None: all.

    Returns:
      [batch, frames, bins].

    Raises:
      UserError: there are too few frames.
    """
    from scipy.signal import savgol_coeffs  # half a second, for those who need it

    total, half = features.shape[1], width // 2
    if total < width:
        raise UserError(
            f"slopes over {width} frames cannot be fitted to {total}; use longer clips or a "
            "smaller delta_width",
            code="audio.too_short",
        )
    # Row p: what position p of a window of `width` frames is worth; row `half` is the middle.
    fit = np.stack(
        [savgol_coeffs(width, order, deriv=order, pos=p, use="dot") for p in range(width)]
    ).astype(np.float32)
    if frames is not None:
        last = jnp.maximum(0, frames[:, None] - width)
        start = jnp.clip(np.arange(total) - half, 0, last)
        windows = start[..., None] + np.arange(width)
        position = jnp.clip(np.arange(total) - start, 0, width - 1)
        parts = jax.vmap(lambda clip, rows: clip[rows])(features, windows)
        return jnp.einsum("btwf,btw->btf", parts, jnp.asarray(fit)[position], precision="highest")
    shifted = [features[:, i : total - width + 1 + i] for i in range(width)]
    middle = sum(weight * part for weight, part in zip(fit[half], shifted, strict=True))
    first = jnp.matmul(fit[:half], features[:, :width], precision="highest")
    last = jnp.matmul(fit[half + 1 :], features[:, -width:], precision="highest")
    return jnp.concatenate([first, middle, last], axis=1)
