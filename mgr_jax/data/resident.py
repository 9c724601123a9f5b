"""The resident loader: the tracks lie on the device, which cuts the clips."""

from typing import Any

import jax
import numpy as np
from jax import lax

from mgr_jax.audio.clips import cut_clip
from mgr_jax.data.cache import Tracks
from mgr_jax.data.loader import Batch, Loader


class ResidentLoader(Loader):
    """Sends only positions to the device, which holds a copy of all tracks; for data that fit.

    Batches also hold `track` and `start`, [batch] int32: two indices, because positions in one long
    array would exceed an int32.
    """

    @property
    def data(self) -> np.ndarray:
        """All tracks [tracks, time steps, ...] as stored, padded to the longest one.

        Each is at least as long as a clip, padded as `short_clip` says, with the clips' context on
        both sides, so that any clip can be cut. Computed at each access, since only the devices
        keep it.
        """
        tracks = self.tracks
        longest = max(int(tracks.length.max()), self._clip_samples) + 2 * self._crop.context
        result = np.zeros((len(tracks), longest, *tracks.item_shape), tracks.dtype)
        for row, length in enumerate(tracks.length):
            steps = cut_clip(
                tracks.read(row),
                0,
                max(int(length), self._clip_samples),
                short_clip=self._short_clip,
                crop=self._crop,
            )
            result[row, : len(steps)] = steps
        return result

    def inputs(self, data: jax.Array, batch: dict[str, jax.Array]) -> jax.Array:
        """See Loader."""

        def cut(track: jax.Array, start: jax.Array) -> jax.Array:
            corner: list[Any] = [track, start, *[0] * len(self.tracks.item_shape)]
            steps = self._clip_samples + 2 * self._crop.context
            return lax.dynamic_slice(data, corner, (1, steps, *data.shape[2:]))[0]

        return jax.vmap(cut)(batch["track"], batch["start"])

    def _clips(self, tracks: np.ndarray, starts: np.ndarray) -> Batch:
        return {"track": tracks.astype(np.int32), "start": starts.astype(np.int32)}


def resident_bytes(tracks: Tracks, clip_samples: int, context: int = 0) -> int:
    """The bytes of `ResidentLoader.data` on each device.

    Args:
      tracks: tracks of the split.
      clip_samples: length of a clip in time steps.
      context: time steps of context on each side.
    """
    longest = max(int(tracks.length.max()), clip_samples) + 2 * context
    return len(tracks) * longest * tracks.step_bytes
