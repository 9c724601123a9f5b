"""Mel spectrogram in decibel."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.errors import UserError


class LogMel(nn.Module):
    """Mel spectrogram in dB, as librosa's `power_to_db(melspectrogram(y))` of each clip by itself.

    Within 80 dB of a frame's strongest bin the levels agree to 0.005 dB. Bins more than some 120 dB
    below it are the rounding of a float32 transform: those are kept by `top_db=None`, and by
    `power=1`, where 80 dB are 160 dB of power.

    Attributes:
      sample_rate: of the waveform in Hz.
      n_fft: samples per Fourier frame.
      hop_length: samples between frames.
      win_length: samples under the window; None means n_fft.
      window: a periodic window by its name in `scipy.signal.get_window`.
      center: pad by n_fft // 2 on both sides, so that frame t is centred on sample t * hop_length.
      pad_mode: "constant" (zeros) or "reflect".
      power: exponent of the magnitudes that are summed into mel bands.
      n_mels: number of bands.
      fmin: lowest frequency in Hz.
      fmax: highest frequency in Hz; None means half the sample rate.
      htk: HTK's mel scale instead of Slaney's.
      norm: "slaney" (bands of equal area) or None (of equal height).
      ref: power at 0 dB, or "max" for the maximum over `normalise_over`.
      amin: smallest power told apart from silence.
      top_db: dynamic range below the maximum over `normalise_over`; None keeps everything.
      normalise_over: "segment", the clip as it comes.
    """

    sample_rate: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    win_length: int | None = None
    window: str | tuple = "hann"
    center: bool = True
    pad_mode: str = "constant"
    power: float = 2.0
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    htk: bool = False
    norm: str | None = "slaney"
    ref: float | str = 1.0
    amin: float = 1e-10
    top_db: float | None = 80.0
    normalise_over: str = "segment"

    def __post_init__(self):
        for field in ("sample_rate", "n_fft", "hop_length", "n_mels"):
            if getattr(self, field) < 1:
                raise UserError(f"log_mel: {field} is {getattr(self, field)}; use 1 or more")
        if self.normalise_over != "segment":
            raise UserError(
                f"log_mel cannot use normalise_over={self.normalise_over!r}; the only choice is "
                "'segment'"
            )
        super().__post_init__()

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.n_mels

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self.n_fft

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return dsp.min_samples(n_fft=self.n_fft, center=self.center, pad_mode=self.pad_mode)

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples."""
        return dsp.num_frames(
            samples, n_fft=self.n_fft, hop_length=self.hop_length, center=self.center
        )

    def __call__(self, waveform: jax.Array) -> jax.Array:
        """Waveforms [batch, samples] float32 to levels in dB [batch, frames, n_mels] float32.

        Raises:
          UserError: the clips are too short, or a setting is out of range.
        """
        filters = dsp.mel_filterbank(
            sample_rate=self.sample_rate,
            n_fft=self.n_fft,
            n_mels=self.n_mels,
            fmin=self.fmin,
            fmax=self.sample_rate / 2 if self.fmax is None else self.fmax,
            htk=self.htk,
            norm=self.norm,
        )

        def log_mel(y: jax.Array) -> jax.Array:
            spectra = dsp.stft(
                y,
                n_fft=self.n_fft,
                hop_length=self.hop_length,
                win_length=self.win_length,
                window=self.window,
                center=self.center,
                pad_mode=self.pad_mode,
            )
            S = dsp.spectrogram(spectra, power=self.power)  # noqa: N806
            # At default precision accelerators round the factors, which costs several dB.
            mel = jnp.matmul(S, filters.T, precision="highest")
            return dsp.power_to_db(mel, ref=self.ref, amin=self.amin, top_db=self.top_db)

        return dsp.map_clips(log_mel, waveform)
