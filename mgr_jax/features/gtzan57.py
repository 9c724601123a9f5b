"""The 57 columns of the feature table that comes with Kaggle's copy of GTZAN.

`features_30_sec.csv` holds mean and population variance of eight descriptors over a clip, the
tempo, and mean and variance of 20 MFCCs. No script was published with it; this one follows librosa
0.7 and 0.8 (reflected edges; see also `harmonic_percussive`). Of 107 clips that are lossless copies
of the table's files, all 57 columns agree with their rows:

=====================================  ================  ================
relative difference                    median            worst
=====================================  ================  ================
tempo, rolloff, zero_crossing_rate     0                 8.8e-6
harmony_mean                           1.9e-6            9.9e-4
perceptr_mean                          2.3e-7            4.5e-5
every other column                     below 4e-7        4.9e-5
=====================================  ================  ================

`harmony` and `perceptr` are the two waveforms of a harmonic-percussive separation themselves, not
their level over time. So the variance is the power of that part, and the mean is the constant
offset of the recording. It may be as small as 1e-8. There, rounding makes six of 107 `harmony_mean`
differ by more than 1e-4 relative, but none by more than 7e-11 absolute.
"""

import librosa
import numpy as np
import scipy

from mgr_jax.features import spectra

_FRAMEWISE = (
    "chroma_stft",
    "rms",
    "spectral_centroid",
    "spectral_bandwidth",
    "rolloff",
    "zero_crossing_rate",
    "harmony",
    "perceptr",
)
COLUMNS = (
    *(f"{name}_{moment}" for name in _FRAMEWISE for moment in ("mean", "var")),
    "tempo",
    *(f"mfcc{number}_{moment}" for number in range(1, 21) for moment in ("mean", "var")),
)


def features(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Computes one row of the table, without file name, length and label.

    Args:
      waveform: [samples] float32 in [-1, 1], 2,048 samples or more: 30 s for the rows of
        `features_30_sec.csv`, 3 s for those of `features_3_sec.csv`.
      sample_rate: in Hz; 22,050 in the published tables. At another one the columns mean the same,
        but are not comparable.

    Returns:
      Features [57] float64 in the order of COLUMNS. All those of silence are 0 but for `mfcc1`.

    Raises:
      ValueError: the waveform is not one-dimensional.
      UserError: it is too short.
    """
    spectra.check_waveform(waveform)
    transform = spectra.stft(waveform)
    magnitude = np.abs(transform)
    power = magnitude**2
    decibels = spectra.mel_decibels(power, sample_rate)
    rms = librosa.feature.rms(
        y=waveform,
        frame_length=spectra.N_FFT,
        hop_length=spectra.HOP_LENGTH,
        center=True,
        pad_mode="reflect",
    )
    framewise = (
        spectra.chroma(power, sample_rate),
        rms,
        *spectra.centroid_bandwidth_rolloff(magnitude, sample_rate),
        spectra.zero_crossing_rate(waveform),
        *harmonic_percussive(transform, len(waveform)),
    )
    moments = [(np.mean(v, dtype=np.float64), np.var(v, dtype=np.float64)) for v in framewise]
    mfcc = spectra.mfcc(decibels)
    coefficients = np.stack([mfcc.mean(axis=1), mfcc.var(axis=1)], axis=1)
    return np.concatenate([np.ravel(moments), [tempo(decibels, sample_rate)], coefficients.ravel()])


def harmonic_percussive(transform: np.ndarray, samples: int) -> list[np.ndarray]:
    """Waveforms [samples] of the harmonic and the percussive part of an STFT [1025, frames].

    Median filters of 31 frames and 31 bins, and soft masks of their squares (Fitzgerald, Harmonic/
    percussive separation using median filtering, DAFx 2010). As in librosa 0.8, the samples after
    the centre of the last frame are 0.
    """
    magnitude = np.abs(transform)
    harmonic, percussive = median_filter(magnitude), median_filter(magnitude.T).T
    return [
        librosa.util.fix_length(
            librosa.istft(
                transform * librosa.util.softmask(part, other, power=2, split_zeros=True),
                hop_length=spectra.HOP_LENGTH,
                win_length=spectra.N_FFT,
                n_fft=spectra.N_FFT,
                window="hann",
                center=True,
                dtype=np.float32,
            ),
            size=samples,
        )
        for part, other in ((harmonic, percussive), (percussive, harmonic))
    ]


def median_filter(rows: np.ndarray, size: int = 31) -> np.ndarray:
    """Running median of [rows, columns] along the columns, reflected at the ends.

    Ten times as fast as scipy's `median_filter` of two dimensions: its filter of one runs over all
    rows laid end to end.
    """
    half = size // 2
    padded = np.pad(rows, ((0, 0), (half, half)), mode="symmetric")
    filtered = scipy.ndimage.median_filter(padded.ravel(), size=size)
    return filtered.reshape(padded.shape)[:, half:-half]


def tempo(decibels: np.ndarray, sample_rate: int) -> float:
    """Tempo in beats per minute of a mel spectrogram [128, frames] in dB; 0 if all is steady."""
    onsets = librosa.onset.onset_strength(
        S=decibels,
        sr=sample_rate,
        hop_length=spectra.HOP_LENGTH,
        n_fft=spectra.N_FFT,
        lag=1,
        max_size=1,
        detrend=False,
        center=True,
        aggregate=np.median,
    )
    if not onsets.any():
        return 0.0
    (bpm,) = librosa.feature.tempo(
        onset_envelope=onsets,
        sr=sample_rate,
        hop_length=spectra.HOP_LENGTH,
        start_bpm=120.0,
        std_bpm=1.0,
        ac_size=8.0,
        max_tempo=320.0,
        aggregate=np.mean,
        prior=None,
    )
    return float(bpm)
