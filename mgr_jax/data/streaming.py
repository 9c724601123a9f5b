"""The streaming loader: the host cuts clips from the cache, in prefetching threads."""

import jax
import numpy as np

from mgr_jax.audio.clips import cut_clip
from mgr_jax.data.loader import Batch, Loader


class StreamingLoader(Loader):
    """Sends clips to the device batch by batch; for data of any size.

    Batches also hold `inputs` [batch, time steps, ...], of the stored type.
    """

    def inputs(self, data: dict, batch: dict[str, jax.Array]) -> jax.Array:
        """See Loader."""
        del data
        return batch["inputs"]

    def _clips(self, tracks: np.ndarray, starts: np.ndarray) -> Batch:
        clips = [
            cut_clip(
                self.tracks.read(track),
                start,
                self._clip_samples,
                short_clip=self._short_clip,
                crop=self._crop,
            )
            for track, start in zip(tracks.tolist(), starts.tolist(), strict=True)
        ]
        return {"inputs": np.stack(clips)}
