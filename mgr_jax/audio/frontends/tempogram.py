"""Tempograms: periods of the onsets, over time."""

import math
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.bands import Bands, Mel, Param
from mgr_jax.audio.frontends.base import BinAxis, Layout
from mgr_jax.audio.frontends.frames import Fourier, Frames, Transform
from mgr_jax.audio.frontends.level import Level
from mgr_jax.audio.frontends.parts import Count, Norm
from mgr_jax.audio.frontends.pipeline import Pipeline


@dataclass(frozen=True)
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

    n_fft: Count = 2048
    hop_length: Count = 512
    n_mels: Count = 128
    win_length: Count = 384
    window: str | tuple = "hann"
    center: bool = True
    norm: Norm = math.inf

    @property
    def layout(self) -> Layout:
        """Tempi of the lags; the first, a lag of 0, is at an infinite tempo."""
        hop, lags = self.hop_length, self.win_length
        tempi = dsp.tempo_frequencies(lags, sample_rate=self.sample_rate, hop_length=hop)
        lost = 0 if self.center else lags - 1
        axis = BinAxis("BPM", tempi)
        return Layout(self.sample_rate, axis, Frames(hop), self.n_fft, lost=lost)

    def transform(self, param: Param) -> Transform:
        """[batch, frames, win_length]."""
        frames = Frames(self.hop_length)
        fourier = Fourier(self.n_fft, frames=frames)
        mel = Mel(self.sample_rate, n_mels=self.n_mels, fourier=fourier)
        log_mel = Pipeline(bands=mel, level=Level(), parent=None)

        def tempogram(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            levels = jnp.asarray(log_mel.apply({}, y, None, lengths))
            return dsp.tempogram(
                dsp.onset_strength(levels, n_fft=self.n_fft, hop_length=self.hop_length),
                win_length=self.win_length,
                window=self.window,
                center=self.center,
                norm=self.norm,
                frames=None if lengths is None else frames.count(lengths, self.n_fft),
            )

        return tempogram
