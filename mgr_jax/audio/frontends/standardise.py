"""Maxima and z-scores: over what they are taken, and what is left out."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Annotated

import jax
import jax.numpy as jnp
from jax import lax

from mgr_jax.audio.frontends.parts import Part, one_of

OVER = ("segment", "track", "batch", "dataset")
# Deviations below this share of the mean are rounding: the clip is constant, its z-score 0.
_ROUNDING = 1e-6


@dataclasses.dataclass(frozen=True)
class Standardise(Part):
    """Z-scores of features, and what statistics are taken over.

    Statistics of a "segment" are those of the clip as it comes, so that no result depends on
    anything else. Those of a "track" are measured beforehand on the whole track and come with
    every clip as `aux`. Those of a "dataset" are measured on the training split; they are given to
    `init` as `aux` and kept as variables from then on. Both need `whole_track`. Those of a "batch"
    make every result depend on its neighbours, on rows that fill up the last batch too; published
    recipes have them.

    Attributes:
      standardise: subtract the mean and divide by the standard deviation: of "all" features
        together, of each of the "bins" separately, or not at all (None).
      normalise_over: "segment", "track", "batch" or "dataset".
    """

    standardise: Annotated[str | None, one_of(None, "all", "bins")] = None
    normalise_over: Annotated[str, one_of(*OVER)] = "segment"

    @property
    def is_given(self) -> bool:
        """Whether statistics are measured beforehand."""
        return self.normalise_over in ("track", "dataset")

    def shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of the mean and the deviation of frames of this shape, where there are any."""
        if self.standardise is None:
            return {}
        shape = item_shape if self.standardise == "bins" else ()
        return {"mean": shape, "std": shape}

    def maximum(self, x: jax.Array, valid: jax.Array | None, axis_name: str | None) -> jax.Array:
        """The maximum of [batch, frames, ...] over a segment or a batch, kept as broadcastable.

        Args:
          x: not negative.
          valid: [batch, frames, 1, ...] bool of the frames that count; None: all.
          axis_name: of the devices that share the batch.
        """
        if valid is not None:
            x = jnp.where(valid, x, 0.0)
        if self.normalise_over == "batch":
            return _over_devices(x.max(keepdims=True), axis_name, jnp.max)
        return x.max(axis=tuple(range(1, x.ndim)), keepdims=True)

    def z_score(
        self,
        features: jax.Array,
        given: Mapping[str, jax.Array],
        counts: jax.Array | None,
        axis_name: str | None,
    ) -> jax.Array:
        """Features of mean 0 and deviation 1.

        Args:
          features: [batch, frames, ...].
          given: "mean" and "std" that were measured beforehand, ready to broadcast; or nothing.
          counts: [batch, frames or 1, 1, ...] bool of what is measured; None: everything.
          axis_name: of the devices that share the batch.
        """
        if self.standardise is None:
            return features
        if given:
            mean, variance = given["mean"], jnp.square(given["std"])
        else:
            stop = 2 if self.standardise == "bins" else features.ndim
            axes = tuple(range(0 if self.normalise_over == "batch" else 1, stop))
            over = axis_name if self.normalise_over == "batch" else None
            mean = _mean(features, axes, counts, over)
            variance = _mean(jnp.square(features - mean), axes, counts, over)
        varies = variance > jnp.square(_ROUNDING * mean)
        # Not a root of 0, which has no gradient.
        return (features - mean) / jnp.sqrt(jnp.where(varies, variance, 1.0))


def _mean(
    x: jax.Array, axes: tuple[int, ...], counts: jax.Array | None, axis_name: str | None
) -> jax.Array:
    """The mean over axes and devices of what counts."""
    if counts is None:
        return _over_devices(x.mean(axis=axes, keepdims=True), axis_name, jnp.mean)
    total, count = (
        _over_devices((counts * y).sum(axis=axes, keepdims=True), axis_name, jnp.sum)
        for y in (x, jnp.ones_like(x))
    )
    return total / count


def _over_devices(value: jax.Array, axis_name: str | None, reduce: Callable) -> jax.Array:
    """What a statistic of this device's part of a batch is over all of it."""
    # lax.pmax has no gradient.
    return value if axis_name is None else reduce(lax.all_gather(value, axis_name), axis=0)
