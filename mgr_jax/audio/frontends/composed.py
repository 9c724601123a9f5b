"""Front ends made of others: side by side, or at another sample rate."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import Aux, Frontend, Layout, check_waveforms
from mgr_jax.errors import UserError, require

# What front ends side by side must have in common, and how to get there.
_ALIKE = {
    "sample_rate": "give the stack a sample_rate, which is theirs too",
    "frame_rate": "choose one hop_length",
    "item_shape": "choose as many bins, such as n_mels",
    "crop": "use one n_fft, or whole_track=False",
}


class Stack(Frontend):
    """Features of several front ends as channels: [batch, frames, bins, channels].

    They must have the same number of frames and bins, such as different windows with one hop. The
    first front end defines the meaning of the bins and frames.

    Attributes:
      parts: the front ends, at one sample rate.
    """

    registered: str = "stack"
    parts: Sequence[Frontend] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parts:
            raise UserError(
                "stack needs front ends; give frontends=({'name': 'log_mel'}, …)",
                code="frontend.nothing_stacked",
            )
        for what, cure in _ALIKE.items():
            found = dict.fromkeys(getattr(part, what) for part in self.parts)
            if len(found) > 1:
                raise UserError(
                    f"stack: {what} is {' and '.join(map(str, found))} of its front ends; {cure}",
                    code="frontend.stacked_unlike",
                )
        if any(part.aux_shapes or part.dataset_shapes(()) for part in self.parts):
            raise UserError(
                "stack: its front ends cannot have normalise_over='track' or 'dataset'; use "
                "'segment'",
                code="frontend.stacked_statistics",
            )

    @property
    def layout(self) -> Layout:
        """That of the first front end, with the channels of all."""
        channels = sum(part.num_channels or 1 for part in self.parts)
        return dataclasses.replace(self.parts[0].layout, num_channels=channels)

    @property
    def sample_rate(self) -> float:
        """Of the waveform in Hz."""
        return self.parts[0].sample_rate

    def count_frames(self, samples: Any) -> Any:
        """See `Frontend`; the smallest count among the front ends."""
        counts = [part.count_frames(samples) for part in self.parts]
        return functools.reduce(jnp.minimum, counts) if np.ndim(samples) else min(counts)

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return max(part.frame_samples for part in self.parts)

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return max(part.min_samples for part in self.parts)

    def __call__(
        self, waveform: jax.Array, aux: Aux | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        """Computes the features, see `Frontend`."""
        waveform = check_waveforms(waveform)
        outputs = [part(waveform, aux, lengths) for part in self.parts]
        if len({features.shape[1] for features in outputs}) > 1:
            raise UserError(
                "stack: its front ends give "
                f"{', '.join(str(features.shape[1]) for features in outputs)} frames of one clip; "
                "use center=True",
                code="frontend.stacked_frames",
            )
        return jnp.concatenate(
            [
                features if part.num_channels else features[..., None]
                for part, features in zip(self.parts, outputs, strict=True)
            ],
            axis=-1,
        )


class Resampled(Frontend, kw_only=True):
    """Resamples waveforms on the device, then passes them to a front end.

    Use it for data at one rate and a front end that was published at another. If you can choose,
    prepare the data at the rate of the front end: the host's resampler is sharper, and it runs
    once.

    Attributes:
      sample_rate: of the waveform in Hz.
      inner: the front end, at its own sample rate.
    """

    registered: str = "resampled"
    sample_rate: float = 22050
    inner: Frontend

    def __post_init__(self) -> None:
        super().__post_init__()
        rate = self.sample_rate
        require(0 < rate < math.inf, "sample_rate", rate, "it must be positive and finite")
        if self.inner.crop.context or self.inner.aux_shapes:
            raise UserError(
                f"resampled: {self.inner.registered} uses its whole track, which is cut before it "
                f"is resampled; prepare the dataset at {self.inner.sample_rate:g} Hz",
                code="frontend.resamples_tracks",
            )

    @property
    def layout(self) -> Layout:
        """That of the inner front end."""
        return self.inner.layout

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self._original(self.inner.frame_samples)

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        return self._original(self.inner.min_samples)

    def count_frames(self, samples: Any) -> Any:
        """See `Frontend`."""
        return self.inner.count_frames(self._resampled(samples))

    def _resampled(self, samples: Any) -> Any:
        """Samples of a clip after resampling."""
        ratio = Fraction(float(self.inner.sample_rate)) / Fraction(float(self.sample_rate))
        up, down = ratio.numerator, ratio.denominator
        # Not samples * up, which those of an array have too few bits for. `dsp.resample` takes no
        # ratio whose up * down has more than 22.
        return samples // down * up - (-(samples % down * up) // down)

    def _original(self, samples: int) -> int:
        """Fewest samples that give this many after resampling."""
        fewest = math.ceil((samples - 1) * self.sample_rate / self.inner.sample_rate)
        return max(1, fewest + (self._resampled(fewest) < samples))

    def __call__(
        self, waveform: jax.Array, aux: Aux | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        """Computes the features of the inner front end, see `Frontend`."""
        y = dsp.resample(
            self.without_filling(check_waveforms(waveform), lengths),
            orig_sr=float(self.sample_rate),
            target_sr=float(self.inner.sample_rate),
        )
        return self.inner(y, aux, None if lengths is None else self._resampled(lengths))
