"""Bands: from waveforms to what each frame holds, before any level or statistic."""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.ranges import require, require_positive
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Fourier, Frames
from mgr_jax.audio.frontends.standardise import OVER
from mgr_jax.errors import UserError

PITCH_CLASSES = BinAxis("pitch class", np.arange(12.0))


@dataclasses.dataclass(frozen=True)
class Bands:
    """What is computed of every frame: energies, magnitudes, or responses of filters.

    Its fields, and those of the parts it has, are arguments of `create_frontend`.

    Attributes:
      sample_rate: of the waveform in Hz.
    """

    # What statistics of the features can be taken over, whether a frame depends on nothing but its
    # samples, and whether a CPU is faster clip by clip.
    measured_over: ClassVar[tuple[str, ...]] = OVER
    framewise: ClassVar[bool] = True
    clip_by_clip: ClassVar[bool] = True

    sample_rate: float = 22050

    def __post_init__(self) -> None:
        require_positive(self, "sample_rate")

    @property
    def cut(self) -> Frames:
        """Where the frames lie."""
        raise NotImplementedError

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        raise NotImplementedError

    @property
    def lost_frames(self) -> int:
        """Frames at the ends of a clip that give no frame of features."""
        return 0

    @property
    def axis(self) -> BinAxis:
        """What the bins are."""
        raise NotImplementedError

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return len(self.axis.values)

    @property
    def num_channels(self) -> int | None:
        """Channels per bin; None where there is no such axis."""
        return None

    def checked(self, waveform: jax.Array) -> jax.Array:
        """The input as it is computed with; see `check_waveforms`."""
        return check_waveforms(waveform)

    def weights(self, param: Callable[..., jax.Array]) -> Any:
        """Filters and parameters, made once and outside the loop over clips.

        Args:
          param: makes a parameter of a name, an initialiser and its arguments.
        """
        del param

    def __call__(self, y: jax.Array, weights: Any, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples], with their context, to [batch, frames, bins] or [..., channels].

        Args:
          y: waveforms, each clip by itself; zero from where it ends.
          weights: from `weights`.
          lengths: see `Frontend`.
        """
        raise NotImplementedError


def check_waveforms(waveform: jax.Array) -> jax.Array:
    """Waveforms as floats; int16 is scaled to [-1, 1).

    Raises:
      UserError: an array of another shape or type.
    """
    is_float = jnp.issubdtype(waveform.dtype, jnp.floating)
    if waveform.ndim != 2 or not (is_float or waveform.dtype == jnp.int16):
        raise UserError(
            f"a front end got an array of shape {waveform.shape} and type {waveform.dtype}; give "
            "waveforms [batch, samples] of floats in [-1, 1] or int16 (one waveform: y[None])",
            code="audio.not_waveforms",
        )
    return waveform if is_float else dsp.to_float(waveform)


@dataclasses.dataclass(frozen=True)
class Samples(Bands):
    """The waveform itself: frames are single samples, each of one bin."""

    clip_by_clip: ClassVar[bool] = False
    cut: ClassVar[Frames] = Frames(hop_length=1)
    frame_samples: ClassVar[int] = 1
    axis: ClassVar[BinAxis] = BinAxis("amplitude", np.zeros(1))

    def __call__(self, y: jax.Array, weights: None, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, samples, 1]."""
        return y[..., None]


@dataclasses.dataclass(frozen=True)
class Stored(Bands):
    """Hands stored features [batch, frames, bins(, channels)] on, as float32.

    What counts as samples elsewhere are frames here. How many bins there are, the dataset decides.

    Attributes:
      preset: the preset of `list_presets()` that the features were computed with, so that a model
        of them can be given audio; None: not known.
    """

    measured_over: ClassVar[tuple[str, ...]] = ("segment", "dataset")
    cut: ClassVar[Frames] = Frames(hop_length=1, whole_track=True)
    frame_samples: ClassVar[int] = 1

    sample_rate: float = 1.0
    preset: str | None = None

    def checked(self, waveform: jax.Array) -> jax.Array:
        """Stored features as float32.

        Raises:
          UserError: an array of another shape.
        """
        if waveform.ndim not in (3, 4):
            raise UserError(
                f"the front end precomputed got an array of shape {waveform.shape}, but takes "
                "[batch, frames, bins] or [batch, frames, bins, channels]; use log_mel or waveform "
                "on audio",
                code="frontend.not_stored_features",
            )
        return waveform.astype(jnp.float32)

    def __call__(self, y: jax.Array, weights: None, lengths: jax.Array | None) -> jax.Array:
        """[batch, frames, bins(, channels)] as they are."""
        return y


