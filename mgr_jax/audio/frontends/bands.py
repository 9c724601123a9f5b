"""Bands: the values of each frame of a waveform, before any level or statistic."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, Layout, check_waveforms
from mgr_jax.audio.frontends.frames import Fourier, Frames, Transform
from mgr_jax.audio.frontends.level import OVER
from mgr_jax.audio.frontends.parts import FINITE, Count, Exponent, Norm, Part, Size, one_of
from mgr_jax.errors import UserError, require

_PITCH_CLASSES = BinAxis("pitch class", np.arange(12.0))
# Makes a parameter of a name, an initialiser and what that takes.
Param = Callable[..., jax.Array]


@dataclass(frozen=True)
class Bands(Part):
    """What is computed of every frame: energies, magnitudes, or responses of filters.

    Attributes:
      sample_rate: of the waveform in Hz.
      measured_over: what statistics of them can be taken over.
      framewise: whether a frame depends on nothing but its samples.
      clip_by_clip: whether a CPU is faster clip by clip.
    """

    measured_over: ClassVar[tuple[str, ...]] = OVER
    framewise: ClassVar[bool] = True
    clip_by_clip: ClassVar[bool] = True

    sample_rate: Size = 22050

    @property
    def layout(self) -> Layout:
        """The frames and bins."""
        raise NotImplementedError

    def checked(self, waveform: jax.Array) -> jax.Array:
        """The input in the form that is computed with.

        Raises:
          UserError: it has another shape or type.
        """
        return check_waveforms(waveform)

    def transform(self, param: Param) -> Transform:
        """The function that computes [batch, frames, bins] or [..., channels], with its filters."""
        raise NotImplementedError


@dataclass(frozen=True)
class Samples(Bands):
    """The waveform itself: frames are single samples, each of one bin."""

    clip_by_clip: ClassVar[bool] = False

    @property
    def layout(self) -> Layout:
        """Frames of single samples."""
        return Layout(self.sample_rate, BinAxis("amplitude", np.zeros(1)), Frames(1), 1)

    def transform(self, param: Param) -> Transform:
        """[batch, samples, 1]."""
        return lambda y, lengths: y[..., None]


@dataclass(frozen=True)
class Stored(Bands):
    """Passes stored features [batch, frames, bins(, channels)] on, as float32.

    Samples mean frames here. The dataset decides how many bins there are.

    Attributes:
      preset: the preset of `list_presets()` that the features were computed with, so that a model
        of them can be given audio; None: not known.
    """

    measured_over: ClassVar[tuple[str, ...]] = ("segment", "dataset")

    sample_rate: Size = 1.0
    preset: str | None = None

    @property
    def layout(self) -> Layout:
        """Frames as they are stored, the same in a clip as in its track."""
        return Layout(self.sample_rate, None, Frames(1, whole_track=True), 1)

    def checked(self, waveform: jax.Array) -> jax.Array:
        """The stored features as float32.

        Raises:
          UserError: they are not stored features of three or four axes.
        """
        if waveform.ndim not in (3, 4):
            raise UserError(
                f"the front end precomputed got an array of shape {waveform.shape}, but takes "
                "[batch, frames, bins] or [batch, frames, bins, channels]; use log_mel or waveform "
                "on audio",
                code="frontend.not_stored_features",
            )
        return waveform.astype(jnp.float32)

    def transform(self, param: Param) -> Transform:
        """The features as they are."""
        return lambda y, lengths: y


@dataclass(frozen=True)
class Spectrogram(Bands):
    """|librosa.stft(y)| ** power.

    Attributes:
      power: exponent of the magnitudes: 1, 2 (energies) or another.
      fourier: the spectra.
    """

    power: Exponent = 2.0
    fourier: Fourier = field(default_factory=Fourier)

    @property
    def layout(self) -> Layout:
        """The Fourier bins."""
        n_fft, frames = self.fourier.n_fft, self.fourier.frames
        bins = np.fft.rfftfreq(n_fft, 1 / self.sample_rate)
        return Layout(self.sample_rate, BinAxis("Hz", bins), frames, n_fft)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, 1 + n_fft // 2]."""
        return self.fourier.transform(lambda spectra: dsp.spectrogram(spectra, power=self.power))


