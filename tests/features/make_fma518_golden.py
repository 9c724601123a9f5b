"""Writes goldens/fma518.npz: a clip, and its FMA features as librosa 0.5.0 computes them.

librosa 0.5.0 is what the published table was made with. It runs as it is under Python 3.6 with the
versions in `requirements.txt` of mdeff/fma. The golden was made under Python 3.11 with numpy
1.23.5, scipy 1.9.3 and resampy 0.2.2, after these edits, none of which changes a number:
`scipy.signal.hanning` is `scipy.signal.windows.hann`; joblib's `cachedir` is None; an array indexed
by a list of slices is indexed by a tuple (core/audio.py, util/utils.py); `mel_frequencies` hands
floats, not arrays of one element, to `np.linspace`.

    python tests/tables/make_fma518_golden.py
"""

from pathlib import Path

import librosa
import numpy as np
from scipy import stats

RATES = (44_100, 22_050, 16_000, 96_000)
STATISTICS = (stats.kurtosis, np.max, np.mean, np.median, np.min, stats.skew, np.std)


def make_clip():
    """Four chords a fifth of a semitone sharp, with a hiss that comes and goes: int16 [52920]."""
    rng = np.random.RandomState(0)
    seconds = np.arange(52_920) / 44_100
    clip = 0.02 * rng.standard_normal(len(seconds)) * (1 + np.sin(2 * np.pi * 5 * seconds))
    for start, chord in enumerate([(60, 64, 67), (57, 60, 64), (65, 69, 72), (55, 59, 62)]):
        since = np.maximum(seconds - 0.3 * start, 0)
        for note in chord:
            pitch = 440 * 2 ** ((note + 0.2 - 69) / 12)
            for partial in range(1, 6):
                tone = np.sin(2 * np.pi * partial * pitch * since) / partial
                clip += 0.15 * tone * np.exp(-4 * since) * (since > 0)
    return np.round(clip / np.abs(clip).max() * 30_000).astype(np.int16)


def compute_row(x, rate):
    """The calls of `features.py`, in the order of the published columns."""
    cqt = np.abs(
        librosa.cqt(x, sr=rate, hop_length=512, bins_per_octave=12, n_bins=84, tuning=None)
    )
    cens = librosa.feature.chroma_cens(C=cqt, n_chroma=12, n_octaves=7)
    magnitude = np.abs(librosa.stft(x, n_fft=2048, hop_length=512))
    mel = librosa.feature.melspectrogram(sr=rate, S=magnitude**2)
    descriptors = (
        cens,
        librosa.feature.chroma_cqt(C=cqt, n_chroma=12, n_octaves=7),
        librosa.feature.chroma_stft(S=magnitude**2, n_chroma=12),
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
        librosa.feature.rmse(S=magnitude),
        librosa.feature.spectral_bandwidth(S=magnitude),
        librosa.feature.spectral_centroid(S=magnitude),
        librosa.feature.spectral_contrast(S=magnitude, n_bands=6),
        librosa.feature.spectral_rolloff(S=magnitude),
        librosa.feature.tonnetz(chroma=cens),
        librosa.feature.zero_crossing_rate(x, frame_length=2048, hop_length=512),
    )
    return np.concatenate([f(values, axis=1) for values in descriptors for f in STATISTICS])


if __name__ == "__main__":
    assert librosa.__version__ == "0.5.0"
    clip = make_clip()
    waveform = (clip / 32_768).astype(np.float32)
    rows = np.stack([compute_row(waveform, rate) for rate in RATES])
    path = Path(__file__).parent / "goldens" / "fma518.npz"
    np.savez_compressed(path, clip=clip, rates=RATES, rows=rows)
