"""Random projections of spectrograms: pictures of fixed size, as few numbers as one wants.

The projection knows nothing of the data but their size, and so nothing can leak through it.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

HOP_LENGTH = 512
_AT_ONCE = 64


def log_mel(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mel spectrogram in decibels by librosa.

    Args:
      waveform: [samples] float32 in [-1, 1].
      sample_rate: in Hz.

    Returns:
      [1 + samples // 512, 128] float32, at most 80 dB below its maximum.
    """
    import librosa

    mel = librosa.feature.melspectrogram(
        y=waveform,
        sr=sample_rate,
        n_fft=2048,
        hop_length=HOP_LENGTH,
        win_length=2048,
        window="hann",
        center=True,
        pad_mode="constant",
        power=2.0,
        n_mels=128,
        fmin=0.0,
        fmax=sample_rate / 2,
        htk=False,
        norm="slaney",
        dtype=np.float32,
    )
    return librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=80.0).T


def project(
    pictures: Iterable[np.ndarray], *, frames: int, components: int = 256, seed: int = 0
) -> np.ndarray:
    """Projects pictures onto random directions.

    Source: Dasgupta, Experiments with random projection, 2000; independent normal directions, as
    scikit-learn's GaussianRandomProjection draws them.

    Args:
      pictures: [frames, bins(, channels)] each; cut to `frames`, or filled up with their minimum.
      frames: of every picture then.
      components: number of directions.
      seed: of the directions.

    Returns:
      [pictures, components] float32.
    """
    from sklearn.random_projection import GaussianRandomProjection

    def flat() -> Iterator[np.ndarray]:
        for picture in pictures:
            missing = [(0, max(0, frames - len(picture)))] + [(0, 0)] * (picture.ndim - 1)
            filled = np.pad(picture[:frames], missing, constant_values=picture.min())
            yield filled.astype(np.float32).ravel()

    results = []
    projection = None
    rows = flat()
    while batch := list(itertools.islice(rows, _AT_ONCE)):
        if projection is None:
            projection = GaussianRandomProjection(components, random_state=seed).fit(batch[:1])
        results.append(projection.transform(np.stack(batch)))
    return np.concatenate(results).astype(np.float32)
