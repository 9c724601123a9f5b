"""LEAF: a learnable front end of Gabor filters."""

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio.dsp.fir import filter_bank
from mgr_jax.audio.dsp.mel import hz_to_mel
from mgr_jax.audio.dsp.pcen import spcen
from mgr_jax.audio.dsp.ranges import require, require_positive
from mgr_jax.audio.frontends.bands import Bands
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Frames
from mgr_jax.errors import UserError

_SMALLEST_ENERGY = 1e-5
_FLOOR = 1e-12
# Width at half maximum of a Gaussian over its standard deviation, halved.
_HALF_WIDTH = math.sqrt(2 * math.log(2))


class _Weights(NamedTuple):
    taps: jax.Array
    windows: jax.Array
    pcen: dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class Leaf(Bands):
    """LEAF, as in google-research/leaf-audio (Zeghidour et al., arXiv 2101.08596).

    Complex Gabor filters at every sample, squared modulus, a Gaussian low-pass of learnt width at
    every hop, and PCEN with learnt settings: 7 parameters per filter. Centres and widths start
    from mel filters. Clips are padded with zeros as by TensorFlow's "SAME".

    Learnt centres count as at least 0 and at most half the sample rate, bandwidths as at least
    sample_rate / win_length and at most sample_rate / 4, widths of the low-pass as at least
    2 / win_length and at most 0.5; for PCEN see `mgr_jax.audio.dsp.pcen.spcen`.

    Attributes:
      n_filters: number of filters.
      win_length: taps of the filters and of the low-pass; published are 25 ms and one sample.
      hop_length: samples between frames; published are 10 ms.
      n_fft: of the mel filters that the Gabor filters start from.
      fmin: lower edge of the first of those in Hz.
      fmax: upper edge of the last of those in Hz.
    """

    framewise: ClassVar[bool] = False

    sample_rate: float = 16000
    n_filters: int = 40
    win_length: int = 401
    hop_length: int = 160
    n_fft: int = 512
    fmin: float = 60.0
    fmax: float = 7800.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "n_filters", "hop_length", "n_fft")
        require(self.win_length >= 4, "win_length", self.win_length, "use 4 or more")
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise UserError(
                f"leaf: fmin={self.fmin} and fmax={self.fmax} do not fit sample_rate="
                f"{self.sample_rate}; they must satisfy 0 <= fmin < fmax <= sample_rate / 2",
                code="audio.out_of_range",
            )

    @property
    def cut(self) -> Frames:
        """Where the frames lie."""
        return Frames(self.hop_length, center="same")

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from, those that PCEN averages not counted."""
        return 2 * self.win_length - 1

    @property
    def axis(self) -> BinAxis:
        """The centre frequencies before training."""
        return BinAxis("Hz", self._initial_filters()[0] * self.sample_rate / (2 * np.pi))

    def weights(self, param: Callable[..., jax.Array]) -> _Weights:
        """Taps [2 * n_filters, win_length], windows [win_length, n_filters], settings of PCEN."""
        centers, widths = (x.astype(np.float32) for x in self._initial_filters())
        center = param("center", lambda _: jnp.asarray(centers))
        width = param("width", lambda _: jnp.asarray(widths))
        pooling, *pcen = (
            param(name, nn.initializers.constant(value), (self.n_filters,))
            for name, value in (
                ("pooling_width", 0.4), ("smoothing", 0.04), ("alpha", 0.96), ("delta", 2.0),
                ("root", 2.0),
            )
        )  # fmt: skip
        names = ("smoothing", "alpha", "delta", "root")
        return _Weights(
            self._gabor_taps(center, width),
            self._pooling_windows(pooling),
            dict(zip(names, pcen, strict=True)),
        )

    def __call__(self, y: jax.Array, weights: _Weights, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, frames, n_filters], see `Bands`."""

        # Responses at every sample fill hundreds of times the memory of the frames; for the
        # gradient they are computed again, which is as fast as writing them down.
        @jax.checkpoint
        def leaf(y: jax.Array) -> jax.Array:
            parts = filter_bank(y, weights.taps, left=(self.win_length - 1) // 2)
            energies = jnp.square(parts).reshape(*y.shape, 2, -1).sum(axis=2)
            pooled = self._pool(energies, weights.windows, lengths)
            return spcen(jnp.maximum(pooled, _SMALLEST_ENERGY), **weights.pcen, floor=_FLOOR)

        return leaf(y)

    def _initial_filters(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres in radians per sample and standard deviations in samples, [n_filters] each."""
        corners = np.linspace(
            hz_to_mel(self.fmin, htk=True), hz_to_mel(self.fmax, htk=True), self.n_filters + 2
        )
        lower, center, upper = (corners[i : i + self.n_filters, None] for i in range(3))
        # Triangles over mel, as TensorFlow's; librosa's are triangles over Hz.
        bins = hz_to_mel(np.fft.rfftfreq(self.n_fft, 1 / self.sample_rate), htk=True)
        mel = np.minimum((bins - lower) / (center - lower), (upper - bins) / (upper - center))
        mel = np.sqrt(np.maximum(mel, 0.0))
        mel[:, 0] = 0.0
        peak = mel.max(axis=1, keepdims=True)
        expected = (
            f"{self.n_filters} mel filters from {self.fmin} to {self.fmax} Hz are too narrow for "
            "it; use fewer n_filters or a larger n_fft"
        )
        require(bool(peak.all()), "n_fft", self.n_fft, expected)
        bandwidth = 2 * np.pi / self.n_fft * (mel >= peak / 2).sum(axis=1)
        return 2 * np.pi / self.n_fft * mel.argmax(axis=1), 2 * _HALF_WIDTH / bandwidth

    def _gabor_taps(self, center: jax.Array, width: jax.Array) -> jax.Array:
        """Real parts, then imaginary parts, [2 * n_filters, win_length]."""
        center = jnp.clip(center, 0.0, math.pi)[:, None]
        limits = (4 * _HALF_WIDTH / math.pi, self.win_length * _HALF_WIDTH / math.pi)
        width = jnp.clip(width, *limits)[:, None]
        time = np.arange(self.win_length, dtype=np.float32) - self.win_length // 2
        envelope = jnp.exp(-0.5 * jnp.square(time / width)) / (math.sqrt(2 * math.pi) * width)
        return jnp.concatenate([envelope * wave(center * time) for wave in (jnp.cos, jnp.sin)])

    def _pooling_windows(self, width: jax.Array) -> jax.Array:
        """Gaussians [win_length, n_filters]; widths are fractions of half a window."""
        half = 0.5 * (self.win_length - 1)
        time = (np.arange(self.win_length, dtype=np.float32) - half)[:, None]
        return jnp.exp(-0.5 * jnp.square(time / (jnp.clip(width, 2 / self.win_length, 0.5) * half)))

    def _pool(
        self, energies: jax.Array, windows: jax.Array, lengths: jax.Array | None
    ) -> jax.Array:
        """Energies [batch, samples, n_filters] under the windows, at every hop."""
        hop, samples = self.hop_length, energies.shape[1]
        frames, pieces = self.cut.count(samples, 0), -(-self.win_length // hop)
        steps = (frames + pieces - 1) * hop
        left = max(0, (frames - 1) * hop + self.win_length - samples) // 2
        if lengths is not None:
            # Filters ring after a clip's end, and its windows lie where its own padding puts them.
            heard = jnp.arange(samples) < lengths[:, None]
            energies = jnp.where(heard[..., None], energies, 0.0)
            reach = (self.cut.count(lengths, 0) - 1) * hop + self.win_length
            shift = jnp.maximum(0, reach - lengths) // 2 - left
            energies = jnp.pad(energies, ((0, 0), (0, self.win_length), (0, 0)))
            # `left` zeros and `win_length` zeros, whichever a shift moves round.
        right = steps - left - energies.shape[1]
        energies = jnp.pad(energies, ((0, 0), (left, max(0, right)), (0, 0)))
        if lengths is not None:
            energies = jax.vmap(lambda e, by: jnp.roll(e, by, axis=0))(energies, shift)
        energies = energies[:, :steps].reshape(len(energies), -1, hop, self.n_filters)
        windows = jnp.pad(windows, ((0, pieces * hop - self.win_length), (0, 0)))
        windows = windows.reshape(pieces, hop, self.n_filters)
        # Every hop under every piece of the windows: no overlapping frames are written out.
        parts = jnp.einsum("bthf,phf->bptf", energies, windows, precision="highest")
        return jnp.stack([parts[:, i, i : i + frames] for i in range(pieces)]).sum(axis=0)
