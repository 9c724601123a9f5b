"""The 518 columns of the FMA data set's `features.csv`.

Eleven descriptors, 74 numbers for each frame, and seven statistics of each over the frames
(Defferrard et al., FMA: A dataset for music analysis, ISMIR 2017; `features.py` of mdeff/fma). The
table was made with librosa 0.5.0 (`requirements.txt` there). Where librosa 0.11 differs, this
module does what 0.5.0 did:

=====================  ===============================  ============================
                       librosa 0.5.0 (here)             librosa 0.11
=====================  ===============================  ============================
STFT, CQT at the ends  reflected                        zeros
constant-Q transform   see `features.constant_q`        other Q, filters, resampler
chroma of a CQT        12 bins per octave               36, unless told
smoothing of the CENS  periodic Hann window             symmetric
`rmse`                 root of the mean of S² over      `rms`: Parseval's theorem, as of
                       the 1,025 bins                   the waveform
mel filters            float64                          float32
skewness, kurtosis of  0 and -3 (scipy 0.19)            nan (scipy 1.9 and later)
a constant
=====================  ===============================  ============================

One trap: `features.py` passes the sample rate only to `cqt` and `melspectrogram`. `chroma_stft`,
`spectral_centroid`, `spectral_bandwidth`, `spectral_contrast` and `spectral_rolloff` use librosa's
default of 22,050 Hz. Nearly all tracks have 44,100 Hz. For these, the three features in Hz are half
of what they should be, the bands of the contrast lie an octave too high, and `chroma_stft`
estimates the tuning from wrong frequencies. Models trained on the published table need the same
numbers, so this is the default here. `corrected=True` passes the true rate everywhere.

No audio of FMA was available, so nothing here has been compared with rows of the published table.
But all 518 columns agree with librosa 0.5.0 itself, run on nine excerpts of real music at 16,000 to
96,000 Hz: half of the values to 14 digits, and the worst by 7e-6 (relative, or relative to 0.1 for
smaller values). The decoder may still differ: FMA's mp3 files were read through ffmpeg.
"""

import math
from typing import Any

import librosa
import numpy as np
import scipy

from mgr_jax.errors import UserError
from mgr_jax.features import constant_q, spectra

SIZES = {
    "chroma_cens": 12,
    "chroma_cqt": 12,
    "chroma_stft": 12,
    "mfcc": 20,
    "rmse": 1,
    "spectral_bandwidth": 1,
    "spectral_centroid": 1,
    "spectral_contrast": 7,
    "spectral_rolloff": 1,
    "tonnetz": 6,
    "zcr": 1,
}
STATISTICS = ("kurtosis", "max", "mean", "median", "min", "skew", "std")
COLUMNS = tuple(
    f"{name}.{statistic}.{number:02d}"
    for name, size in SIZES.items()
    for statistic in STATISTICS
    for number in range(1, size + 1)
)
_LIBROSA_RATE = 22_050  # its default, which five descriptors of the published table take
_CONTRAST_FMIN, _CONTRAST_BANDS = 200.0, 6


def features(waveform: np.ndarray, sample_rate: int, *, corrected: bool = False) -> np.ndarray:
    """Computes one row of the table.

    Args:
      waveform: [samples] float32 in [-1, 1], 2,048 samples or more. The published table takes the
        files at their own rate, mixed to mono.
      sample_rate: in Hz; at least 8,497, and over 12,800 if corrected.
      corrected: give the true sample rate to every descriptor; else as published.

    Returns:
      Features [518] float64 in the order of COLUMNS (the published ones are rounded to float32).
      Silence has finite ones: 0 but for the kurtosis, -3, and the level, `mfcc.*.01`.

    Raises:
      ValueError: the waveform is not one-dimensional.
      UserError: it is too short, or the sample rate is too low for a column: fewer octaves or
        bands would not be these columns.
    """
    spectra.check_waveform(waveform)
    _check_sample_rate(sample_rate, corrected)
    frames = _descriptors(waveform, sample_rate, sample_rate if corrected else _LIBROSA_RATE)
    return np.concatenate([statistics(frames[name]).ravel() for name in SIZES])


