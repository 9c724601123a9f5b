"""Windowed sinc band-passes, those of SincNet.

Source: Ravanelli and Bengio, arXiv 1808.00158, and mravanelli/SincNet.
"""

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio.dsp.mel import hz_to_mel, mel_to_hz


def mel_edges(lowest: float, highest: float, bands: int) -> np.ndarray:
    """Edges [bands + 1] in Hz of bands from lowest to highest, equally spaced in mel."""
    low, high = (hz_to_mel(hz, htk=True) for hz in (lowest, highest))
    return mel_to_hz(np.linspace(low, high, bands + 1), htk=True)


def sinc_taps(low: jax.Array, high: jax.Array, taps: int, *, sample_rate: float) -> jax.Array:
    """Filters [bands, taps] that let [bands] frequencies from low to high in Hz pass.

    As the authors do, each is divided by twice its bandwidth.
    """
    time = ((np.arange(taps) - taps // 2) / sample_rate).astype(np.float32)
    # The authors' half of a Hamming window, whose steps are slightly longer than a sample.
    steps = np.linspace(0, taps / 2 - 1, taps // 2)
    half = 0.54 - 0.46 * np.cos(2 * np.pi * steps / taps)
    window = np.concatenate([half, [1.0], half[::-1]]).astype(np.float32)

    def low_pass(hz: jax.Array) -> jax.Array:
        return 2 * hz[:, None] * jnp.sinc(2 * hz[:, None] * time)

    return (low_pass(high) - low_pass(low)) / (2 * (high - low)[:, None]) * window
