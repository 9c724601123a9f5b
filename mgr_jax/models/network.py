"""The base class of networks, and what those with batch normalisation share."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.linen.linear import default_kernel_init

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.models.masking import Lengths, frame_mask
from mgr_jax.models.normalisation import BatchNorm

# A larger number is a mistake. It would fill the memory, or building would take hours.
_WIDEST, _DEEPEST = 2**20, 1000
_BUILT_ONE_BY_ONE = ("blocks", "layers", "unfolds")

# (logits, intermediates)
Output = tuple[jax.Array, dict[str, jax.Array]]


class Network(nn.Module, kw_only=True):
    """Features → (logits, named intermediates).

    A subclass states its name as `registered` and its `source`, and defines

        __call__(features, *, train, lengths=None) → (logits, intermediates)

    `features` are [batch, frames, bins] or [batch, frames, bins, channels] float32. In a waveform,
    every sample is a frame of one bin. With `train`, the network uses and updates the statistics of
    the batch, and drops values by the key "dropout". Logits are [batch, num_classes] float32,
    without softmax or sigmoid. Intermediates are named arrays. One of them is "embedding" [batch,
    dim] float32, the clip as one vector. The last layer computes the logits from it; some networks
    have two layers here, as their docstrings say. If clips have too few frames or bins for the
    layers, or a field is out of range, a UserError is raised.

    `lengths` [batch] int32 gives the frames that belong to each clip. The rest of the array is
    filling and does not count: the logits are those of the clip alone. See `masking`. A network
    that cannot ignore the filling takes no lengths and has `masks_filling` False; its docstring
    says "Filling counts".

    Attributes:
      num_classes: number of logits; 0: the embedding is all that is wanted, and the layers after it
        are left out.
      axis_name: mapped axis over which batch statistics are averaged, if any.
      dtype: of the computation; parameters, logits and the embedding are float32.
    """

    registered: ClassVar[str]
    source: ClassVar[str]  # where it was published, or "ours"
    raw: ClassVar[bool] = False  # made for waveforms
    with_encoder: ClassVar[bool] = False  # its field `encoder` is another network
    with_side: ClassVar[bool] = False  # called with what else is known of the tracks

    num_classes: int
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @property
    def masks_filling(self) -> bool:
        """Whether it takes the lengths of clips and leaves their filling out."""
        return True

    def __post_init__(self):
        self.require_least(num_classes=0)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            most = _DEEPEST if field.name in _BUILT_ONE_BY_ONE else _WIDEST
            if isinstance(value, int) and value > most:
                raise UserError(
                    f"{self.registered}: {field.name} is {value}; it can be up to {most}",
                    code="model.out_of_range",
                )
            if field.name.endswith(("dropout", "momentum")) and not 0 <= value < 1:
                raise UserError(
                    f"{self.registered}: {field.name} is {value}; it must lie in [0, 1)",
                    code="model.out_of_range",
                )
            if field.name == "epsilon" and not 0 < value < math.inf:
                raise UserError(
                    f"{self.registered}: epsilon is {value}; it must be positive",
                    code="model.out_of_range",
                )
        super().__post_init__()

    def classify(
        self,
        embedding: jax.Array,
        *,
        train: bool,
        dropout: float = 0.0,
        kernel_init: nn.initializers.Initializer = default_kernel_init,
        **others: jax.Array,
    ) -> Output:
        """The last layer "head", with dropout before it.

        Args:
          embedding: [batch, dim].
          train: drop out.
          dropout: share dropped before the logits.
          kernel_init: initialiser of the layer.
          **others: further intermediates.

        Returns:
          The logits, and the intermediates with "embedding".
        """
        embedding = embedding.astype(jnp.float32)
        if not self.num_classes:
            return jnp.zeros((len(embedding), 0)), {"embedding": embedding, **others}
        x = nn.Dropout(dropout, deterministic=not train)(embedding)
        logits = nn.Dense(self.num_classes, kernel_init=kernel_init, name="head")(x)
        return logits, {"embedding": embedding, **others}

    def require_size(self, features: jax.Array, *, frames: int = 1, bins: int = 1) -> None:
        """Checks that clips are large enough for the layers.

        Args:
          features: [batch, frames, bins, ...].
          frames: the smallest number of frames that the layers can use.
          bins: the smallest number of bins.

        Raises:
          UserError: there are fewer.
        """
        if features.ndim not in (3, 4):
            raise UserError(
                f"{self.registered} got an array {features.shape}; give [batch, frames, bins] or "
                "[batch, frames, bins, channels]",
                code="model.wrong_shape",
            )
        got_frames, got_bins = features.shape[1:3]
        if got_frames >= frames and got_bins >= bins:
            return
        if self.raw:
            raise UserError(
                f"{self.registered} got {got_frames} time steps, but it works on raw samples and "
                f"needs at least {frames}; use config.frontend.name=waveform and clips of that "
                "many samples",
                code="model.clip_too_small",
            )
        what = ["longer clips"] * (got_frames < frames) + ["more bins"] * (got_bins < bins)
        raise UserError(
            f"{self.registered} got {got_frames} frames of {got_bins} bins, but its layers need at "
            f"least {frames} frames of {bins} bins; use {' and '.join(what)}, or smaller pools and "
            "kernels",
            code="model.clip_too_small",
        )

    def require_choice(self, field: str, known: Any) -> None:
        """Checks that a field is one of the `known` values.

        Args:
          field: the name of the field.
          known: the valid values.

        Raises:
          UserError: it is not.
        """
        value = getattr(self, field)
        if value in known:
            return
        if isinstance(value, str):
            raise unknown_name(f"{field} of {self.registered}", value, known)
        choices = " or ".join(map(str, known))
        raise UserError(
            f"{self.registered}: {field} is {value}; use {choices}", code="model.out_of_range"
        )

    def require_least(self, **least: float) -> None:
        """Checks fields against the least values they may have.

        Args:
          **least: the smallest valid value of each field, by name.

        Raises:
          UserError: one is less.
        """
        for field, value in least.items():
            if not value <= getattr(self, field) < math.inf:
                raise UserError(
                    f"{self.registered}: {field} is {getattr(self, field)}; use {value} or more",
                    code="model.out_of_range",
                )

    def require_sizes(
        self,
        field: str,
        length: int | str | None = None,
        columns: int | None = None,
        *,
        empty: bool = False,
    ) -> None:
        """Checks that a field holds whole numbers of 1 or more.

        Args:
          field: its name.
          length: how many, or how many rows of them: a number, or a field that holds as many; None:
            any number.
          columns: numbers in a row; None: there are no rows.
          empty: whether it may hold nothing.

        Raises:
          UserError: it holds anything else.
        """
        value = getattr(self, field)
        if empty and not len(value):
            return
        try:
            sizes = np.asarray(value)
        except ValueError:  # rows of different lengths
            sizes = np.zeros(())
        like = f", one for each of {length}" if isinstance(length, str) else ""
        count = len(getattr(self, length)) if isinstance(length, str) else length
        shape = (len(value) if count is None else count, *([columns] if columns else []))
        if sizes.shape != shape or not sizes.size or sizes.dtype.kind != "i" or sizes.min() < 1:
            each = f" rows of {columns}" if columns else ""
            raise UserError(
                f"{self.registered}: {field} is {value!r}; give {count or 'some'}{each} whole "
                f"numbers of 1 or more{like}",
                code="model.wrong_sizes",
            )

    def require_pooling(self, features: jax.Array, pools: Sequence[Sequence[int]]) -> None:
        """Checks that clips are large enough for pooling by (time, bins), layer after layer.

        Args:
          features: [batch, frames, bins, ...].
          pools: (time, bins) of each layer.

        Raises:
          UserError: they are not.
        """
        frames, bins = (math.prod(sizes) for sizes in zip(*pools, strict=True))
        self.require_size(features, frames=frames, bins=bins)


class BatchNormed(nn.Module, kw_only=True):
    """Fields and layers for batch normalisation, of networks and their blocks.

    Attributes:
      momentum: of batch norm: the share of the old running statistics kept at each step.
      epsilon: of batch norm: added to the variance.
      axis_name: mapped axis over which the batch statistics are averaged, if any.
      dtype: of the computation; parameters and statistics are float32.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    axis_name: str | None = None
    dtype: Any = jnp.float32

    @property
    def normed(self) -> dict[str, Any]:
        """The fields of this class, for the blocks inside."""
        return {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "axis_name": self.axis_name,
            "dtype": self.dtype,
        }

    def norm(
        self,
        x: jax.Array,
        name: str = "norm",
        *,
        train: bool,
        axis: int = -1,
        lengths: Lengths = None,
        shift: jax.Array | None = None,
        pool: Sequence[int] = (),
    ) -> jax.Array:
        """Batch normalisation, and pooling with it; see `normalisation.BatchNorm`.

        Args:
          x: [batch, ...]; with lengths [batch, frames, ..., channels], whose channels are
            normalised.
          name: of the layer.
          train: use the statistics of the batch, and update the running ones.
          axis: that of the channels.
          lengths: frames of each clip that count; None: all.
          shift: [channels], the bias of the layer before.
          pool: window of the maximum over the result, where all frames count.

        Returns:
          The normalised array, of the shape of x, divided by the window if there is one.
        """
        mask = None if lengths is None else frame_mask(x, lengths)
        layer = BatchNorm(train=train, axis=axis, name=name, **self.normed)
        return layer(x, mask=mask, shift=shift, window=pool)

    def dense_block(
        self, x: jax.Array, units: int, name: str, *, train: bool, dropout: float = 0.0
    ) -> jax.Array:
        """The output [batch, units] of dense layer `name`, batch norm `name`_norm, ReLU, dropout.

        Args:
          x: [batch, dim].
          units: of the dense layer.
          name: of the dense layer.
          train: use and update batch statistics, and drop values.
          dropout: share of the values dropped.
        """
        x = nn.Dense(units, dtype=self.dtype, name=name)(x)
        x = nn.relu(self.norm(x, f"{name}_norm", train=train))
        return nn.Dropout(dropout, deterministic=not train)(x)


class ConvNetwork(BatchNormed, Network, kw_only=True):
    """A network with batch normalisation; see `Network` and `BatchNormed` for the fields."""


def as_image(features: jax.Array) -> jax.Array:
    """[batch, frames, bins(, channels)] → [batch, frames, bins, channels]."""
    return features if features.ndim == 4 else features[..., None]


def as_sequence(features: jax.Array) -> jax.Array:
    """[batch, frames, bins(, channels)] → [batch, frames, dim]: bins and channels side by side."""
    return features.reshape(*features.shape[:2], -1)
