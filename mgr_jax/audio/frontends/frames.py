"""Cuts waveforms into frames and computes their Fourier spectra."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from mgr_jax.audio import dsp
from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop
from mgr_jax.audio.frontends.parts import Count, Part, Range, one_of
from mgr_jax.errors import UserError

# Of clips [batch, samples], zero beyond each one's length, to [batch, frames, ...].
Transform = Callable[[jax.Array, jax.Array | None], jax.Array]


@dataclass(frozen=True)
class Frames(Part):
    """Frames at regular distances. The bands decide the samples per frame.

    Attributes:
      hop_length: samples between frames.
      center: pad by half a frame on both sides, so that frame t is centred on sample
        t * hop_length; "same" pads just so much that there are samples / hop_length frames, rounded
        up, as TensorFlow's convolutions do.
      pad_mode: "constant" (zeros) or "reflect".
      whole_track: frames are those of the whole track: a clip comes with half a frame more on both
        sides, and only a track's ends are padded.
      preemphasis: c of y[n] = x[n + 1] - c * x[n], of which frames are cut instead of x, and which
        has a sample less; 0: they are cut of x.
    """

    hop_length: Count = 512
    center: Annotated[bool | str, one_of(True, False, "same")] = True
    pad_mode: Annotated[str, one_of(*dsp.PAD_MODES)] = "constant"
    whole_track: bool = False
    preemphasis: Annotated[float, Range(lambda c: 0 <= c <= 1, "use a number from 0 to 1")] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.center == "same" and self.pad_mode != "constant":
            raise UserError(
                f"center='same' pads with zeros, but pad_mode is {self.pad_mode!r}; use 'constant'",
                code="frontend.same_reflects",
            )
        if self.whole_track and self.center is not True:
            raise UserError(
                f"whole_track needs center=True, not {self.center!r}; set it, or whole_track=False",
                code="frontend.whole_track_not_centred",
            )
        if self.whole_track and self.preemphasis:
            raise UserError(
                "whole_track=True has no preemphasis, which takes a sample of every clip; set "
                "preemphasis=0, or whole_track=False",
                code="frontend.preemphasis_of_whole_track",
            )

    def count(self, samples: Any, length: int) -> Any:
        """Frames of `length` samples in a number of samples, or in an array of numbers."""
        return self._count(samples - self._lost, length)

    @property
    def _lost(self) -> int:
        """Samples that pre-emphasis takes from a clip."""
        return 1 if self.preemphasis else 0

    def _count(self, samples: Any, length: int) -> Any:
        """Frames in samples after pre-emphasis."""
        if self.center == "same":
            return -(-samples // self.hop_length)
        return 1 + (samples - self._unpadded(length)) // self.hop_length

    def fewest_samples(self, frames: int, length: int) -> int:
        """Fewest samples that give this many frames of `length` samples."""
        first = 1 if self.center == "same" else self._unpadded(length)
        # A reflection does not repeat the sample at the edge.
        mirrored = length // 2 if self.pad_mode == "reflect" and self._pads else 0
        return self._lost + max(1 + mirrored, first + (frames - 1) * self.hop_length)

    def _unpadded(self, length: int) -> int:
        """Samples that padding does not give to the only frame of the shortest clip."""
        return length - 2 * (length // 2) if self.center else length

    def crop(self, length: int) -> Crop:
        """How clips must be cut from their tracks."""
        if not self.whole_track:
            return WITHOUT_CONTEXT
        return Crop(length // 2, self.hop_length, self.pad_mode)

    @property
    def _pads(self) -> bool:
        """Whether a clip is padded by half a frame: not if it comes with its context."""
        return self.center is True and not self.whole_track

    def padded(
        self, y: jax.Array, length: int, lengths: jax.Array | None
    ) -> tuple[jax.Array, bool]:
        """Pads clips for `dsp.stft` and `dsp.cqt`.

        Args:
          y: [batch, samples], with their context; zero after the end of each clip.
          length: samples of a frame.
          lengths: see `Frontend`; each clip is then padded at its own end.

        Returns:
          The clips, and whether the transform must still pad them.
        """
        y, lengths = self._emphasised(y, lengths)
        covered = (self._count(y.shape[1], length) - 1) * self.hop_length + length
        reflects = self.center is True and self.pad_mode == "reflect"
        if lengths is not None and (self.center == "same" or reflects):
            return self._padded_each(y, length, lengths[:, None], covered), False
        if self.center == "same":
            missing = max(0, covered - y.shape[1])
            y = jnp.pad(y, ((0, 0), (missing // 2, missing - missing // 2)))
        return y, self._pads

    def _emphasised(
        self, y: jax.Array, lengths: jax.Array | None
    ) -> tuple[jax.Array, jax.Array | None]:
        """Clips after pre-emphasis, zero from where they end, and their lengths."""
        if not self.preemphasis:
            return y, lengths
        y = y[:, 1:] - self.preemphasis * y[:, :-1]
        if lengths is None:
            return y, None
        lengths = lengths - 1
        return jnp.where(jnp.arange(y.shape[1]) < lengths[:, None], y, 0.0), lengths

    def _padded_each(self, y: jax.Array, length: int, lengths: jax.Array, total: int) -> jax.Array:
        """Of each clip, the samples that its frames cover if it is padded where it ends."""
        context = self.crop(length).context
        clip = y.shape[1] - 2 * context
        before: Any = length // 2 if self.center else 0
        if self.center == "same":
            covered = (self._count(lengths, length) - 1) * self.hop_length + length
            before = jnp.maximum(0, covered - lengths) // 2
        else:
            total = clip + 2 * before
            # The track goes on after a clip that is not filled up.
            lengths = jnp.where(lengths < clip, lengths, clip + context)
        position = jnp.arange(total) - before
        if self.center is True and self.pad_mode == "reflect":
            position = position if context else jnp.abs(position)
            position = jnp.where(position < lengths, position, 2 * (lengths - 1) - position)
        inside = (position >= -context) & (position < lengths)
        index = jnp.clip(position + context, 0, y.shape[1] - 1)
        return jnp.where(inside, jnp.take_along_axis(y, index, axis=1), 0.0)


@dataclass(frozen=True)
class Fourier(Part):
    """Short-time Fourier spectra.

    Attributes:
      n_fft: samples per frame.
      win_length: samples under the window, which is centred in the frame; None means n_fft.
      window: by its name in `scipy.signal.get_window`.
      periodic: whether the window is one period of a periodic one, as librosa's; else it is
        symmetric, as Kaldi's.
      frames: where the frames lie.
    """

    n_fft: Count = 2048
    win_length: int | None = None
    window: str | tuple = "hann"
    periodic: bool = True
    frames: Frames = field(default_factory=Frames)

    def transform(self, then: Callable[[jax.Array], jax.Array]) -> Transform:
        """The function that applies `then` to the spectra of clips with their context.

        The spectra are [batch, frames, 1 + n_fft // 2]. Put work that is done frame by frame into
        `then`: the spectra then stay in the cache of a CPU.
        """

        def transform(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            y, center = self.frames.padded(y, self.n_fft, lengths)
            return dsp.stft(
                y,
                n_fft=self.n_fft,
                hop_length=self.frames.hop_length,
                win_length=self.win_length,
                window=self.window,
                periodic=self.periodic,
                center=center,
                pad_mode=self.frames.pad_mode,
                then=then,
            )

        return transform
