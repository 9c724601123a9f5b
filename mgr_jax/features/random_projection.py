"""Random projections of spectrograms: pictures of fixed size become a chosen number of values.

The projection depends only on the size of the data, so nothing can leak through it.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

HOP_LENGTH = 512
AT_ONCE = 64


def log_mel(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Mel spectrogram [1 + samples // 512, 128] float32 of a waveform; see `spectra.log_mel`."""
    from mgr_jax.features import spectra  # imports librosa, which is slow

    return spectra.log_mel(waveform, sample_rate).T


class Projection:
    """Projects pictures onto random directions.

    Source: Dasgupta, Experiments with random projection, 2000; independent normal directions, as
    scikit-learn's GaussianRandomProjection draws them.
    """

    def __init__(self, *, frames: int, components: int = 256, seed: int = 0) -> None:
        """Stores the settings. The first picture decides the number of bins of the directions.

        Args:
          frames: of every picture, which is cut to them or filled up with its minimum.
          components: number of directions.
          seed: of the directions.
        """
        self._frames, self._components, self._seed = frames, components, seed
        self._fitted: Any = None

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Projects pictures [frames, bins(, channels)], all in memory at once.

        Returns:
          [pictures, components] float32.
        """
        rows = np.stack([self._flatten(picture) for picture in pictures])
        if self._fitted is None:
            from sklearn.random_projection import GaussianRandomProjection

            projection = GaussianRandomProjection(self._components, random_state=self._seed)
            self._fitted = projection.fit(rows[:1].astype(np.float64))  # whose type directions get
        return self._fitted.transform(rows).astype(np.float32)

    def _flatten(self, picture: np.ndarray) -> np.ndarray:
        missing = [(0, max(0, self._frames - len(picture)))] + [(0, 0)] * (picture.ndim - 1)
        filled = np.pad(picture[: self._frames], missing, constant_values=picture.min())
        return filled.astype(np.float32).ravel()


def project(
    pictures: Iterable[np.ndarray], *, frames: int, components: int = 256, seed: int = 0
) -> np.ndarray:
    """Projects pictures of which only some are in memory at once; see `Projection`.

    Args:
      pictures: [frames, bins(, channels)] each.
      frames: of every picture, see `Projection`.
      components: number of directions.
      seed: of the directions.

    Returns:
      [pictures, components] float32.
    """
    projection = Projection(frames=frames, components=components, seed=seed)
    batches = iter(pictures)
    results = []
    while some := list(itertools.islice(batches, AT_ONCE)):
        results.append(projection(some))
    return np.concatenate(results)
