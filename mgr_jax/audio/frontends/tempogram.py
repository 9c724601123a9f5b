"""Tempograms: periods of the onsets, over time."""

import dataclasses
import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from mgr_jax.audio import dsp
from mgr_jax.audio.dsp.ranges import require_positive
from mgr_jax.audio.frontends.bands import Bands, Mel
from mgr_jax.audio.frontends.base import BinAxis
from mgr_jax.audio.frontends.frames import Fourier, Frames
from mgr_jax.audio.frontends.level import Level
from mgr_jax.audio.frontends.pipeline import Pipeline


@dataclasses.dataclass(frozen=True)
class Tempogram(Bands):
    """Local autocorrelation of the onset strength, as `librosa.feature.tempogram(y)`.

    Onsets are rises of the mel levels of librosa's defaults, in dB down to 80 below the clip's
    maximum. Where nothing rises, the frame is 0.

    Attributes:
      n_fft: samples per Fourier frame; lags beyond the clip count as no onset.
      hop_length: samples between frames.
      n_mels: number of mel bands.
      win_length: frames that are correlated with each other, and number of lags; librosa's 384
        last 8.9 s.
      window: a periodic window by its name in `scipy.signal.get_window`, over these frames.
      center: continue the onset strength beyond the clip; otherwise there are win_length - 1 fewer
        frames.
      norm: of every frame over its lags: 1, 2 or infinity; None leaves correlations.
    """

    framewise: ClassVar[bool] = False

    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    win_length: int = 384
    window: str | tuple = "hann"
    center: bool = True
    norm: float | None = math.inf

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(self, "n_fft", "hop_length", "n_mels", "win_length")

    @property
    def cut(self) -> Frames:
        """Where the Fourier frames lie."""
        return Frames(self.hop_length)

    @property
    def lost_frames(self) -> int:
        """Fourier frames that are no frames."""
        return 0 if self.center else self.win_length - 1

    @property
    def frame_samples(self) -> int:
        """Samples of a Fourier frame."""
        return self.n_fft

    @property
    def axis(self) -> BinAxis:
        """Tempi of the lags; the first, a lag of 0, is at an infinite tempo."""
        tempi = dsp.tempo_frequencies(
            self.win_length, sample_rate=self.sample_rate, hop_length=self.hop_length
        )
        return BinAxis("BPM", tempi)

    def __call__(self, y: jax.Array, weights: None, lengths: jax.Array | None) -> jax.Array:
        """[batch, samples] to [batch, frames, win_length], see `Bands`."""
        mel = Mel(self.sample_rate, Fourier(self.n_fft, frames=self.cut), n_mels=self.n_mels)
        log_mel = Pipeline(bands=mel, level=Level(), parent=None)
        levels = jnp.asarray(log_mel.apply({}, y, None, lengths))
        return dsp.tempogram(
            dsp.onset_strength(levels, n_fft=self.n_fft, hop_length=self.hop_length),
            win_length=self.win_length,
            window=self.window,
            center=self.center,
            norm=self.norm,
            frames=None if lengths is None else self.cut.count(lengths, self.n_fft),
        )
