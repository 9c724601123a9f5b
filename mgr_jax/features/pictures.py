"""Numbers that describe spectrograms and other arrays of frames ("pictures")."""

from collections.abc import Iterable

import numpy as np

from mgr_jax.errors import unknown_name
from mgr_jax.features.random_projection import project

OF_PICTURES = ("bin_statistics", "random_projection")


def bin_statistics(picture: np.ndarray) -> np.ndarray:
    """The distribution of the bins of a picture over time.

    Args:
      picture: [frames, bins(, channels)], at least one frame.

    Returns:
      [3 * bins * channels] float64: means, standard deviations, and mean absolute differences from
      frame to frame (0 for a single frame).
    """
    frames = picture.reshape(len(picture), -1).astype(np.float64)
    steps = np.abs(np.diff(frames, axis=0, prepend=frames[:1])).sum(axis=0)
    changes = steps / max(1, len(frames) - 1)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0), changes])


def describe_pictures(
    pictures: Iterable[np.ndarray], features: str, *, frames: int, components: int
) -> np.ndarray:
    """Describes pictures that are in memory, or read one by one.

    Args:
      pictures: [frames, bins(, channels)] each.
      features: one of OF_PICTURES.
      frames: of every picture that is projected, see `Projection`.
      components: of the random projection.

    Returns:
      [pictures, columns].

    Raises:
      UserError: there are no such features.
    """
    if features not in OF_PICTURES:
        raise unknown_name("description of arrays", features, OF_PICTURES)
    if features == "random_projection":
        return project(pictures, frames=frames, components=components)
    return np.stack([bin_statistics(picture) for picture in pictures])
