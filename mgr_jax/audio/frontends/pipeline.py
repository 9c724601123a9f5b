"""The front end made of parts. The computation reads from top to bottom."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends.bands import Bands
from mgr_jax.audio.frontends.base import Aux, Frontend, Layout, first_of
from mgr_jax.audio.frontends.level import Cepstra, Level, Standardise
from mgr_jax.errors import UserError, require

Statistics = Mapping[str, jax.Array]


class Pipeline(Frontend, kw_only=True):
    """Waveforms → frames → bands → levels → cepstra → z-scores; a front end leaves out some.

    Attributes:
      bands: what is computed of every frame, and where the frames lie.
      level: from energies to levels; None: they are handed on.
      cepstra: of the levels; None: there are none.
      standardise: z-scores, and what they and maxima are taken over.
      axis_name: of the devices that share a batch, under pmap.
    """

    bands: Bands
    level: Level | None = None
    cepstra: Cepstra | None = None
    standardise: Standardise = Standardise()
    axis_name: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        over, layout = self.standardise.normalise_over, self.bands.layout
        expected = f"its statistics can be those of a {' or '.join(self.bands.measured_over)}"
        require(over in self.bands.measured_over, "normalise_over", over, expected)
        if self.standardise.is_given and not layout.frames.whole_track:
            raise UserError(
                f"normalise_over={over!r} needs frames of whole tracks; set whole_track=True where "
                "the front end has it, or use 'segment'",
                code="frontend.needs_whole_track",
            )
        if self.level and self.level.scale == "pcen" and over != "segment":
            raise UserError(
                "scale='pcen' follows the frames of a clip, so that "
                f"normalise_over={over!r} is not offered; use 'segment'",
                code="frontend.pcen_of_segments",
            )
        if self.cepstra and layout.axis:
            n_mfcc, n_mels = self.cepstra.n_mfcc, len(layout.axis.values)
            require(n_mfcc <= n_mels, "n_mfcc", n_mfcc, f"use 1 to n_mels={n_mels}")
            if self.cepstra.deltas and layout.frames.whole_track:
                raise UserError(
                    "whole_track=True has no deltas; set deltas=0",
                    code="frontend.slopes_of_whole_track",
                )

    @property
    def layout(self) -> Layout:
        """The frames and bins of its features."""
        return self.cepstra.layout(self.bands.layout) if self.cepstra else self.bands.layout

    @property
    def framewise(self) -> bool:
        """Whether a frame depends on its samples and on what is measured beforehand alone."""
        measured = self.standardise.is_given or not self._statistics(())
        return self.bands.framewise and measured and not (self.level and self.level.scale == "pcen")

    @property
    def aux_shapes(self) -> dict[str, tuple[int, ...]]:
        """The statistics of the track that every clip needs, names and shapes."""
        over_tracks = self.standardise.normalise_over == "track"
        return self._statistics(self.item_shape) if over_tracks else {}

    def dataset_shapes(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Statistics of the training split that `init` needs as `aux`, by name, see `Frontend`."""
        if self.standardise.normalise_over != "dataset":
            return {}
        return self._statistics(item_shape or self.item_shape)

    def _statistics(self, item_shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Shape of each statistic that is used, by name, for frames of this shape."""
        maximum: dict[str, tuple[int, ...]] = {"maximum": ()} if self._uses_maximum else {}
        return maximum | self.standardise.shapes(item_shape)

    @property
    def _uses_maximum(self) -> bool:
        return self.level is not None and self.level.uses_maximum

    @nn.compact
    def __call__(
        self, waveform: jax.Array, aux: Aux | None = None, lengths: jax.Array | None = None
    ) -> jax.Array:
        """Computes the features, see `Frontend`."""
        clips = self.bands.checked(waveform)
        self._require_a_frame(clips.shape[1])
        transform = self.bands.transform(self.param)
        each: Callable = dsp.map_clips if self.bands.clip_by_clip else lambda f, *x: f(*x)

        def energies(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            return transform(self.without_filling(y, lengths), lengths)

        def features(y: jax.Array, lengths: jax.Array | None) -> jax.Array:
            return self._features(energies(y, lengths), {}, lengths)

        if self.standardise.normalise_over == "segment":
            return each(features, clips, lengths)
        found = each(energies, clips, lengths)
        given = self._given(found, aux) if self.standardise.is_given else {}
        return self._features(found, given, lengths, (aux or {}).get("mask"))

    def _require_a_frame(self, samples: int) -> None:
        samples -= 2 * self.crop.context
        if samples < self.min_samples:
            raise UserError(
                f"clips of {samples} samples are too short: {self.registered} needs at least "
                f"{self.min_samples}, and {self.crop.context} more on either side; use longer "
                "clips, or shorter frames",
                code="audio.too_short",
            )

    def _features(
        self,
        energies: jax.Array,
        given: Statistics,
        lengths: jax.Array | None,
        rows: jax.Array | None = None,
    ) -> jax.Array:
        """Levels, cepstra and z-scores of what the bands gave.

        Args:
          energies: [batch, frames, ...].
          given: statistics that were measured beforehand, ready to broadcast.
          lengths: see `Frontend`.
          rows: [batch] bool, False in rows that fill up the batch; None: none does.
        """
        frames = None if lengths is None else self.frame_lengths(lengths)
        features = self._levels(energies, given, frames)
        counts = None if frames is None else first_of(frames, features)
        if rows is not None and self.standardise.normalise_over == "batch":
            rows = rows.reshape(-1, *[1] * (features.ndim - 1))
            counts = rows if counts is None else counts & rows
        return self.standardise.z_score(features, given, counts, self._devices)

    def _levels(
        self, energies: jax.Array, given: Statistics, frames: jax.Array | None
    ) -> jax.Array:
        """Levels, or their cepstra, of clips of [batch] frames."""
        levels = energies
        if self.level is not None:
            x = self.level.scaled(energies)
            maximum = given.get("maximum")
            if maximum is None and self.level.uses_maximum:
                counts = None if frames is None else first_of(frames, x)
                maximum = self.standardise.maximum(x, counts, self._devices)
            levels = self.level(x, maximum, self.frame_rate)
        return self.cepstra(levels, frames) if self.cepstra else levels

    @property
    def _devices(self) -> str | None:
        return None if self.is_initializing() else self.axis_name

    def _given(self, energies: jax.Array, aux: Aux | None) -> Statistics:
        """Statistics of the track or the dataset, ready to broadcast against [batch, frames, …]."""
        over, ones = self.standardise.normalise_over, (1,) * (energies.ndim - 2)
        given = {}
        for name in self._statistics(()):
            if over == "track":
                value = self._from_aux(name, aux)
                shape = (len(energies), 1, *(value.shape[1:] or ones))
            else:
                value = self.variable("batch_stats", name, self._from_aux, name, aux).value
                shape = (1, 1, *(value.shape or ones))
            given[name] = jnp.reshape(value, shape)
        return given

    def _from_aux(self, name: str, aux: Aux | None) -> jax.Array:
        if not aux or name not in aux:
            over = self.standardise.normalise_over
            when = "with every clip" if over == "track" else "to init"
            raise UserError(
                f"{self.registered} with normalise_over={over!r} needs the {over}'s {name} as aux "
                f"{when}; measure it with TrackMeter, or use normalise_over='segment'",
                code="frontend.needs_statistics",
            )
        return jnp.asarray(aux[name], jnp.float32)

    @nn.compact
    def measure(
        self, waveform: jax.Array, frames: jax.Array, known: Statistics
    ) -> dict[str, jax.Array]:
        """Sums over one chunk of a track. `mgr_jax.audio.frontends.tracks` combines the chunks.

        Args:
          waveform: [samples + 2 * crop.context] float32.
          frames: how many of its frames count, the first ones.
          known: what earlier passes over all parts found.

        Returns:
          What is to be found next: "maximum", then "sum" of the levels, then with the mean known
          "squares" of their distances from it; the latter two [bins, ...].
        """
        energies = self.bands.transform(self.param)(waveform[None], None)
        counts = first_of(frames[None], energies)
        if self._uses_maximum and "maximum" not in known:
            assert self.level is not None
            return {"maximum": jnp.where(counts, self.level.scaled(energies), -jnp.inf).max()}
        scalars = {
            name: jnp.reshape(x, (1,) * energies.ndim) for name, x in known.items() if x.ndim == 0
        }
        levels = self._levels(energies, scalars, None)
        if "mean" not in known:
            return {"sum": jnp.where(counts, levels, 0.0).sum(axis=(0, 1))}
        # Not E[x^2] - mean^2, which loses all digits where the mean is large.
        squares = jnp.square(levels - known["mean"])
        return {"squares": jnp.where(counts, squares, 0.0).sum(axis=(0, 1))}
