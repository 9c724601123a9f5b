"""Tempograms: periods of the onsets, over time."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import BinAxis, require_positive
from mgr_jax.audio.frontends.log_mel import LogMel
from mgr_jax.audio.frontends.standardise import Standardised


class Tempogram(Standardised):
    """Local autocorrelation of the onset strength, as `librosa.feature.tempogram(y)`.

    Onsets are rises of the mel levels of librosa's defaults, in dB down to 80 below the clip's
    maximum. Where nothing rises, the frame is 0.

    The attributes are also those of `Standardised`.

    Attributes:
      n_fft: samples per Fourier frame.
      hop_length: samples between frames.
      n_mels: number of mel bands.
      win_length: frames that are correlated with each other, and number of lags; librosa's 384
        last 8.9 s.
      window: a periodic window by its name in `scipy.signal.get_window`, over these frames.
      center: continue the onset strength beyond the clip; otherwise there are win_length - 1 fewer
        frames.
      norm: of every frame over its lags: 1, 2 or infinity; None leaves correlations.
    """

    registered: ClassVar[str] = "tempogram"

    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    win_length: int = 384
    window: str | tuple = "hann"
    center: bool = True
    norm: float | None = math.inf

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "n_fft", "hop_length", "n_mels", "win_length")

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.win_length

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are; the first, a lag of 0, is at an infinite tempo."""
        tempi = dsp.tempo_frequencies(
            self.win_length, sample_rate=self.sample_rate, hop_length=self.hop_length
        )
        return BinAxis("BPM", tempi)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def frame_samples(self) -> int:
        """Samples of a Fourier frame; lags beyond the clip count as no onset."""
        return self.n_fft

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        if self.center:
            return 1
        return max(1, (self.win_length - 1) * self.hop_length + self.n_fft % 2)

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples."""
        frames = dsp.num_frames(samples, n_fft=self.n_fft, hop_length=self.hop_length, center=True)
        return frames if self.center else max(0, frames - self.win_length + 1)

    def _energies(self, y: jax.Array, weights: None) -> jax.Array:
        log_mel = LogMel(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.n_mels,
            parent=None,
        )
        levels = jnp.asarray(log_mel.apply({}, y))
        return dsp.tempogram(
            dsp.onset_strength(levels, n_fft=self.n_fft, hop_length=self.hop_length),
            win_length=self.win_length,
            window=self.window,
            center=self.center,
            norm=self.norm,
        )
