"""Signal processing on batches of clips: pure functions, float32, differentiable."""

from mgr_jax.audio.dsp.batching import map_clips
from mgr_jax.audio.dsp.decibel import power_to_db
from mgr_jax.audio.dsp.mel import mel_filterbank
from mgr_jax.audio.dsp.stft import min_samples, num_frames, spectrogram, stft

__all__ = [
    "map_clips",
    "mel_filterbank",
    "min_samples",
    "num_frames",
    "power_to_db",
    "spectrogram",
    "stft",
]
