"""Signal processing on batches of clips: pure functions, float32, differentiable."""

from mgr_jax.audio.dsp.batching import map_clips, to_float
from mgr_jax.audio.dsp.cepstrum import dct_basis, delta, lifter_weights
from mgr_jax.audio.dsp.decibel import power_to_db
from mgr_jax.audio.dsp.filterbank import apply_filterbank
from mgr_jax.audio.dsp.mel import mel_filterbank, mel_frequencies
from mgr_jax.audio.dsp.pcen import pcen, spcen
from mgr_jax.audio.dsp.resample import resample
from mgr_jax.audio.dsp.stft import min_samples, num_frames, spectrogram, stft

__all__ = [
    "apply_filterbank",
    "dct_basis",
    "delta",
    "lifter_weights",
    "map_clips",
    "mel_filterbank",
    "mel_frequencies",
    "min_samples",
    "num_frames",
    "pcen",
    "power_to_db",
    "resample",
    "spcen",
    "spectrogram",
    "stft",
    "to_float",
]
