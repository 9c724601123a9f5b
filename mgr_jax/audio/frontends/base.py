"""The base class of front ends: a Flax module that states the number and shape of its frames."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import Crop
from mgr_jax.audio.frontends.frames import Frames
from mgr_jax.errors import UserError

Aux = Mapping[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class BinAxis:
    """What the bins of a front end mean, for plots.

    Attributes:
      label: of the axis, such as "Hz" or "BPM".
      values: [bins], the value of each bin, such as its centre frequency.
    """

    label: str
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Layout:
    """The frames and bins of features.

    Attributes:
      sample_rate: of the waveform in Hz.
      axis: what the bins are; None: stored features say it.
      frames: where the frames lie.
      frame_samples: samples that one frame is computed from.
      num_channels: channels per bin; None where the features have no such axis.
      lost: frames at the ends that give no frame of features.
      min_frames: frames of the shortest clip.
    """

    sample_rate: float
    axis: BinAxis | None
    frames: Frames
    frame_samples: int
    num_channels: int | None = None
    lost: int = 0
    min_frames: int = 1


class Frontend(nn.Module):
    """Waveforms [batch, samples] to features [batch, frames, bins] or [..., channels], float32.

    Finite waveforms, silence too, give finite features and gradients. A NaN affects only the clip
    that contains it. Predictors and builders refuse files and arrays with NaN.

    Attributes:
      registered: the name of the front end.
    """

    registered: str = ""

    @property
    def layout(self) -> Layout:
        """The frames and bins of its features."""
        raise NotImplementedError

    @property
    def sample_rate(self) -> float:
        """Of the waveform in Hz."""
        return self.layout.sample_rate

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        axis = self.layout.axis
        assert axis is not None, f"what the bins of {self.registered} are, its dataset says"
        return axis

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return len(self.bin_axis.values)

    @property
    def num_channels(self) -> int | None:
        """Channels per bin; None where the features have no such axis."""
        return self.layout.num_channels

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (bins,) or (bins, channels)."""
        return (self.num_bins, *([self.num_channels] if self.num_channels else []))

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.layout.sample_rate / self.layout.frames.hop_length

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from; clips are at least as long."""
        return self.layout.frame_samples

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        layout = self.layout
        return layout.frames.fewest_samples(layout.min_frames + layout.lost, layout.frame_samples)

    @property
    def crop(self) -> Crop:
        """How clips must be cut from their tracks."""
        return self.layout.frames.crop(self.layout.frame_samples)

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        return False

    @property
    def aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """The statistics of the track that every clip needs, names and shapes."""
        return {}

    def dataset_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Names the statistics of the training split that `init` needs as `aux`.

        Args:
          item_shape: of stored features; () for waveforms.

        Returns:
          The shape of each statistic.
        """
        del item_shape
        return {}

    def num_frames(self, samples: int) -> int:
        """The number of frames of a clip of this many samples, without its context."""
        return max(0, self.count_frames(samples))

    def frame_lengths(self, lengths: jax.Array) -> jax.Array:
        """The frames of clips, [batch] int32, at least 1; `lengths` [batch] are without context."""
        return jnp.maximum(1, self.count_frames(lengths))

    def count_frames(self, samples: Any) -> Any:
        """The frames of a number of samples, or of an array of numbers; below 1 if too short."""
        return self.layout.frames.count(samples, self.layout.frame_samples) - self.layout.lost

    def without_filling(self, clips: jax.Array, lengths: jax.Array | None) -> jax.Array:
        """Clips with their context, set to zero after the end of each clip."""
        if lengths is None:
            return clips
        context = self.crop.context
        # The track goes on after a clip that is not filled up.
        filled = lengths < clips.shape[1] - 2 * context
        end = jnp.where(filled, lengths + context, clips.shape[1])
        return jnp.where(first_of(end, clips), clips, 0.0)

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

        Returns:
          Features [batch, frames, bins] or [batch, frames, bins, channels] float32.

        Raises:
          UserError: no waveforms, too short clips, missing statistics, or a setting out of range.
        """
        raise NotImplementedError


def check_waveforms(waveform: jax.Array) -> jax.Array:
    """Waveforms as floats. int16 is scaled to [-1, 1).

    Raises:
      UserError: the array has another shape or type.
    """
    is_float = jnp.issubdtype(waveform.dtype, jnp.floating)
    if waveform.ndim != 2 or not (is_float or waveform.dtype == jnp.int16):
        raise UserError(
            f"a front end got an array of shape {waveform.shape} and type {waveform.dtype}; give "
            "waveforms [batch, samples] of floats in [-1, 1] or int16 (one waveform: y[None])",
            code="audio.not_waveforms",
        )
    return waveform if is_float else dsp.to_float(waveform)


def first_of(counts: jax.Array, x: jax.Array) -> jax.Array:
    """A mask, broadcastable to x, of the first `counts` entries of each row.

    Args:
      counts: [batch].
      x: [batch, samples or frames, ...].
    """
    inside = jnp.arange(x.shape[1]) < counts[:, None]
    return inside.reshape(*inside.shape, *[1] * (x.ndim - 2))
