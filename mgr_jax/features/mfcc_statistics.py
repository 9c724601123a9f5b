"""The classic summary of a clip: how its MFCCs are distributed over time."""

import numpy as np

N_MFCC = 20
COLUMNS = tuple(
    f"{name}{number}_{moment}"
    for moment in ("mean", "std")
    for name in ("mfcc", "mfcc_diff")
    for number in range(1, N_MFCC + 1)
)


def mfcc_statistics(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mean and standard deviation over frames of 20 MFCCs and of their first difference.

    The bag-of-frames description of Tzanetakis and Cook, Musical genre classification of audio
    signals, 2002, with librosa's MFCCs. The difference at the first frame is 0, so that a clip of
    a single frame has statistics too.

    Args:
      waveform: [samples] float32 in [-1, 1], of any length above 0; librosa warns below 2048.
      sample_rate: in Hz.

    Returns:
      Features [80] float32: the means of the coefficients and of their differences, 20 each, then
      the standard deviations in the same order (COLUMNS).

    Raises:
      ValueError: the waveform is empty or not one-dimensional.
    """
    from mgr_jax.features import spectra  # imports librosa, which is slow

    if waveform.ndim != 1 or not len(waveform):
        raise ValueError(
            f"the waveform has shape {waveform.shape}; expected [samples] with one sample or more"
        )
    mfcc = spectra.mfcc(spectra.log_mel(waveform, sample_rate))
    frames = np.concatenate([mfcc, np.diff(mfcc, axis=1, prepend=mfcc[:, :1])])
    return np.concatenate([frames.mean(axis=1), frames.std(axis=1)]).astype(np.float32)
