"""Several front ends side by side, as channels."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from mgr_jax.audio.clips import Crop
from mgr_jax.audio.frontends.base import Aux, BinAxis, Frontend, check_waveform
from mgr_jax.errors import UserError


class Stack(Frontend):
    """Features of several front ends as channels: [batch, frames, bins, channels].

    They must give equally many frames and bins; different windows with one hop, for example.

    Attributes:
      parts: the front ends, at one sample rate.
    """

    parts: Sequence[Frontend] = ()

    def __post_init__(self):
        super().__post_init__()
        if not self.parts:
            raise UserError("stack needs front ends")
        rates = {part.sample_rate for part in self.parts}
        if rates != {self.sample_rate}:
            raise UserError(
                "stack: its front ends are for "
                f"{', '.join(f'{rate:g} Hz' for rate in sorted(rates))}; give the stack a "
                "sample_rate, which is theirs too"
            )
        shapes = {(part.item_shape, part.frame_rate) for part in self.parts}
        if len(shapes) > 1:
            raise UserError(
                "stack: its front ends give different bins or frame rates: "
                f"{', '.join(f'{shape} at {rate:.4g} Hz' for shape, rate in sorted(shapes))}; "
                "choose equal n_mels and hop_length"
            )
        if any(part.aux_shapes or part.dataset_shapes(()) for part in self.parts):
            raise UserError(
                "stack: its front ends cannot have normalise_over='track' or 'dataset'; use "
                "'segment'"
            )
        if len({part.crop for part in self.parts}) > 1:
            raise UserError(
                "stack: its front ends take different context from the track; use one n_fft, or "
                "whole_track=False"
            )

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        return self.parts[0].num_bins

    @property
    def num_channels(self) -> int:
        """Channels of all parts together."""
        return sum(part.num_channels or 1 for part in self.parts)

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins of the first part are."""
        return self.parts[0].bin_axis

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.parts[0].frame_rate

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return max(part.frame_samples for part in self.parts)

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return max(part.min_samples for part in self.parts)

    @property
    def crop(self) -> Crop:
        """How clips are to be cut from their tracks."""
        return self.parts[0].crop

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples, its context not counted."""
        return self.parts[0].num_frames(samples)

    def __call__(self, waveform: jax.Array, aux: Aux | None = None) -> jax.Array:
        """Waveforms [batch, samples + 2 * crop.context] to [batch, frames, bins, channels]."""
        waveform = check_waveform(waveform)
        outputs = [part(waveform) for part in self.parts]
        if len({features.shape[1] for features in outputs}) > 1:
            raise UserError(
                "stack: its front ends give "
                f"{', '.join(str(features.shape[1]) for features in outputs)} frames of one clip; "
                "use center=True"
            )
        return jnp.concatenate(
            [
                features if part.num_channels else features[..., None]
                for part, features in zip(self.parts, outputs, strict=True)
            ],
            axis=-1,
        )
