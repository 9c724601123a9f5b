"""The streaming loader: the host cuts clips from the cache, in threads that run ahead."""

import jax

from mgr_jax.audio.clips import fit_length
from mgr_jax.data.loader import Batch, Loader


class StreamingLoader(Loader):
    """Moves clips to the device batch by batch; for data of any size.

    Batches also hold `inputs` [batch, clip_samples, ...], of the type that is stored.
    """

    def inputs(self, data: dict, batch: dict[str, jax.Array]) -> jax.Array:
        """See Loader."""
        del data
        return batch["inputs"]

    def _clip(self, track: int, start: int) -> Batch:
        steps = self.tracks.read(track, start, self._clip_samples)
        return {"inputs": fit_length(steps, self._clip_samples, self._short_clip)}
