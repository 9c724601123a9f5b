"""Filters with learnable settings: those of LEAF and of SincNet.

Gabor filters and Gaussian low-passes: Zeghidour et al., arXiv 2101.08596, and
google-research/leaf-audio. Windowed sinc band-passes: Ravanelli and Bengio, arXiv 1808.00158, and
mravanelli/SincNet.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio.dsp.mel import hz_to_mel, mel_to_hz
from mgr_jax.errors import require

# Width at half maximum of a Gaussian over its standard deviation, halved.
_HALF_WIDTH = math.sqrt(2 * math.log(2))


def gabor_like_mel(
    *, sample_rate: float, n_filters: int, n_fft: int, fmin: float, fmax: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gabor filters with the centres and widths of mel filters.

    Args:
      sample_rate: in Hz.
      n_filters: number of filters.
      n_fft: samples per Fourier frame of the mel filters.
      fmin: lower edge of the first mel filter in Hz.
      fmax: upper edge of the last mel filter in Hz.

    Returns:
      Centres in radians per sample and standard deviations in samples, [n_filters] each.

    Raises:
      UserError: the mel filters are too narrow for n_fft.
    """
    corners = np.linspace(hz_to_mel(fmin, htk=True), hz_to_mel(fmax, htk=True), n_filters + 2)
    lower, center, upper = (corners[i : i + n_filters, None] for i in range(3))
    # Triangles over mel, as TensorFlow's; librosa's are triangles over Hz.
    bins = hz_to_mel(np.fft.rfftfreq(n_fft, 1 / sample_rate), htk=True)
    mel = np.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center))
    mel = np.sqrt(np.maximum(mel, 0.0))
    mel[:, 0] = 0.0
    peak = mel.max(axis=1, keepdims=True)
    expected = (
        f"{n_filters} mel filters from {fmin} to {fmax} Hz are too narrow for it; use fewer "
        "n_filters or a larger n_fft"
    )
    require(bool(peak.all()), "n_fft", n_fft, expected)
    bandwidth = 2 * np.pi / n_fft * (mel >= peak / 2).sum(axis=1)
    return 2 * np.pi / n_fft * mel.argmax(axis=1), 2 * _HALF_WIDTH / bandwidth


def gabor_taps(center: jax.Array, width: jax.Array, length: int) -> jax.Array:
    """The taps of Gabor filters: real parts, then imaginary parts, [2 * filters, length].

    Args:
      center: [filters] in radians per sample; counts as at least 0 and at most pi.
      width: [filters], standard deviations in samples; bandwidths count as at least 1 / length and
        at most 1 / 4 of the sample rate.
      length: taps.
    """
    center = jnp.clip(center, 0.0, math.pi)[:, None]
    limits = (4 * _HALF_WIDTH / math.pi, length * _HALF_WIDTH / math.pi)
    width = jnp.clip(width, *limits)[:, None]
    time = np.arange(length, dtype=np.float32) - length // 2
    envelope = jnp.exp(-0.5 * jnp.square(time / width)) / (math.sqrt(2 * math.pi) * width)
    return jnp.concatenate([envelope * wave(center * time) for wave in (jnp.cos, jnp.sin)])


def gaussian_windows(width: jax.Array, length: int) -> jax.Array:
    """Gaussian windows [length, filters].

    Args:
      width: [filters], as fractions of half a window; limited to 2 / length … 0.5.
      length: samples of a window.
    """
    half = 0.5 * (length - 1)
    time = (np.arange(length, dtype=np.float32) - half)[:, None]
    return jnp.exp(-0.5 * jnp.square(time / (jnp.clip(width, 2 / length, 0.5) * half)))


def pool(
    energies: jax.Array, windows: jax.Array, *, hop_length: int, lengths: jax.Array | None = None
) -> jax.Array:
    """Energies under windows at every hop, padded with zeros as by TensorFlow's "SAME".

    Args:
      energies: [batch, samples, filters].
      windows: [length, filters].
      hop_length: samples between frames.
      lengths: [batch] samples of each, after which it is padded; None: all.

    Returns:
      [batch, ceil(samples / hop_length), filters].
    """
    (batch, samples, filters), length = energies.shape, len(windows)
    frames, pieces = -(-samples // hop_length), -(-length // hop_length)
    steps = (frames + pieces - 1) * hop_length
    left = max(0, (frames - 1) * hop_length + length - samples) // 2
    if lengths is not None:
        # Room for a shift: the zeros at one end come in at the other.
        inside = jnp.arange(samples) < lengths[:, None]
        energies = jnp.where(inside[..., None], energies, 0.0)
        energies = jnp.pad(energies, ((0, 0), (0, length), (0, 0)))
    right = steps - left - energies.shape[1]
    energies = jnp.pad(energies, ((0, 0), (left, max(0, right)), (0, 0)))
    if lengths is not None:
        covered = (-(-lengths // hop_length) - 1) * hop_length + length
        shift = jnp.maximum(0, covered - lengths) // 2 - left
        energies = jax.vmap(lambda clip, by: jnp.roll(clip, by, axis=0))(energies, shift)
    energies = energies[:, :steps].reshape(batch, -1, hop_length, filters)
    windows = jnp.pad(windows, ((0, pieces * hop_length - length), (0, 0)))
    windows = windows.reshape(pieces, hop_length, filters)
    # Every hop under every piece of the windows: no overlapping frames are written out.
    parts = jnp.einsum("bthf,phf->bptf", energies, windows, precision="highest")
    return jnp.stack([parts[:, i, i : i + frames] for i in range(pieces)]).sum(axis=0)


def mel_edges(lowest: float, highest: float, bands: int) -> np.ndarray:
    """The edges [bands + 1] in Hz of bands that are equally spaced in mel.

    Args:
      lowest: first edge in Hz.
      highest: last edge in Hz.
      bands: number of bands.
    """
    low, high = (hz_to_mel(hz, htk=True) for hz in (lowest, highest))
    return mel_to_hz(np.linspace(low, high, bands + 1), htk=True)


def sinc_taps(low: jax.Array, high: jax.Array, taps: int, *, sample_rate: float) -> jax.Array:
    """The taps [bands, taps] of band-pass filters.

    As in the authors' code, each is divided by twice its bandwidth.

    Args:
      low: [bands], lower edges in Hz.
      high: [bands], upper edges in Hz.
      taps: per filter.
      sample_rate: in Hz.
    """
    time = ((np.arange(taps) - taps // 2) / sample_rate).astype(np.float32)
    # The authors' half of a Hamming window, whose steps are slightly longer than a sample.
    steps = np.linspace(0, taps / 2 - 1, taps // 2)
    half = 0.54 - 0.46 * np.cos(2 * np.pi * steps / taps)
    window = np.concatenate([half, [1.0], half[::-1]]).astype(np.float32)

    def low_pass(hz: jax.Array) -> jax.Array:
        return 2 * hz[:, None] * jnp.sinc(2 * hz[:, None] * time)

    return (low_pass(high) - low_pass(low)) / (2 * (high - low)[:, None]) * window
