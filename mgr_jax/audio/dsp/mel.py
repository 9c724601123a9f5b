"""Mel filterbanks, computed on the host in float64."""

import numpy as np

from mgr_jax.errors import UserError, require

# Slaney's Auditory Toolbox (1998): 3 mel per 200 Hz up to 1 kHz, then 27 mel per factor 6.4.
_MEL_PER_HZ = 3 / 200
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ * _MEL_PER_HZ
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: np.ndarray | float, *, htk: bool) -> np.ndarray:
    """Frequencies in Hz to mel, on the HTK or the Slaney scale."""
    hz = np.asarray(hz, np.float64)
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    logarithmic = _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _LOG_STEP
    return np.where(hz < _BREAK_HZ, hz * _MEL_PER_HZ, logarithmic)


def mel_to_hz(mel: np.ndarray | float, *, htk: bool) -> np.ndarray:
    """Inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    logarithmic = _BREAK_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel / _MEL_PER_HZ, logarithmic)


def mel_frequencies(*, n_mels: int, fmin: float, fmax: float, htk: bool) -> np.ndarray:
    """The corners of the filters in Hz, [n_mels + 2]: each centre has a corner on either side.

    Args:
      n_mels: number of filters.
      fmin: lowest corner in Hz.
      fmax: highest corner in Hz.
      htk: HTK's mel scale instead of Slaney's.
    """
    return mel_to_hz(
        np.linspace(hz_to_mel(fmin, htk=htk), hz_to_mel(fmax, htk=htk), n_mels + 2), htk=htk
    )


def mel_filterbank(
    *,
    sample_rate: float,
    n_fft: int,
    n_mels: int,
    fmin: float,
    fmax: float,
    htk: bool,
    norm: str | None,
    triangles: str = "hz",
) -> np.ndarray:
    """Triangular filters with corners equally spaced in mel, as `librosa.filters.mel`.

    A filter narrower than the spacing of the bins can be zero throughout: many mels need a large
    n_fft.

    Args:
      sample_rate: in Hz.
      n_fft: samples per Fourier frame.
      n_mels: number of filters.
      fmin: lower edge of the first filter in Hz.
      fmax: upper edge of the last filter in Hz, at most half the sample rate.
      htk: HTK's mel scale instead of Slaney's.
      norm: "slaney" gives every filter the same area in Hz, None the same height.
      triangles: the axis over which the filters are triangles: "hz", or "mel" as Kaldi has them.

    Returns:
      Weights [n_mels, 1 + n_fft // 2] float32.

    Raises:
      UserError: fmin, fmax, norm or triangles is out of range.
    """
    if not 0 <= fmin < fmax <= sample_rate / 2:
        raise UserError(
            f"fmin={fmin} and fmax={fmax} do not fit sample_rate={sample_rate}; they must satisfy "
            f"0 <= fmin < fmax <= sample_rate / 2",
            code="argument.out_of_range",
        )
    require(norm in ("slaney", None), "norm", norm, "it must be 'slaney' or None")
    require(triangles in ("hz", "mel"), "triangles", triangles, "it must be 'hz' or 'mel'")
    corners = mel_frequencies(n_mels=n_mels, fmin=fmin, fmax=fmax, htk=htk)
    bins, edges = np.fft.rfftfreq(n_fft, 1 / sample_rate), corners
    if triangles == "mel":
        bins, edges = hz_to_mel(bins, htk=htk), hz_to_mel(corners, htk=htk)
    lower, centre, upper = (edges[i : i + n_mels, None] for i in range(3))
    rise, fall = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    weights = np.maximum(0.0, np.minimum(rise, fall))
    if norm == "slaney":
        weights *= 2.0 / (corners[2:] - corners[:-2])[:, None]
    return weights.astype(np.float32)
