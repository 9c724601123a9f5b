"""What every front end is: a Flax module that says how many frames it makes, and of what."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop
from mgr_jax.errors import UserError

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

    A subclass that can be found by name says under which one it is `registered`.

    Attributes:
      sample_rate: of the waveform in Hz.
    """

    registered: ClassVar[str]

    sample_rate: float = 22050

    def __post_init__(self):
        require_positive(self, "sample_rate")
        super().__post_init__()

    @property
    def num_bins(self) -> int:
        """Bins per frame."""
        raise NotImplementedError

    @property
    def num_channels(self) -> int | None:
        """Channels per bin; None where the features have no such axis."""
        return None

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one frame: (bins,) or (bins, channels)."""
        return (self.num_bins,) if self.num_channels is None else (self.num_bins, self.num_channels)

    @property
    def bin_axis(self) -> BinAxis:
        """What the bins are."""
        return BinAxis("bin", np.arange(self.num_bins, dtype=float))

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

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples, its context not counted."""
        raise NotImplementedError

    @property
    def crop(self) -> Crop:
        """How clips are to be cut from their tracks."""
        return WITHOUT_CONTEXT

    @property
    def aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """Statistics of its track that every clip needs beside it, by name."""
        return {}

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        return False

    def dataset_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Statistics of the training split that `init` needs as `aux`, by name.

        Args:
          item_shape: of stored features; () for waveforms.
        """
        del item_shape
        return {}

    def __call__(self, waveform: jax.Array, aux: Aux | None = None) -> jax.Array:
        """Computes the features.

        Args:
          waveform: [batch, samples + 2 * crop.context] float32 in [-1, 1].
          aux: statistics by name, [batch, ...] each, where `aux_shapes` names any.
        """
        raise NotImplementedError


def check_waveform(waveform: jax.Array) -> jax.Array:
    """Waveforms as floats; int16 is scaled to [-1, 1).

    Raises:
      UserError: an array of another shape or type.
    """
    is_float = jnp.issubdtype(waveform.dtype, jnp.floating)
    if waveform.ndim != 2 or not (is_float or waveform.dtype == jnp.int16):
        raise UserError(
            f"a front end got an array of shape {waveform.shape} and type {waveform.dtype}; give "
            "waveforms [batch, samples] of floats in [-1, 1] or int16 (one waveform: y[None])"
        )
    return waveform if is_float else dsp.to_float(waveform)


def require_positive(module: nn.Module, *fields: str) -> None:
    """Raises a UserError that names the first of these fields that is not positive."""
    for field in fields:
        if not getattr(module, field) > 0:
            raise UserError(
                f"{type(module).__name__}: {field} is {getattr(module, field)}; it must be positive"
            )


class Framed(Frontend):
    """A front end that cuts frames of `frame_samples` at regular distances.

    Attributes:
      hop_length: samples between frames.
      center: pad by half a frame on both sides, so that frame t is centred on sample
        t * hop_length; "same" pads just so much that there are samples / hop_length frames, rounded
        up, as TensorFlow's convolutions do.
      pad_mode: "constant" (zeros) or "reflect".
      whole_track: frames are those of the whole track: a clip comes with half a frame more on both
        sides, and only a track's ends are padded.
    """

    hop_length: int = 512
    center: bool | str = True
    pad_mode: str = "constant"
    whole_track: bool = False

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "hop_length")
        name = type(self).__name__
        if not isinstance(self.center, bool) and self.center != "same":
            raise UserError(f"{name}: center is {self.center!r}; it must be True, False or 'same'")
        if self.center == "same" and self.pad_mode != "constant":
            raise UserError(
                f"{name}: center='same' pads with zeros, but pad_mode is {self.pad_mode!r}; use "
                "'constant'"
            )
        if self.whole_track and self.center is not True:
            raise UserError(
                f"{name}: whole_track needs center=True, not {self.center!r}; set it, or "
                "whole_track=False"
            )

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sample_rate / self.hop_length

    @property
    def min_samples(self) -> int:
        """Fewest samples that give a frame."""
        if self.center == "same" or self.whole_track:
            return 1
        return dsp.min_samples(
            n_fft=self.frame_samples, center=bool(self.center), pad_mode=self.pad_mode
        )

    def num_frames(self, samples: int) -> int:
        """Frames of a clip of this many samples, its context not counted."""
        if self.center == "same":
            return -(-samples // self.hop_length)
        return dsp.num_frames(
            samples,
            n_fft=self.frame_samples,
            hop_length=self.hop_length,
            center=bool(self.center),
        )

    @property
    def crop(self) -> Crop:
        """How clips are to be cut from their tracks."""
        if not self.whole_track:
            return WITHOUT_CONTEXT
        return Crop(self.frame_samples // 2, self.hop_length, self.pad_mode)

    @property
    def _pads(self) -> bool:
        """Whether a clip is padded by half a frame: not if it comes with its context."""
        return self.center is True and not self.whole_track


class Spectral(Framed):
    """A front end of short-time Fourier spectra, in frames of `n_fft` samples.

    Attributes:
      n_fft: samples per frame.
      win_length: samples under the window, which is centred in the frame; None means n_fft.
      window: a periodic window by its name in `scipy.signal.get_window`.
    """

    n_fft: int = 2048
    win_length: int | None = None
    window: str | tuple = "hann"

    def __post_init__(self):
        super().__post_init__()
        require_positive(self, "n_fft")

    @property
    def frame_samples(self) -> int:
        """Samples that one frame is computed from."""
        return self.n_fft

    def _stft(self, y: jax.Array, then: Callable[[jax.Array], jax.Array]) -> jax.Array:
        """`then` of the spectra [batch, frames, 1 + n_fft // 2] of clips with their context.

        What is computed frame by frame belongs in `then`: spectra need not leave a CPU's cache.
        """
        if self.center == "same":
            frames = self.num_frames(y.shape[-1])
            missing = max(0, (frames - 1) * self.hop_length + self.n_fft - y.shape[-1])
            y = jnp.pad(y, ((0, 0), (missing // 2, missing - missing // 2)))
        return dsp.stft(
            y,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            win_length=self.win_length,
            window=self.window,
            center=self._pads,
            pad_mode=self.pad_mode,
            then=then,
        )
