"""Short-time Fourier transform with librosa's conventions, frames before bins."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from mgr_jax.errors import UserError, require

PAD_MODES = ("constant", "reflect")
# Samples, counted in frames, that a CPU takes at a time: with their spectra they fit its L2 cache.
_RUN_SAMPLES = 2**16
# Sums of cosines, sum_k a_k cos(k x) for x from -pi to pi; coefficients as SciPy has them.
_COSINES = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 1.0 - 0.54),
    "blackman": (0.42, 0.50, 0.08),
}


def num_frames(samples: int, *, n_fft: int, hop_length: int, center: bool) -> int:
    """The number of frames that `stft` cuts from a clip.

    Args:
      samples: of the clip.
      n_fft: samples per frame.
      hop_length: samples between frames.
      center: whether the clip is padded by half a frame on both sides.
    """
    if center:
        samples += 2 * (n_fft // 2)
    return max(0, 1 + (samples - n_fft) // hop_length)


def min_samples(*, n_fft: int, center: bool, pad_mode: str) -> int:
    """The smallest number of samples from which `stft` can cut a frame.

    Args:
      n_fft: samples per frame.
      center: whether the clip is padded by half a frame on both sides.
      pad_mode: "constant" (zeros) or "reflect".
    """
    if not center:
        return n_fft
    # A reflection does not repeat the edge sample, so it needs one more than it fills.
    return 1 + n_fft // 2 if pad_mode == "reflect" else 1


def stft(
    y: jax.Array,
    *,
    n_fft: int,
    hop_length: int,
    win_length: int | None,
    window: str | tuple,
    center: bool,
    pad_mode: str,
    periodic: bool = True,
    then: Callable[[jax.Array], jax.Array] = lambda spectra: spectra,
) -> jax.Array:
    """Short-time Fourier transform, as `librosa.stft` defines it, and what follows frame by frame.

    A CPU takes a few frames at a time, so that their spectra stay in its cache until `then` has
    used them; an accelerator takes all at once.

    Args:
      y: waveforms [batch, samples] float32.
      n_fft: samples per frame.
      hop_length: samples between frames.
      win_length: samples under the window, which is centred in the frame; None means n_fft.
      window: by its name in `scipy.signal.get_window`.
      center: pad by n_fft // 2 on both sides, so that frame t is centred on sample t * hop_length.
      pad_mode: "constant" (zeros) or "reflect".
      periodic: the window is a period of a periodic one; else it is symmetric.
      then: maps spectra [batch, frames, 1 + n_fft // 2] to [batch, frames, ...], for any number of
        frames and each frame by itself.

    Returns:
      `then` of all spectra; without it, complex64 [batch, frames, 1 + n_fft // 2].

    Raises:
      UserError: the clips are too short for one frame, or a setting is out of range.
    """
    require(pad_mode in PAD_MODES, "pad_mode", pad_mode, f"use one of {', '.join(PAD_MODES)}")
    samples, needed = y.shape[-1], min_samples(n_fft=n_fft, center=center, pad_mode=pad_mode)
    if samples < needed:
        raise UserError(
            f"clips of {samples} samples are too short: n_fft={n_fft} with center={center} and "
            f"pad_mode={pad_mode!r} needs at least {needed}; use longer clips or a smaller n_fft",
            code="audio.too_short",
        )
    if center:
        y = jnp.pad(y, ((0, 0), (n_fft // 2, n_fft // 2)), mode=pad_mode)
    taps = get_window(window, win_length, n_fft, periodic=periodic)

    def all_at_once(y: jax.Array) -> jax.Array:
        return then(jnp.fft.rfft(_frames(y, n_fft, hop_length) * taps))

    def run_by_run(y: jax.Array) -> jax.Array:
        frames = num_frames(y.shape[-1], n_fft=n_fft, hop_length=hop_length, center=False)
        runs = -(-frames * n_fft // _RUN_SAMPLES)
        if runs == 1:
            return all_at_once(y)
        run = -(-frames // runs)
        step, length = run * hop_length, (run - 1) * hop_length + n_fft
        # Zeros fill up the last run, whose frames beyond the clip are dropped.
        y = jnp.pad(y, ((0, 0), (0, max(0, (runs - 1) * step + length - y.shape[-1]))))
        results = lax.map(
            lambda start: all_at_once(lax.dynamic_slice_in_dim(y, start, length, axis=1)),
            step * jnp.arange(runs),
        )
        results = jnp.moveaxis(results, 0, 1)
        return results.reshape(y.shape[0], runs * run, *results.shape[3:])[:, :frames]

    return lax.platform_dependent(y, cpu=run_by_run, default=all_at_once)


def spectrogram(spectra: jax.Array, *, power: float) -> jax.Array:
    """|spectra| ** power in float32: 1 is magnitude, 2 is power."""
    if power == 2:
        return jnp.square(spectra.real) + jnp.square(spectra.imag)
    # Unlike the root of a sum of squares, abs has a finite gradient in silence.
    return jnp.abs(spectra) ** power


def _frames(y: jax.Array, n_fft: int, hop_length: int) -> jax.Array:
    """Overlapping frames [batch, frames, n_fft] of [batch, samples]."""
    frames = num_frames(y.shape[-1], n_fft=n_fft, hop_length=hop_length, center=False)
    hops, rest = divmod(n_fft, hop_length)

    def slices(y: jax.Array) -> jax.Array:
        starts = hop_length * np.arange(frames)
        cut = jax.vmap(lax.dynamic_slice_in_dim, (None, 0, None))
        return jax.vmap(lambda clip: cut(clip, starts, n_fft))(y)

    def shifted_blocks(y: jax.Array) -> jax.Array:
        blocks = y[:, : (frames + hops - 1) * hop_length].reshape(y.shape[0], -1, hop_length)
        return jnp.concatenate([blocks[:, hop : hop + frames] for hop in range(hops)], axis=-1)

    # A CPU copies slices, and adds them up in the gradient, faster than blocks; on a TPU blocks
    # need no gather, and their gradient no scatter.
    return slices(y) if rest else lax.platform_dependent(y, cpu=slices, default=shifted_blocks)


def get_window(
    name: str | tuple, win_length: int | None, n_fft: int, *, periodic: bool = True
) -> np.ndarray:
    """The window [n_fft] float32. It is zero outside its win_length samples.

    Args:
      name: of the window, see `window_taps`.
      win_length: samples of the window; None means n_fft.
      n_fft: samples per frame.
      periodic: a period of a periodic window; else it is symmetric.

    Raises:
      UserError: there is no such window, or win_length is out of range.
    """
    length = n_fft if win_length is None else win_length
    fits = 0 < length <= n_fft
    require(fits, "win_length", win_length, f"it must lie between 1 and n_fft={n_fft}")
    try:
        taps = window_taps(name, length, periodic=periodic)
    except ValueError as error:
        raise UserError(
            f"window is {name!r}, which scipy.signal.get_window does not know; try 'hann'",
            code="argument.out_of_range",
        ) from error
    left = (n_fft - length) // 2
    return np.pad(taps, (left, n_fft - length - left)).astype(np.float32)


def window_taps(name: str | tuple, length: int, *, periodic: bool) -> np.ndarray:
    """A window by its name in `scipy.signal.get_window`, with the same values.

    The usual ones are made here: importing scipy.signal takes as long as importing jax, twice over.

    Args:
      name: such as "hann", or with parameters ("kaiser", 14.0).
      length: in samples, at least 1.
      periodic: a period of a periodic window; else it is symmetric.

    Returns:
      [length] float64.

    Raises:
      ValueError: there is no such window.
    """
    if name not in _COSINES:
        import scipy.signal

        return scipy.signal.get_window(name, length, fftbins=periodic)
    if length == 1:
        return np.ones(1)
    phase = np.linspace(-np.pi, np.pi, length + periodic)[:length]
    taps = np.zeros(length)
    for order, coefficient in enumerate(_COSINES[name]):
        taps += coefficient * np.cos(order * phase)
    return taps
