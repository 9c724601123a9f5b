"""Continuous-time recurrent networks over the segments of a clip.

LTC: Hasani et al. 2021, "Liquid Time-constant Networks" (arXiv 2006.04439). CfC: Hasani et al.
2022, "Closed-form continuous-time neural networks" (arXiv 2106.13898).
"""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.masking import Lengths, last_frame, mask_frames, shorten
from mgr_jax.models.network import ConvNetwork, Output, as_image


class LTCCell(nn.Module):
    """A liquid time-constant cell: dx/dt = -(1/tau + f) x + f a.

    It is integrated over the elapsed time with the input held, by the paper's fused solver: steps
    x ← (x + dt f a) / (1 + dt (1/tau + f)), of first order and stable for any dt. Each lies between
    x, a and 0, so that a state that starts at 0 never leaves [min(a, 0), max(a, 0)].

    Our choice, where the paper leaves f open: one sigmoid layer of input and state. The authors'
    code (github.com/raminmh/liquid_time_constant_networks) has instead one sigmoid, conductance and
    reversal potential for every pair of neurons. 1/tau is the softplus of "leak" and starts at 1,
    as there. All in float32: in less precision small steps would be lost.

    Attributes:
      units: size of the state.
      unfolds: steps of the solver; 6 in the code.
    """

    units: int
    unfolds: int = 6

    @nn.compact
    def __call__(self, state: jax.Array, x: jax.Array, elapsed: float) -> jax.Array:
        """Maps state [batch, units] and input [batch, features] to the state after `elapsed`."""
        from_input = nn.Dense(self.units, name="input")(x)
        kernel = self.param("state", nn.initializers.orthogonal(), (self.units, self.units))
        # Reversal potentials: in the code 1 or -1, at random.
        target = self.param("target", nn.initializers.normal(1.0), (self.units,))
        leak = self.param("leak", nn.initializers.constant(math.log(math.e - 1)), (self.units,))
        rate = nn.softplus(leak)
        step = elapsed / self.unfolds

        def unfold(_: int, state: jax.Array) -> jax.Array:
            gate = nn.sigmoid(from_input + state @ kernel)
            return (state + step * gate * target) / (1 + step * (rate + gate))

        return lax.fori_loop(0, self.unfolds, unfold, state)


class CfCCell(nn.Module):
    """A closed-form continuous-time cell: x ← s(-f t) g + (1 - s(-f t)) h, with the sigmoid s.

    t is the elapsed time; f, g and h are linear heads, the latter two with tanh, on one layer of
    input and state with LeCun's tanh, 1.7159 tanh(2/3 x). The state never leaves [-1, 1].
    Everything is in float32.

    Attributes:
      units: size of the state.
      backbone: units of that layer.
      time_offset: s(-(f t + b)) with a further head b, as the authors' code
        (github.com/mlech26l/ncps) has it; the paper does not.
    """

    units: int
    backbone: int = 128
    time_offset: bool = False

    @nn.compact
    def __call__(self, state: jax.Array, x: jax.Array, elapsed: float) -> jax.Array:
        """Maps state [batch, units] and input [batch, features] to the state after `elapsed`."""
        x = nn.Dense(self.backbone, name="backbone")(jnp.concatenate([x, state], axis=-1))
        x = 1.7159 * nn.tanh(2 / 3 * x)

        def head(name: str) -> jax.Array:
            return nn.Dense(self.units, name=name)(x)

        exponent = head("f") * elapsed
        if self.time_offset:
            exponent += head("offset")
        gate = nn.sigmoid(-exponent)
        return gate * nn.tanh(head("g")) + (1 - gate) * nn.tanh(head("h"))