def statistics(frames: np.ndarray) -> np.ndarray:
    """Statistics [7, rows] of [rows, frames] over the frames, in the order of STATISTICS.

    Moments are those of the population; kurtosis is the excess over a normal distribution's. A
    constant has skewness 0 and kurtosis -3.
    """
    frames = frames.astype(np.float64)
    mean = frames.mean(axis=1)
    deviation = frames - mean[:, None]
    variance = (deviation**2).mean(axis=1)
    # Below this the variance is rounding noise; scipy draws the same line.
    varies = variance > (1e-14 * mean) ** 2
    scale = np.where(varies, variance, 1.0)
    skew = np.where(varies, (deviation**3).mean(axis=1) / scale**1.5, 0.0)
    kurtosis = np.where(varies, (deviation**4).mean(axis=1) / scale**2, 0.0) - 3
    median, lowest, highest = np.median(frames, axis=1), frames.min(axis=1), frames.max(axis=1)
    return np.stack([kurtosis, highest, mean, median, lowest, skew, np.sqrt(variance)])


def _check_sample_rate(sample_rate: int, corrected: bool) -> None:
    """Refuses a rate at which a filter or a band lies beyond half of it."""
    lowest = math.ceil(2 * constant_q.highest_frequency(0.5))
    if corrected:
        lowest = int(_CONTRAST_FMIN * 2**_CONTRAST_BANDS) + 1
    if sample_rate < lowest:
        raise UserError(
            f"the {'corrected ' if corrected else ''}FMA features need {lowest} Hz or more, and "
            f"the audio has {sample_rate} Hz; prepare it at a higher sample_rate",
            code="audio.rate_too_low",
        )


def _descriptors(
    waveform: np.ndarray, sample_rate: int, assumed_rate: int
) -> dict[str, np.ndarray]:
    """Every descriptor [size, frames]; those that the trap concerns at the assumed rate."""
    magnitude = np.abs(spectra.stft(waveform))
    power = magnitude**2
    centroid, bandwidth, rolloff = spectra.centroid_bandwidth_rolloff(magnitude, assumed_rate)
    cqt = constant_q.constant_q(
        waveform,
        sample_rate,
        tuning=spectra.tuning(magnitude, sample_rate),
        hop_length=spectra.HOP_LENGTH,
    )
    octaves: dict[str, Any] = {
        "n_chroma": 12,
        "n_octaves": 7,
        "bins_per_octave": 12,
        "fmin": constant_q.FMIN,
    }
    cens = _smooth(librosa.feature.chroma_cens(C=cqt, norm=None, win_len_smooth=None, **octaves))
    return {
        "chroma_cens": cens,
        "chroma_cqt": librosa.feature.chroma_cqt(C=cqt, norm=np.inf, threshold=0.0, **octaves),
        "chroma_stft": spectra.chroma(power, assumed_rate),
        "mfcc": spectra.mfcc(spectra.mel_decibels(power, sample_rate)),
        "rmse": np.sqrt(power.mean(axis=0, keepdims=True)),
        "spectral_bandwidth": bandwidth,
        "spectral_centroid": centroid,
        "spectral_contrast": librosa.feature.spectral_contrast(
            S=magnitude,
            sr=assumed_rate,
            n_fft=spectra.N_FFT,
            fmin=_CONTRAST_FMIN,
            n_bands=_CONTRAST_BANDS,
            quantile=0.02,
            linear=False,
        ),
        "spectral_rolloff": rolloff,
        "tonnetz": librosa.feature.tonnetz(chroma=cens),
        "zcr": spectra.zero_crossing_rate(waveform),
    }


def _smooth(quantised: np.ndarray) -> np.ndarray:
    """Weighted running mean of a quantised chroma [12, frames] over 41 frames, of L2 norm 1."""
    window = scipy.signal.get_window("hann", 43, fftbins=True)
    smooth = scipy.ndimage.convolve1d(quantised, window / window.sum(), axis=1, mode="constant")
    return librosa.util.normalize(smooth, norm=2, axis=0)
