"""Signal processing on batches of clips: pure functions, float32, differentiable."""

from mgr_jax.audio.dsp.batching import apply_filterbank, map_clips, to_float
from mgr_jax.audio.dsp.chroma import chroma_filterbank, cq_to_chroma, fold, normalise_frames
from mgr_jax.audio.dsp.cqt import (
    C1,
    cqt,
    cqt_filterbank,
    cqt_frame_length,
    cqt_frequencies,
    cqt_lengths,
)
from mgr_jax.audio.dsp.fir import filter_bank, resample, strided_product
from mgr_jax.audio.dsp.level import dct_basis, delta, lifter_weights, pcen, power_to_db, spcen
from mgr_jax.audio.dsp.mel import mel_filterbank, mel_frequencies
from mgr_jax.audio.dsp.stft import PAD_MODES, get_window, min_samples, num_frames, spectrogram, stft
from mgr_jax.audio.dsp.tempogram import onset_strength, tempo_frequencies, tempogram

__all__ = [
    "C1",
    "PAD_MODES",
    "apply_filterbank",
    "chroma_filterbank",
    "cq_to_chroma",
    "cqt",
    "cqt_filterbank",
    "cqt_frame_length",
    "cqt_frequencies",
    "cqt_lengths",
    "dct_basis",
    "delta",
    "filter_bank",
    "fold",
    "get_window",
    "lifter_weights",
    "map_clips",
    "mel_filterbank",
    "mel_frequencies",
    "min_samples",
    "normalise_frames",
    "num_frames",
    "onset_strength",
    "pcen",
    "power_to_db",
    "resample",
    "spcen",
    "spectrogram",
    "stft",
    "strided_product",
    "tempo_frequencies",
    "tempogram",
    "to_float",
]