@dataclasses.dataclass(frozen=True)
class OfSpectra(Bands):
    """What is computed of Fourier spectra, frame by frame.

    Attributes:
      fourier: the spectra.
    """

    fourier: Fourier = field(default_factory=Fourier)

    @property
    def cut(self) -> Frames:
        """Where the frames lie."""
        return self.fourier.frames

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self.fourier.n_fft

    def __call__(self, y: jax.Array, weights: Any, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, frames, bins], see `Bands`."""
        return self.fourier(y, lengths, lambda spectra: self.of_spectra(spectra, weights))

    def of_spectra(self, spectra: jax.Array, weights: Any) -> jax.Array:
        """[batch, frames, 1 + n_fft // 2] complex to [batch, frames, bins]."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Spectrogram(OfSpectra):
    """|librosa.stft(y)| ** power.

    Attributes:
      power: exponent of the magnitudes: 1, 2 (energies) or another.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.power >= 1, "power", self.power, "use 1 or more")  # roots have no slope at 0

    @property
    def axis(self) -> BinAxis:
        """Frequencies of the Fourier bins."""
        return BinAxis("Hz", np.fft.rfftfreq(self.fourier.n_fft, 1 / self.sample_rate))

    def of_spectra(self, spectra: jax.Array, weights: None) -> jax.Array:
        """[batch, frames, 1 + n_fft // 2] complex to float32."""
        return dsp.spectrogram(spectra, power=self.power)


@dataclasses.dataclass(frozen=True)
class Mel(OfSpectra):
    """Mel bands, as `librosa.feature.melspectrogram`.

    Attributes:
      power: exponent of the magnitudes that are summed into mel bands: 1, 2, 4 or another.
      n_mels: number of bands.
      fmin: lowest frequency in Hz.
      fmax: highest frequency in Hz; None means half the sample rate.
      htk: HTK's mel scale instead of Slaney's.
      norm: "slaney" (bands of equal area) or None (of equal height).
    """

    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | None = "slaney"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "n_mels")
        require(self.power >= 1, "power", self.power, "use 1 or more")

    @property
    def _scale(self) -> dict[str, Any]:
        fmax = self.sample_rate / 2 if self.fmax is None else self.fmax
        return {"n_mels": self.n_mels, "fmin": self.fmin, "fmax": fmax, "htk": self.htk}

    @property
    def axis(self) -> BinAxis:
        """Centres of the bands."""
        return BinAxis("Hz", dsp.mel_frequencies(**self._scale)[1:-1])

    def weights(self, param: Callable[..., jax.Array]) -> np.ndarray:
        """Filters [n_mels, 1 + n_fft // 2]."""
        return dsp.mel_filterbank(
            sample_rate=self.sample_rate, n_fft=self.fourier.n_fft, norm=self.norm, **self._scale
        )

    def of_spectra(self, spectra: jax.Array, weights: np.ndarray) -> jax.Array:
        """[batch, frames, 1 + n_fft // 2] complex to [batch, frames, n_mels]."""
        return dsp.apply_filterbank(dsp.spectrogram(spectra, power=self.power), weights)


@dataclasses.dataclass(frozen=True)
class Chroma(OfSpectra):
    """Energies of the pitch classes from C to B, as `librosa.feature.chroma_stft`.

    librosa estimates the tuning from the clip unless it is given; here it is a number.

    Attributes:
      tuning: deviation from A4 = 440 Hz in semitones.
      norm: of every frame: 1, 2 or infinity; None leaves energies.
    """

    axis: ClassVar[BinAxis] = PITCH_CLASSES

    tuning: float = 0.0
    norm: float | None = math.inf

    def weights(self, param: Callable[..., jax.Array]) -> np.ndarray:
        """Weights of the Fourier bins [12, 1 + n_fft // 2]."""
        return dsp.chroma_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.fourier.n_fft,
            n_chroma=self.num_bins,
            tuning=self.tuning,
            ctroct=5.0,
            octwidth=2.0,
            norm=2,
            base_c=True,
        )

    def of_spectra(self, spectra: jax.Array, weights: np.ndarray) -> jax.Array:
        """[batch, frames, 1 + n_fft // 2] complex to [batch, frames, 12]."""
        return dsp.fold(dsp.spectrogram(spectra, power=2.0), weights, norm=self.norm)