@dataclass(frozen=True)
class Mel(Bands):
    """Mel bands, as `librosa.feature.melspectrogram`.

    Attributes:
      power: exponent of the magnitudes that are summed into mel bands: 1, 2, 4 or another.
      n_mels: number of bands.
      fmin: lowest frequency in Hz.
      fmax: highest frequency in Hz; None means half the sample rate.
      htk: HTK's mel scale instead of Slaney's.
      norm: "slaney" (bands of equal area) or None (of equal height).
      triangles: the axis over which bands are triangles: "hz", or "mel" as Kaldi has them.
      fourier: the spectra.
    """

    power: Exponent = 2.0
    n_mels: Count = 128
    fmin: Annotated[float, FINITE] = 0.0
    fmax: Annotated[float | None, FINITE] = None
    htk: bool = False
    norm: Annotated[str | None, one_of("slaney", None)] = "slaney"
    triangles: Annotated[str, one_of("hz", "mel")] = "hz"
    fourier: Fourier = field(default_factory=Fourier)

    @property
    def _scale(self) -> dict[str, Any]:
        fmax = self.sample_rate / 2 if self.fmax is None else self.fmax
        return {"n_mels": self.n_mels, "fmin": self.fmin, "fmax": fmax, "htk": self.htk}

    @property
    def layout(self) -> Layout:
        """The mel bands."""
        axis = BinAxis("Hz", dsp.mel_frequencies(**self._scale)[1:-1])
        return Layout(self.sample_rate, axis, self.fourier.frames, self.fourier.n_fft)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, n_mels]."""
        filters = dsp.mel_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.fourier.n_fft,
            norm=self.norm,
            triangles=self.triangles,
            **self._scale,
        )

        def mel(spectra: jax.Array) -> jax.Array:
            return dsp.apply_filterbank(dsp.spectrogram(spectra, power=self.power), filters)

        return self.fourier.transform(mel)


@dataclass(frozen=True)
class Chroma(Bands):
    """Energies of the pitch classes from C to B, as `librosa.feature.chroma_stft`.

    librosa estimates the tuning from the clip unless it is given; here it is a number.

    Attributes:
      tuning: deviation from A4 = 440 Hz in semitones.
      norm: of every frame: 1, 2 or infinity; None leaves energies.
      fourier: the spectra.
    """

    tuning: Annotated[float, FINITE] = 0.0
    norm: Norm = math.inf
    fourier: Fourier = field(default_factory=Fourier)

    @property
    def layout(self) -> Layout:
        """The pitch classes."""
        return Layout(self.sample_rate, _PITCH_CLASSES, self.fourier.frames, self.fourier.n_fft)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, 12]."""
        weights = dsp.chroma_filterbank(
            sample_rate=self.sample_rate, n_fft=self.fourier.n_fft, n_chroma=12,
            tuning=self.tuning, ctroct=5.0, octwidth=2.0, norm=2, base_c=True,
        )  # fmt: skip
        return self.fourier.transform(
            lambda spectra: dsp.fold(dsp.spectrogram(spectra, power=2.0), weights, norm=self.norm)
        )


@dataclass(frozen=True)
class CQT(Bands):
    """Constant-Q bands, by default abs(librosa.cqt(y)); see `dsp.cqt`.

    A frame is as long as the longest filter.

    Attributes:
      fmin: frequency of the first bin in Hz.
      n_bins: number of bins.
      bins_per_octave: bins per doubling of the frequency.
      tuning: shift of all bins, in bins.
      filter_scale: length of the filters; at 1 the bands of every other bin meet.
      norm: of each filter before it is scaled by the root of its length: 1, 2, infinity or None.
      window: a periodic window by its name in `scipy.signal.get_window`.
      power: exponent of the magnitudes, at least 1.
      frames: where the frames lie.
    """

    fmin: Size = dsp.C1
    n_bins: Count = 84
    bins_per_octave: Count = 12
    tuning: Annotated[float, FINITE] = 0.0
    filter_scale: Size = 1.0
    norm: Norm = 1.0
    window: str | tuple = "hann"
    power: Exponent = 1.0
    frames: Frames = field(default_factory=Frames)

    def __post_init__(self) -> None:
        super().__post_init__()
        center = self.frames.center
        require(center != "same", "center", center, "it must be True or False")

    def _settings(self, *names: str) -> dict[str, Any]:
        scale = ("fmin", "n_bins", "bins_per_octave", "tuning")
        return {name: getattr(self, name) for name in scale + names}

    @property
    def layout(self) -> Layout:
        """The bands."""
        axis = BinAxis("Hz", dsp.cqt_frequencies(**self._settings()))
        lengths = dsp.cqt_lengths(**self._settings("sample_rate", "filter_scale", "window"))
        return Layout(self.sample_rate, axis, self.frames, dsp.cqt_frame_length(lengths))

    def transform(self, param: Param) -> Transform:
        """[batch, frames, n_bins]."""
        names = ("sample_rate", "filter_scale", "window", "norm")
        filters = dsp.cqt_filterbank(**self._settings(*names))
        length, frames = self.layout.frame_samples, self.frames

        def cqt(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            y, center = frames.padded(y, length, lengths)
            spectra = dsp.cqt(
                y, filters, hop_length=frames.hop_length, center=center, pad_mode=frames.pad_mode
            )
            return dsp.spectrogram(spectra, power=self.power)

        return cqt


@dataclass(frozen=True)
class ChromaCQT(Bands):
    """Constant-Q bands as pitch classes, as `librosa.feature.chroma_cqt` with a tuning given.

    Attributes:
      chroma_norm: of every frame: 1, 2 or infinity; None leaves magnitudes.
      cqt: the bands, a multiple of 12 per octave.
    """

    chroma_norm: Norm = math.inf
    cqt: CQT = field(default_factory=lambda: CQT(n_bins=252, bins_per_octave=36))

    def __post_init__(self) -> None:
        super().__post_init__()
        count = self.cqt.bins_per_octave
        require(count % 12 == 0, "bins_per_octave", count, "use a multiple of 12")

    @property
    def layout(self) -> Layout:
        """The pitch classes."""
        of_cqt = self.cqt.layout
        return Layout(self.sample_rate, _PITCH_CLASSES, of_cqt.frames, of_cqt.frame_samples)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, 12]."""
        settings = {key: getattr(self.cqt, key) for key in ("n_bins", "bins_per_octave", "fmin")}
        weights = dsp.cq_to_chroma(**settings, n_chroma=12, base_c=True)
        cqt = self.cqt.transform(param)
        return lambda y, lengths: dsp.fold(cqt(y, lengths), weights, norm=self.chroma_norm)
