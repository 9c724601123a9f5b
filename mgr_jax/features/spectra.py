"""The librosa descriptors of both published tables, with their settings.

Every argument is written out. Both tables come from a librosa before 0.9, which reflected the
waveform at its ends, where librosa now pads with zeros.
"""

import warnings
from typing import Literal

import librosa
import numpy as np

from mgr_jax.errors import UserError

N_FFT, HOP_LENGTH = 2048, 512


def check_waveform(waveform: np.ndarray) -> None:
    """Checks that a waveform [samples] is long enough for one frame.

    Raises:
      ValueError: it is not one-dimensional.
      UserError: it holds fewer than 2,048 samples.
    """
    if waveform.ndim != 1:
        raise ValueError(f"the waveform has shape {waveform.shape}; expected [samples]")
    if len(waveform) < N_FFT:
        raise UserError(
            f"a clip of {len(waveform)} samples is too short for the features of a table; "
            f"leave it out or give {N_FFT} samples or more",
            code="audio.too_short",
        )


def stft(waveform: np.ndarray, pad_mode: Literal["reflect", "constant"] = "reflect") -> np.ndarray:
    """Short-time Fourier transform [1025, frames] complex64, periodic Hann window, centred."""
    return librosa.stft(
        waveform,
        n_fft=N_FFT,
        hop_length=HOP_LENGTH,
        win_length=N_FFT,
        window="hann",
        center=True,
        dtype=np.complex64,
        pad_mode=pad_mode,
    )


def zero_crossing_rate(waveform: np.ndarray) -> np.ndarray:
    """Share of sample pairs with a change of sign [1, frames]."""
    return librosa.feature.zero_crossing_rate(
        waveform, frame_length=N_FFT, hop_length=HOP_LENGTH, center=True
    )


def tuning(spectrogram: np.ndarray, sample_rate: float) -> float:
    """Deviation from 440 Hz in semitones, -0.5 to 0.5; 0 where nothing has a pitch."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Trying to estimate tuning from empty")
        return librosa.estimate_tuning(
            S=spectrogram, sr=sample_rate, n_fft=N_FFT, resolution=0.01, bins_per_octave=12
        )


def chroma(power: np.ndarray, sample_rate: float) -> np.ndarray:
    """Chroma [12, frames] of a power spectrogram [1025, frames], its maximum 1 in each frame."""
    return librosa.feature.chroma_stft(
        S=power,
        sr=sample_rate,
        n_fft=N_FFT,
        n_chroma=12,
        norm=np.inf,
        tuning=tuning(power, sample_rate),
    )


def centroid_bandwidth_rolloff(
    magnitude: np.ndarray, sample_rate: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spectral centroid, bandwidth and 85 % roll-off, each [1, frames] in Hz."""
    centroid = librosa.feature.spectral_centroid(S=magnitude, sr=sample_rate, n_fft=N_FFT)
    bandwidth = librosa.feature.spectral_bandwidth(
        S=magnitude, sr=sample_rate, n_fft=N_FFT, centroid=centroid, norm=True, p=2
    )
    rolloff = librosa.feature.spectral_rolloff(
        S=magnitude, sr=sample_rate, n_fft=N_FFT, roll_percent=0.85
    )
    return centroid, bandwidth, rolloff


def mel_decibels(
    power: np.ndarray, sample_rate: float, dtype: type[np.floating] = np.float64
) -> np.ndarray:
    """The mel spectrogram [128, frames] in dB, at most 80 dB below the maximum of the clip.

    Args:
      power: spectrogram [1025, frames].
      sample_rate: in Hz.
      dtype: of the mel filters.
    """
    mel = librosa.feature.melspectrogram(
        S=power,
        sr=sample_rate,
        n_fft=N_FFT,
        n_mels=128,
        fmin=0.0,
        fmax=sample_rate / 2,
        htk=False,
        norm="slaney",
        dtype=dtype,
    )
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=80.0)


def log_mel(waveform: np.ndarray, sample_rate: float) -> np.ndarray:
    """The mel spectrogram [128, 1 + samples // 512] float32 in dB, with librosa's defaults.

    It matches no published table: beyond the ends of the waveform [samples] there are zeros.
    """
    power = np.abs(stft(waveform, pad_mode="constant")) ** 2
    return mel_decibels(power, sample_rate, np.float32)


def mfcc(decibels: np.ndarray) -> np.ndarray:
    """The first 20 coefficients [20, frames] of a mel spectrogram in dB."""
    return librosa.feature.mfcc(S=decibels, n_mfcc=20, dct_type=2, norm="ortho", lifter=0)
