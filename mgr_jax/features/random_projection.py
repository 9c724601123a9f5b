"""Random projections of spectrograms: pictures of fixed size, as few numbers as one wants.

The projection knows nothing of the data but their size, and so nothing can leak through it.
"""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

HOP_LENGTH = 512
_AT_ONCE = 64


def log_mel(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mel spectrogram [1 + samples // 512, 128] float32 of a waveform; see `spectra.log_mel`."""
    from mgr_jax.features import spectra  # imports librosa, which is slow

    return spectra.log_mel(waveform, sample_rate).T


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
