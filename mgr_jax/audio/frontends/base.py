"""What every front end is: a Flax module that says how many frames it makes, and of what."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import numpy as np
from flax import linen as nn

from mgr_jax.audio.clips import Crop

Aux = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class BinAxis:
    """What the bins of a front end are, for pictures.

    Attributes:
      label: of the axis, such as "Hz" or "BPM".
      values: [bins] of each bin, such as its centre frequency.
    """

    label: str
    values: np.ndarray


class Frontend(nn.Module):
    """Waveforms [batch, samples] to features [batch, frames, bins] or [..., channels], float32.

    Finite waveforms give finite features and gradients, silence too; a NaN spoils its own clip
    only, where it is seen. Predictors and builders refuse files and arrays that hold any.

    Attributes:
      registered: the name that it is found by.
      masks_filling: whether it keeps what fills up a clip out of its other frames, see `__call__`.
    """

    masks_filling: ClassVar[bool] = True

    registered: str = ""

    @property
    def sample_rate(self) -> float:
        """Of the waveform, in Hz."""
        raise NotImplementedError

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        raise NotImplementedError

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        raise NotImplementedError

    @property
    def num_channels(self) -> int | None:
        """Channels per bin; None where the features have no such axis."""
        raise NotImplementedError

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (bins,) or (bins, channels)."""
        return (self.num_bins,) if self.num_channels is None else (self.num_bins, self.num_channels)

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        raise NotImplementedError

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from; clips are at least as long."""
        raise NotImplementedError

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        raise NotImplementedError

    @property
    def crop(self) -> Crop:
        """How clips are to be cut from their tracks."""
        raise NotImplementedError

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        return False

    @property
    def aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """Statistics of its track that every clip needs beside it, by name."""
        return {}

    def dataset_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Statistics of the training split that `init` needs as `aux`, by name.

        Args:
          item_shape: of stored features; () for waveforms.
        """
        del item_shape
        return {}

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples, its context not counted."""
        return max(0, self._frames_of(samples))

    def frame_lengths(self, lengths: jax.Array) -> jax.Array:
        """Frames [batch] int32 of clips of [batch] samples, context not counted: at least 1."""
        return jax.numpy.maximum(1, self._frames_of(lengths))

    def _frames_of(self, samples: Any) -> Any:
        """Frames of a number of samples or of an array of numbers; below 1 where there are none."""
        raise NotImplementedError

    def __call__(
        self, waveform: jax.Array, aux: Aux | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        """Computes the features.

        Args:
          waveform: [batch, samples + 2 * crop.context] float32 in [-1, 1].
          aux: statistics by name: [batch, ...] each, those of each clip's track, where `aux_shapes`
            names any; for `init`, those of the training split that `dataset_shapes` names. Where
            some rows only fill up a batch there is "mask" too, [batch] bool, False in those.
          lengths: [batch] int32, samples of each clip, context not counted; what follows fills it
            up. The first `frame_lengths(lengths)` frames are then those of the clip alone, the
            others finite and of no meaning. None: all samples count.
        """
        raise NotImplementedError
