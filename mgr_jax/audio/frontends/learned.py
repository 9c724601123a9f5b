"""Bands with learnable filters: LEAF, SincNet and harmonic filters."""

import functools
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp import learned
from mgr_jax.audio.frontends.bands import Bands, Param
from mgr_jax.audio.frontends.base import BinAxis, Layout
from mgr_jax.audio.frontends.frames import Fourier, Frames, Transform
from mgr_jax.audio.frontends.parts import Count, Range, Size
from mgr_jax.errors import UserError, require

_SMALLEST_ENERGY = 1e-5
_FLOOR = 1e-12
_LOWEST_HZ = 30.0
_LOWEST_NOTE = 24  # MIDI number of C1


@dataclass(frozen=True)
class Leaf(Bands):
    """LEAF, as in google-research/leaf-audio (Zeghidour et al., arXiv 2101.08596).

    Complex Gabor filters at every sample, squared modulus, a Gaussian low-pass of learnt width at
    every hop, and PCEN with learnt settings: 7 parameters per filter. Centres and widths start
    from mel filters. Clips are padded with zeros as by TensorFlow's "SAME". For the limits of what
    is learnt see `mgr_jax.audio.dsp.learned` and `mgr_jax.audio.dsp.spcen`.

    Attributes:
      n_filters: number of filters.
      win_length: taps of the filters and of the low-pass; published are 25 ms and one sample.
      hop_length: samples between frames; published are 10 ms.
      n_fft: of the mel filters that the Gabor filters start from.
      fmin: lower edge of the first of those in Hz.
      fmax: upper edge of the last of those in Hz.
    """

    framewise: ClassVar[bool] = False

    sample_rate: Size = 16000
    n_filters: Count = 40
    win_length: Annotated[int, Range(lambda value: value >= 4, "use 4 or more")] = 401
    hop_length: Count = 160
    n_fft: Count = 512
    fmin: float = 60.0
    fmax: float = 7800.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.fmin < self.fmax <= self.sample_rate / 2:
            raise UserError(
                f"fmin={self.fmin} and fmax={self.fmax} do not fit sample_rate="
                f"{self.sample_rate}; they must satisfy 0 <= fmin < fmax <= sample_rate / 2",
                code="argument.out_of_range",
            )

    def _first_filters(self) -> tuple[np.ndarray, np.ndarray]:
        names = ("sample_rate", "n_filters", "n_fft", "fmin", "fmax")
        return learned.gabor_like_mel(**{name: getattr(self, name) for name in names})

    @property
    def layout(self) -> Layout:
        """The filters before training. PCEN's average does not count as samples of a frame."""
        axis = BinAxis("Hz", self._first_filters()[0] * self.sample_rate / (2 * np.pi))
        frames = Frames(self.hop_length, center="same")
        return Layout(self.sample_rate, axis, frames, 2 * self.win_length - 1)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, n_filters]."""
        center, width = (
            param(name, lambda _, value=value: jnp.asarray(value.astype(np.float32)))
            for name, value in zip(("center", "width"), self._first_filters(), strict=True)
        )
        pooling, smoothing, alpha, delta, root = (
            param(name, nn.initializers.constant(value), (self.n_filters,))
            for name, value in (
                ("pooling_width", 0.4), ("smoothing", 0.04), ("alpha", 0.96), ("delta", 2.0),
                ("root", 2.0),
            )
        )  # fmt: skip
        taps = learned.gabor_taps(center, width, self.win_length)
        windows = learned.gaussian_windows(pooling, self.win_length)

        # Responses at every sample fill hundreds of times the memory of the frames; for the
        # gradient they are computed again, which is as fast as writing them down.
        @jax.checkpoint
        def leaf(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            parts = dsp.filter_bank(y, taps, left=(self.win_length - 1) // 2)
            energies = jnp.square(parts).reshape(*y.shape, 2, -1).sum(axis=2)
            pooled = learned.pool(energies, windows, hop_length=self.hop_length, lengths=lengths)
            return dsp.spcen(
                jnp.maximum(pooled, _SMALLEST_ENERGY),
                smoothing=smoothing, alpha=alpha, delta=delta, root=root, floor=_FLOOR,
            )  # fmt: skip

        return leaf


@dataclass(frozen=True)
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

    sample_rate: Size = 16000
    n_filters: Count = 80
    kernel_size: Annotated[int, Range(lambda x: x > 0 and x % 2 == 1, "use an odd number")] = 251
    pool_length: Count = 3
    min_low_hz: Size = 50.0
    min_band_hz: Size = 50.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self._highest_hz <= _LOWEST_HZ:
            raise UserError(
                f"min_low_hz={self.min_low_hz} and min_band_hz={self.min_band_hz} leave "
                f"no room below half of sample_rate={self.sample_rate}; lower them",
                code="argument.out_of_range",
            )

    @property
    def _highest_hz(self) -> float:
        return self.sample_rate / 2 - self.min_low_hz - self.min_band_hz

    def _first_edges(self) -> np.ndarray:
        return learned.mel_edges(_LOWEST_HZ, self._highest_hz, self.n_filters)

    @property
    def layout(self) -> Layout:
        """The filters before training."""
        edges, offset = self._first_edges(), self.min_low_hz + self.min_band_hz / 2
        axis = BinAxis("Hz", (edges[:-1] + edges[1:]) / 2 + offset)
        frames, length = Frames(self.pool_length, center=False), self.kernel_size
        return Layout(self.sample_rate, axis, frames, length + self.pool_length - 1)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, n_filters]."""
        edges = self._first_edges().astype(np.float32)
        low_hz = param("low_hz", lambda _: jnp.asarray(edges[:-1]))
        band_hz = param("band_hz", lambda _: jnp.asarray(np.diff(edges)))
        nyquist, pool = self.sample_rate / 2, self.pool_length
        low = jnp.minimum(self.min_low_hz + jnp.abs(low_hz), nyquist - self.min_band_hz)
        high = jnp.minimum(low + self.min_band_hz + jnp.abs(band_hz), nyquist)
        taps = learned.sinc_taps(low, high, self.kernel_size, sample_rate=self.sample_rate)

        # Responses at every sample fill several times the memory of the frames; for the gradient
        # they are computed again, which is as fast as writing them down.
        @jax.checkpoint
        def sincnet(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            frames = (y.shape[1] - self.kernel_size + 1) // pool
            response = jnp.abs(dsp.filter_bank(y, taps, left=0)[:, : frames * pool])
            response = response.reshape(y.shape[0], frames, pool, -1)
            # A reduction by XLA overlooks what is not a number, on a CPU.
            return functools.reduce(jnp.maximum, (response[:, :, i] for i in range(pool)))

        return sincnet


@dataclass(frozen=True)
class Harmonic(Bands):
    """Data-driven harmonic filters (Won et al. 2020), by default as in the authors' released code.

    Triangles over the power spectrum at the first harmonics of a scale of fundamentals, stacked as
    channels. Bandwidths are (0.1079 f + 24.7) / Q Hz with one learnt Q. As in the original, a
    filter between two bins of the spectrum is empty and gives the level of silence. Statistics of a
    track or a dataset are not possible, because the filters change during training.

    Attributes:
      n_harmonic: number of harmonics, the channels.
      semitone_scale: fundamentals per semitone, from C1 up to where the last harmonic reaches half
        the sample rate.
      fourier: the spectra.
    """

    measured_over: ClassVar[tuple[str, ...]] = ("segment", "batch")

    sample_rate: Size = 16000
    n_harmonic: Count = 6
    semitone_scale: Count = 2
    fourier: Fourier = field(
        default_factory=lambda: Fourier(512, frames=Frames(256, pad_mode="reflect"))
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        expected = f"so many harmonics of C1 do not fit sample_rate={self.sample_rate}; use fewer"
        require(len(self._fundamentals) > 0, "n_harmonic", self.n_harmonic, expected)

    @property
    def _fundamentals(self) -> np.ndarray:
        highest = 69 + 12 * np.log2(self.sample_rate / (2 * self.n_harmonic) / 440)
        count = int(np.round(highest) - _LOWEST_NOTE) * self.semitone_scale
        notes = _LOWEST_NOTE + np.arange(count) / self.semitone_scale
        return 440.0 * 2.0 ** ((notes - 69) / 12)

    @property
    def layout(self) -> Layout:
        """The fundamentals, and their harmonics as channels."""
        axis = BinAxis("Hz", self._fundamentals)
        fourier = self.fourier
        return Layout(self.sample_rate, axis, fourier.frames, fourier.n_fft, self.n_harmonic)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, fundamentals, n_harmonic]."""
        Q = param("Q", nn.initializers.ones, ())  # noqa: N806
        centers = np.outer(self._fundamentals, np.arange(1, self.n_harmonic + 1)).ravel()
        bins = np.fft.rfftfreq(self.fourier.n_fft, 1 / self.sample_rate)[:, None]
        # In half bandwidths at Q = 1.
        distance = np.abs(bins - centers) / (0.5 * (0.1079 * centers + 24.7))
        triangles = jnp.maximum(0.0, 1.0 - jnp.abs(Q) * distance.astype(np.float32))

        def bands(spectra: jax.Array) -> jax.Array:
            # At default precision accelerators round the factors, which costs several dB.
            return jnp.matmul(dsp.spectrogram(spectra, power=2), triangles, precision="highest")

        transform = self.fourier.transform(bands)

        def by_harmonic(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            energies = transform(y, lengths)
            return energies.reshape(*energies.shape[:2], -1, self.n_harmonic)

        return by_harmonic
