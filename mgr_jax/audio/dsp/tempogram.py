"""Onsets and their periods."""

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio.dsp.chroma import normalise_frames
from mgr_jax.audio.dsp.stft import get_window
from mgr_jax.errors import UserError, require


def tempo_frequencies(n_bins: int, *, sample_rate: float, hop_length: int) -> np.ndarray:
    """The tempo of each lag in beats per minute, [n_bins], as librosa's; the first is infinite.

    Args:
      n_bins: number of lags in frames, from 0.
      sample_rate: in Hz.
      hop_length: samples between frames.
    """
    lags = np.arange(n_bins, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return 60.0 * sample_rate / hop_length / lags


def onset_strength(levels: jax.Array, *, n_fft: int, hop_length: int) -> jax.Array:
    """Mean rise of the bands since the frame before, as `librosa.onset.onset_strength(S=levels)`.

    Args:
      levels: of bands in dB, [batch, frames, bands].
      n_fft: samples per frame of the spectrogram; onsets are moved by half a frame, to where a
        frame begins to contain them.
      hop_length: samples between frames.

    Returns:
      [batch, frames].
    """
    rise = jnp.maximum(jnp.diff(levels, axis=1), 0.0).mean(axis=-1)
    delay = 1 + n_fft // (2 * hop_length)
    return jnp.pad(rise, ((0, 0), (delay, 0)))[:, : levels.shape[1]]


def tempogram(
    envelope: jax.Array,
    *,
    win_length: int,
    window: str | tuple,
    center: bool,
    norm: float | None,
    frames: jax.Array | None = None,
) -> jax.Array:
    """Local autocorrelation of an onset envelope, as `librosa.feature.tempogram`.

    Args:
      envelope: onset strengths [batch, frames].
      win_length: frames that are correlated with each other, and number of lags.
      window: a periodic window by its name in `scipy.signal.get_window`.
      center: continue the envelope by ramps to 0, half a window long; otherwise there are
        win_length - 1 fewer frames.
      norm: of every frame over its lags: 1, 2, infinity or None; see `normalise_frames`.
      frames: [batch] int32, how many onset strengths count, after which each envelope ends; None:
        all.

    Returns:
      [batch, frames, win_length] at lags of 0, 1, ... frames.

    Raises:
      UserError: the envelope is too short, or a setting is out of range.
    """
    from scipy.fft import next_fast_len  # a fifth of a second, for those who need it

    require(win_length > 0, "win_length", win_length, "it must be positive")
    count = envelope.shape[1] if center else envelope.shape[1] - win_length + 1
    if count < 1:
        raise UserError(
            f"{envelope.shape[1]} frames are too few: center={center} needs at least "
            f"{1 if center else win_length}; use longer clips or center=True",
            code="audio.too_short",
        )
    if center:
        ramps = ((0, 0), (win_length // 2, win_length // 2))
        envelope = jnp.pad(envelope, ramps, mode="linear_ramp", end_values=0)
        if frames is not None:
            envelope = _ramp_down(envelope, win_length // 2 + frames, win_length // 2)
    local = envelope[:, np.arange(count)[:, None] + np.arange(win_length)]
    # Padded by as much again, no lag wraps around.
    padded = next_fast_len(2 * win_length - 1, real=True)
    spectra = jnp.fft.rfft(local * get_window(window, None, win_length), n=padded)
    power = jnp.square(spectra.real) + jnp.square(spectra.imag)
    return normalise_frames(jnp.fft.irfft(power, n=padded)[..., :win_length], norm=norm)


def _ramp_down(envelope: jax.Array, end: jax.Array, over: int) -> jax.Array:
    """Envelopes [batch, frames] that fall to 0 over so many frames from where each ends."""
    beyond = np.arange(envelope.shape[1]) - end[:, None] + 1
    last = jnp.take_along_axis(envelope, end[:, None] - 1, axis=1)
    ramp = last * jnp.maximum(0.0, 1.0 - beyond / max(over, 1))
    return jnp.where(beyond > 0, ramp, envelope)
