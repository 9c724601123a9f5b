"""Maxima and z-scores: over what they are taken, and how they reach a front end."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.base import Aux, Frontend, check_waveform
from mgr_jax.errors import UserError

Statistics = Mapping[str, jax.Array]

OVER = ("segment", "track", "batch", "dataset")
# Deviations below this share of the mean are rounding: the clip is constant, its z-score 0.
_ROUNDING = 1e-6


class Standardised(Frontend):
    """A front end whose features can be z-scored.

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
      axis_name: of the devices that share a batch, under pmap.
    """

    standardise: str | None = None
    normalise_over: str = "segment"
    axis_name: str | None = None

    def __post_init__(self):
        name = type(self).__name__
        if self.standardise not in (None, "all", "bins"):
            raise UserError(
                f"{name}: standardise is {self.standardise!r}; it must be None, 'all' or 'bins'"
            )
        if self.normalise_over not in OVER:
            raise UserError(
                f"{name}: normalise_over is {self.normalise_over!r}; it must be one of "
                f"{', '.join(OVER)}"
            )
        if self.normalise_over in ("track", "dataset") and not self._knows_tracks:
            raise UserError(
                f"{name}: normalise_over={self.normalise_over!r} needs frames of whole tracks; set "
                "whole_track=True where the front end has it, or use 'segment'"
            )
        super().__post_init__()

    @property
    def _knows_tracks(self) -> bool:
        """Whether frames are the same in a clip and in its track."""
        return getattr(self, "whole_track", False)

    @property
    def aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """Statistics of its track that every clip needs beside it, by name."""
        return self.statistic_shapes(self.item_shape) if self.normalise_over == "track" else {}

    def dataset_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Statistics of the training split that `init` needs as `aux`, by name.

        Args:
          item_shape: of stored features; () for waveforms.
        """
        if self.normalise_over != "dataset":
            return {}
        return self.statistic_shapes(item_shape or self.item_shape)

    def statistic_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of each statistic that is used, by name.

        Args:
          item_shape: of one frame of features.
        """
        if self.standardise is None:
            return {}
        shape = item_shape if self.standardise == "bins" else ()
        return {"mean": shape, "std": shape}

    @nn.compact
    def __call__(self, waveform: jax.Array, aux: Aux | None = None) -> jax.Array:
        """Computes the features.

        Args:
          waveform: [batch, samples + 2 * crop.context] float32 in [-1, 1].
          aux: statistics by name: with normalise_over="track" [batch, ...], those of each clip's
            track; with "dataset" those of the training split, for `init` only. Where some rows
            only fill up a batch there is "mask" too, [batch] bool, False in those.

        Raises:
          UserError: statistics are missing, the clips are too short, or a setting is out of range.
        """
        waveform = self._checked(waveform)
        weights = self._weights()

        def clipwise(y: jax.Array) -> jax.Array:
            return self._standard(self._levels(self._energies(y, weights), {}), {})

        if self.normalise_over == "segment":
            return dsp.map_clips(clipwise, waveform)
        energies = dsp.map_clips(lambda y: self._energies(y, weights), waveform)
        given = {} if self.normalise_over == "batch" else self._given(energies, aux)
        return self._standard(self._levels(energies, given), given, (aux or {}).get("mask"))

    def _checked(self, waveform: jax.Array) -> jax.Array:
        """The input as it is computed with, or a UserError."""
        return check_waveform(waveform)

    @nn.compact
    def measure(
        self, waveform: jax.Array, frames: jax.Array, known: Statistics
    ) -> dict[str, jax.Array]:
        """Sums up part of a track; `mgr_jax.audio.frontends.tracks` puts the parts together.

        Args:
          waveform: [samples + 2 * crop.context] float32.
          frames: how many of its frames count, the first ones.
          known: what earlier passes over all parts found.

        Returns:
          What is to be found next: "maximum", then "sum" of the levels, then with the mean known
          "squares" of their distances from it; the latter two [bins, ...].
        """
        energies = self._energies(waveform[None], self._weights())
        counts = jnp.arange(energies.shape[1]) < frames
        counts = counts.reshape(1, -1, *[1] * (energies.ndim - 2))
        if "maximum" in self.statistic_shapes(()) and "maximum" not in known:
            return {"maximum": jnp.where(counts, self._scaled(energies), -jnp.inf).max()}
        levels = self._levels(energies, self._shaped(known, energies))
        if "mean" not in known:
            return {"sum": jnp.where(counts, levels, 0.0).sum(axis=(0, 1))}
        # Not E[x^2] - mean^2, which loses all digits where the mean is large.
        squares = jnp.square(levels - known["mean"])
        return {"squares": jnp.where(counts, squares, 0.0).sum(axis=(0, 1))}

    @staticmethod
    def _shaped(known: Statistics, energies: jax.Array) -> dict[str, jax.Array]:
        """Scalars, ready to broadcast against energies."""
        return {
            name: jnp.reshape(x, (1,) * energies.ndim) for name, x in known.items() if x.ndim == 0
        }

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        return self.normalise_over in ("track", "dataset") or not self.statistic_shapes(())

    def _weights(self) -> Any:
        """Filters and parameters, made once and outside the loop over clips."""
        return None

    def _energies(self, y: jax.Array, weights: Any) -> jax.Array:
        """Features before any statistics, each clip of [batch, samples] separately."""
        raise NotImplementedError

    def _scaled(self, energies: jax.Array) -> jax.Array:
        """What a maximum is taken of."""
        return energies

    def _levels(self, energies: jax.Array, given: Statistics) -> jax.Array:
        """Features before the z-score."""
        del given
        return energies

    def _standard(
        self, levels: jax.Array, given: Statistics, mask: jax.Array | None = None
    ) -> jax.Array:
        """The z-score; of a batch, over the rows that the mask leaves."""
        if self.standardise is None:
            return levels
        if given:
            mean, variance = given["mean"], jnp.square(given["std"])
        else:
            first = 0 if self.normalise_over == "batch" else 1
            axes = tuple(range(first, 2 if self.standardise == "bins" else levels.ndim))
            mask = mask if self.normalise_over == "batch" else None
            mean = self._mean(levels, axes, mask)
            variance = self._mean(jnp.square(levels - mean), axes, mask)
        varies = variance > jnp.square(_ROUNDING * mean)
        # Not a root of 0, which has no gradient.
        return (levels - mean) / jnp.sqrt(jnp.where(varies, variance, 1.0))

    def _mean(self, x: jax.Array, axes: tuple[int, ...], mask: jax.Array | None) -> jax.Array:
        """The mean over axes, of which the first is the batch if there is a mask, and devices."""
        if mask is None:
            return self._over_devices(x.mean(axis=axes, keepdims=True))
        rows = mask.reshape(-1, *[1] * (x.ndim - 1))
        total, count = (
            self._over_devices((rows * y).sum(axis=axes, keepdims=True), jnp.sum)
            for y in (x, jnp.ones_like(x))
        )
        return total / count

    def _over_devices(self, value: jax.Array, reduce: Callable = jnp.mean) -> jax.Array:
        """What a statistic of this device's part of a batch is over all of it."""
        if self.axis_name is None or self.normalise_over != "batch" or self.is_initializing():
            return value
        # lax.pmax has no gradient.
        return reduce(lax.all_gather(value, self.axis_name), axis=0)

    def _given(self, energies: jax.Array, aux: Aux | None) -> dict[str, jax.Array]:
        """Statistics of the track or the dataset, ready to broadcast against [batch, frames, …]."""
        result = {}
        for name, shape in self.statistic_shapes(energies.shape[2:]).items():
            if self.normalise_over == "track":
                value = self._from_aux(name, aux)
                full = (len(energies), 1, *(shape or [1] * (energies.ndim - 2)))
            else:
                value = self.variable("batch_stats", name, self._from_aux, name, aux).value
                full = (1, 1, *(shape or [1] * (energies.ndim - 2)))
            result[name] = jnp.reshape(value, full)
        return result

    def _from_aux(self, name: str, aux: Aux | None) -> jax.Array:
        if not aux or name not in aux:
            when = "with every clip" if self.normalise_over == "track" else "to init"
            raise UserError(
                f"{type(self).__name__} with normalise_over={self.normalise_over!r} needs the "
                f"{self.normalise_over}'s {name} as aux {when}; measure it with TrackMeter, or use "
                "normalise_over='segment'"
            )
        return jnp.asarray(aux[name], jnp.float32)
