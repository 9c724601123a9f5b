"""The constant-Q transform of librosa 0.5, which the features of FMA were computed with.

It differs from that of librosa 0.11 by several per cent, in four ways (r = 2^(1/12)):

=================  =====================================  ====================================
                   librosa 0.5 (here)                     librosa 0.11
=================  =====================================  ====================================
Q                  1 / (r - 1) = 16.82                    (r² + 1) / (r² - 1) = 17.33
filters            from sample 0, correlated with the     centred on sample 0, convolved
                   waveform
halving the rate   resampy's `kaiser_fast`                soxr HQ
edges              reflected                              zeros
=================  =====================================  ====================================

Sources: librosa 0.5.0, `core/constantq.py` and `filters.py`; resampy 0.2.2, `filters.py` (16 zero
crossings, Kaiser window with beta 8.5555, roll-off 0.85); Schörkhuber and Klapuri, Constant-Q
transform toolbox for music processing, SMC 2010.
"""

import functools
import math

import librosa
import numpy as np
import scipy

FMIN = 32.703195662574829  # C1 in Hz
BINS_PER_OCTAVE, N_OCTAVES = 12, 7
Q = 1 / (2 ** (1 / BINS_PER_OCTAVE) - 1)
_HANN_BANDWIDTH = 1.50018310546875  # of the main lobe, in bins
_ZERO_CROSSINGS, _BETA, _ROLLOFF = 16, 8.555504641634386, 0.85


def highest_frequency(tuning: float) -> float:
    """Upper edge in Hz of the highest filter; half the sample rate must not lie below it."""
    octaves = N_OCTAVES + (tuning - 1) / BINS_PER_OCTAVE
    return FMIN * 2**octaves * (1 + 0.5 * _HANN_BANDWIDTH / Q)


def constant_q(
    waveform: np.ndarray, sample_rate: float, *, tuning: float, hop_length: int = 512
) -> np.ndarray:
    """Magnitudes of seven octaves from C1, 12 bins each, one frame for each hop.

    The highest octave is filtered; then the rate is halved and the same filters give the next.

    Args:
      waveform: [samples] float32.
      sample_rate: in Hz, at least twice `highest_frequency(tuning)`.
      tuning: deviation from 440 Hz in semitones, -0.5 to 0.5.
      hop_length: in samples, a multiple of 64.

    Returns:
      Magnitudes [84, frames], low notes first.
    """
    spare = _ROLLOFF * sample_rate / 2 / highest_frequency(0.0)
    factor = 2 ** max(0, min(math.ceil(math.log2(spare)) - 2, int(math.log2(hop_length)) - 6))
    waveform = _decimate(waveform, factor) * math.sqrt(factor)
    sample_rate, hop_length = sample_rate / factor, hop_length // factor

    fmin = FMIN * 2 ** (tuning / BINS_PER_OCTAVE)
    filters, n_fft = _filters(sample_rate, fmin * 2 ** (N_OCTAVES - 1))
    octaves = []
    for octave in range(N_OCTAVES):
        if octave:
            waveform, hop_length = 2 * _decimate(waveform, 2), hop_length // 2
        padded = np.pad(waveform, n_fft // 2, mode="reflect")
        frames = librosa.util.frame(padded, frame_length=n_fft, hop_length=hop_length)
        octaves.append(np.abs(filters @ scipy.fft.rfft(frames, axis=0).conj()))
    columns = min(octave.shape[1] for octave in octaves)
    magnitude = np.concatenate([octave[:, :columns] for octave in octaves[::-1]])
    frequencies = fmin * 2 ** (np.arange(len(magnitude)) / BINS_PER_OCTAVE)
    return magnitude / np.sqrt(Q * sample_rate / frequencies)[:, None]


def _filters(sample_rate: float, fmin: float):
    """Spectra [12, n_fft // 2 + 1] of an octave of filters (sparse), and n_fft."""
    lengths = Q * sample_rate / (fmin * 2 ** (np.arange(BINS_PER_OCTAVE) / BINS_PER_OCTAVE))
    n_fft = 2 ** math.ceil(math.log2(lengths.max()))
    filters = np.zeros((BINS_PER_OCTAVE, n_fft), np.complex128)
    for row, length in zip(filters, lengths, strict=True):
        size = math.floor(length)
        window = scipy.signal.get_window("hann", size, fftbins=True)
        wave = window * np.exp(2j * np.pi * np.arange(size) * Q / length)
        start = (n_fft - math.ceil(length)) // 2
        row[start : start + size] = wave / np.abs(wave).sum() * length / n_fft
    spectra = np.fft.fft(filters, axis=1)[:, : n_fft // 2 + 1]
    return librosa.util.sparsify_rows(spectra, quantile=0.01), n_fft


@functools.cache
def _lowpass(factor: int) -> np.ndarray:
    """Windowed sinc [32 * factor - 1] that precedes taking every `factor`-th sample."""
    edge = _ZERO_CROSSINGS * factor
    steps = np.arange(1 - edge, edge) / factor
    # i0 of the distance from the centre: the Kaiser window, as if drawn out to `edge`.
    window = scipy.special.i0(_BETA * np.sqrt(1 - (steps / _ZERO_CROSSINGS) ** 2))
    sinc = _ROLLOFF / factor * np.sinc(_ROLLOFF * steps)
    return (sinc * window / scipy.special.i0(_BETA)).astype(np.float32)


def _decimate(waveform: np.ndarray, factor: int) -> np.ndarray:
    """Every `factor`-th sample after a low-pass; an incomplete last step gives 0."""
    if factor == 1:
        return waveform
    result = scipy.signal.resample_poly(waveform, 1, factor, window=_lowpass(factor))
    result[len(waveform) // factor :] = 0
    return result