class _LiquidNetwork(ConvNetwork):
    """The common part of the two networks: fields, the encoder, the loop over the segments."""

    segment_frames: int = 16
    widths: tuple[int, ...] = (16, 32, 64)
    pools: tuple[tuple[int, int], ...] = ((2, 4), (2, 4), (2, 4))
    units: int = 64
    elapsed: float = 1.0
    dropout: float = 0.3

    def __post_init__(self):
        self.require_least(units=1)
        self.require_sizes("widths")
        self.require_sizes("pools", "widths", 2)
        if not 0 < self.elapsed < math.inf:
            raise UserError(
                f"{self.registered}: elapsed is {self.elapsed}; it must be positive",
                code="model.out_of_range",
            )
        if self.segment_frames < math.prod(time for time, _ in self.pools):
            raise UserError(
                f"{self.registered}: the pools leave nothing of segment_frames "
                f"{self.segment_frames}; use longer segments or less pooling",
                code="model.segment_too_short",
            )
        super().__post_init__()

    def _cell(self) -> nn.Module:
        raise NotImplementedError

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips.

        Args:
          features: [batch, frames, bins] or [batch, frames, bins, channels]; frames that do not
            fill a segment at the end are dropped.
          train: use and update batch statistics, and drop out by the "dropout" key.
          lengths: [batch] frames of each clip that count; None: all.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "sequence" [batch, segments,
          units], the state after each segment, and "embedding" [batch, units], the last of them.

        Raises:
          UserError: the clips have not one segment, or too few bins for the pooling.
        """
        bins = math.prod(bins for _, bins in self.pools)
        self.require_size(features, frames=self.segment_frames, bins=bins)
        x = mask_frames(as_image(features), lengths)  # all of a clip shorter than a segment
        batch, segments = len(x), x.shape[1] // self.segment_frames
        x = x[:, : segments * self.segment_frames]
        x = x.reshape(batch * segments, self.segment_frames, *x.shape[2:])
        lengths, inside = shorten(lengths, self.segment_frames), None
        if lengths is not None:  # a segment counts as a whole, or not at all
            counts = jnp.arange(segments) < lengths[:, None]
            inside = self.segment_frames * counts.reshape(-1).astype(jnp.int32)
        for layer, (width, pool) in enumerate(zip(self.widths, self.pools, strict=True), start=1):
            block = ConvBlock(width, pool, **self.normed, name=f"block{layer}")
            x, inside = block(x, inside, train=train)
        x = x.reshape(batch, segments, -1).astype(jnp.float32)

        def advance(cell: nn.Module, state: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            state = cell(state, x, self.elapsed)
            return state, state

        run = nn.scan(
            advance,
            variable_broadcast="params",
            split_rngs={"params": False},
            in_axes=1,
            out_axes=1,
        )
        _, sequence = run(self._cell(), jnp.zeros((batch, self.units)), x)
        last = last_frame(sequence, lengths)
        return self.classify(last, train=train, dropout=self.dropout, sequence=sequence)


class LTC(_LiquidNetwork):
    """A liquid time-constant cell over the segments of a clip, of any length.

    The clip is cut into segments, and the same convolutions encode each of them. The cell reads one
    after the other; its time advances by `elapsed` at every segment. The cell is Hasani et al.'s
    (2021, arXiv 2006.04439), see `LTCCell`. Its use on segments of spectrograms, the encoder and
    all widths are our choice. On 10 s of log-mels, [431 frames, 128 bins]:

        segments of 16 frames (0.37 s)                    → 26 x 16 x 128
        3x3 convolutions, batch norm, ReLU, pooling       → 26 x 2 x 2 x 64
        bins and steps beside the channels, the cell      → 26 x 64, of which the last

    47,442 parameters with 50 classes.

    Further fields: see `ConvNetwork`.

    Attributes:
      segment_frames: frames of a segment.
      widths: channels of each convolution.
      pools: (time, bins) of the pooling after each.
      units: size of the state.
      elapsed: time from one segment to the next, in any unit, because time constants are learnt: 1
        counts segments; with the length in seconds, 1/tau is a rate in Hz.
      dropout: share dropped before the logits.
      unfolds: steps of the solver for each segment.
    """

    registered: ClassVar[str] = "ltc"
    source: ClassVar[str] = "Hasani et al. 2021, arXiv 2006.04439"

    unfolds: int = 6

    def __post_init__(self):
        self.require_least(unfolds=1)
        super().__post_init__()

    def _cell(self) -> nn.Module:
        return LTCCell(self.units, self.unfolds, name="cell")


class CfC(_LiquidNetwork):
    """A closed-form continuous-time cell over the segments of a clip: `ltc` without a solver.

    The cell is Hasani et al.'s (2022, arXiv 2106.13898), see `CfCCell`; all else is as in `LTC`.
    92,626 parameters with 50 classes.

    Further fields: see `ConvNetwork`.

    Attributes:
      segment_frames: see `LTC`, as all others but the last two.
      backbone: units of the layer below the cell's heads; 128 in the code.
      time_offset: see `CfCCell`.
    """

    registered: ClassVar[str] = "cfc"
    source: ClassVar[str] = "Hasani et al. 2022, arXiv 2106.13898"

    backbone: int = 128
    time_offset: bool = False

    def __post_init__(self):
        self.require_least(backbone=1)
        super().__post_init__()

    def _cell(self) -> nn.Module:
        return CfCCell(self.units, self.backbone, self.time_offset, name="cell")
