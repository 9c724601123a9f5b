"""SincNet: a learnable front end of band-pass filters."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio.dsp.fir import filter_bank
from mgr_jax.audio.dsp.mel import hz_to_mel, mel_to_hz
from mgr_jax.audio.dsp.ranges import require, require_positive
from mgr_jax.audio.frontends.bands import Bands
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Frames
from mgr_jax.errors import UserError

_LOWEST_HZ = 30.0


@dataclasses.dataclass(frozen=True)
class SincNet(Bands):
    """First layer of SincNet (Ravanelli and Bengio, arXiv 1808.00158), up to its max-pooling.

    Windowed sinc band-passes of learnt lower edge and bandwidth, absolute value, maximum. As in the
    authors' code (mravanelli/SincNet) a filter lets frequencies pass from min_low_hz + |low_hz| to
    min_band_hz + |band_hz| above that, at most half the sample rate, and is divided by twice its
    bandwidth; here that is never below min_band_hz. Layer normalisation is left to the network.

    Attributes:
      n_filters: number of filters.
      kernel_size: taps of a filter, an odd number.
      pool_length: samples of which the maximum is taken, and the hop between frames.
      min_low_hz: lowest frequency that a filter can start at, in Hz.
      min_band_hz: smallest bandwidth in Hz.
    """

    sample_rate: float = 16000
    n_filters: int = 80
    kernel_size: int = 251
    pool_length: int = 3
    min_low_hz: float = 50.0
    min_band_hz: float = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            self, "n_filters", "kernel_size", "pool_length", "min_low_hz", "min_band_hz"
        )
        require(self.kernel_size % 2 == 1, "kernel_size", self.kernel_size, "it must be odd")
        if self._highest <= _LOWEST_HZ:
            raise UserError(
                f"sincnet: min_low_hz={self.min_low_hz} and min_band_hz={self.min_band_hz} leave "
                f"no room below half of sample_rate={self.sample_rate}; lower them",
                code="audio.out_of_range",
            )

    @property
    def cut(self) -> Frames:
        """Where the frames lie."""
        return Frames(self.pool_length, center=False)

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self.kernel_size + self.pool_length - 1

    @property
    def axis(self) -> BinAxis:
        """The centre frequencies before training."""
        edges = self._initial_edges()
        offset = self.min_low_hz + self.min_band_hz / 2
        return BinAxis("Hz", (edges[:-1] + edges[1:]) / 2 + offset)

    def weights(self, param: Callable[..., jax.Array]) -> jax.Array:
        """Filters [n_filters, kernel_size]."""
        edges = self._initial_edges().astype(np.float32)
        low_hz = param("low_hz", lambda _: jnp.asarray(edges[:-1]))
        band_hz = param("band_hz", lambda _: jnp.asarray(np.diff(edges)))
        return self._sinc_taps(low_hz, band_hz)

    def __call__(self, y: jax.Array, weights: jax.Array, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, frames, n_filters], see `Bands`."""
        frames = self.cut.count(y.shape[1], self.frame_samples)

        # Responses at every sample fill several times the memory of the frames; for the gradient
        # they are computed again, which is as fast as writing them down.
        @jax.checkpoint
        def sincnet(y: jax.Array) -> jax.Array:
            response = jnp.abs(filter_bank(y, weights, left=0)[:, : frames * self.pool_length])
            response = response.reshape(y.shape[0], frames, self.pool_length, -1)
            # A reduction by XLA overlooks what is not a number, on a CPU.
            return functools.reduce(
                jnp.maximum, (response[:, :, i] for i in range(self.pool_length))
            )

        return sincnet(y)

    @property
    def _highest(self) -> float:
        return self.sample_rate / 2 - self.min_low_hz - self.min_band_hz

    def _initial_edges(self) -> np.ndarray:
        """[n_filters + 1] in Hz, equally spaced in mel."""
        lowest, highest = (hz_to_mel(hz, htk=True) for hz in (_LOWEST_HZ, self._highest))
        return mel_to_hz(np.linspace(lowest, highest, self.n_filters + 1), htk=True)

    def _sinc_taps(self, low_hz: jax.Array, band_hz: jax.Array) -> jax.Array:
        """Filters [n_filters, kernel_size]."""
        nyquist = self.sample_rate / 2
        low = jnp.minimum(self.min_low_hz + jnp.abs(low_hz), nyquist - self.min_band_hz)
        high = jnp.minimum(low + self.min_band_hz + jnp.abs(band_hz), nyquist)
        taps = self.kernel_size
        time = ((np.arange(taps) - taps // 2) / self.sample_rate).astype(np.float32)
        # The authors' half of a Hamming window, whose steps are slightly longer than a sample.
        steps = np.linspace(0, taps / 2 - 1, taps // 2)
        half = 0.54 - 0.46 * np.cos(2 * np.pi * steps / taps)
        window = np.concatenate([half, [1.0], half[::-1]]).astype(np.float32)

        def low_pass(hz: jax.Array) -> jax.Array:
            return 2 * hz[:, None] * jnp.sinc(2 * hz[:, None] * time)

        return (low_pass(high) - low_pass(low)) / (2 * (high - low)[:, None]) * window
