"""Convolutional recurrent networks of the project that `fma_cnn` describes."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.models.fma_cnn import FMANetwork
from mgr_jax.models.masking import Lengths
from mgr_jax.models.network import Output, as_image, as_sequence
from mgr_jax.models.recurrent import CELLS, LastState


class _FMARecurrent(FMANetwork):
    """The common part of the two networks.

    Attributes:
      cell: "gru" or "lstm", in PyTorch's form with two biases per gate.
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
    """

    widths: tuple[int, ...] = (8, 32, 128, 256)
    kernels: tuple[tuple[int, int], ...] = ((3, 3),) * 4
    cell: str = "gru"
    units: int = 128
    directions: int = 1

    def __post_init__(self):
        self.require_choice("cell", CELLS)
        self.require_least(units=1)
        self.require_choice("directions", (1, 2))
        super().__post_init__()

    def _recur(self, x: jax.Array, lengths: Lengths = None) -> jax.Array:
        return LastState(
            self.cell, self.units, self.directions, cudnn=True, dtype=self.dtype, name="rnn"
        )(x, lengths)


class FMACRNN(_FMARecurrent):
    """Four 3x3 convolutions, a recurrent layer on what they give, and two dense layers.

    After Choi et al. (arXiv 1609.04243). The published input has 84 constant-Q bins (`fma_cqt`) and
    640 frames, 29.7 s at 22,050 Hz:

        [640, 84, 1] → [320, 42, 8] → [160, 21, 32] → [80, 7, 128] → [20, 1, 256] → 128 → 128 → 32

    With 50 classes it has 505,938 parameters. Its README reports 44.9 % for this GRU, 43.4 %
    for one in both directions, 41.5 % and 40.1 % for the LSTM in one and two. Bins that remain are
    flattened into the channels.

    Further fields: see `FMANetwork` and `ConvNetwork`.

    Attributes:
      cell: "gru" or "lstm", in PyTorch's form with two biases per gate.
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
    """

    registered: ClassVar[str] = "fma_crnn"
    source: ClassVar[str] = "yijerjer (GitHub), after Choi et al. 2016, arXiv 1609.04243"

    pools: tuple[tuple[int, int], ...] = ((2, 2), (2, 2), (2, 3), (4, 4))
    dense_units: tuple[int, ...] = (128, 32)

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, dense_units[-1]]."""
        x, lengths = self._convolve(as_image(features), train, lengths)
        return self._classify(self._recur(as_sequence(x), lengths), train)


class FMAParallel(_FMARecurrent):
    """`square_cnn`'s convolutions beside a recurrent layer on frames averaged in twenties.

    After Feng et al. (arXiv 1712.08370). The published input has 84 constant-Q bins (`fma_cqt`) and
    640 frames, 29.7 s at 22,050 Hz:

        [640, 84, 1] → convolutions → 256 ⎫
        [640, 84] → means [32, 84] → 256  ⎭ 512 → 256 → 32

    With 8 classes it has 694,376 parameters, as many as the stored weights (731,664) without the
    37,288 of three dense layers that they carry along unused; with 50 classes 695,762. The project
    reports 44.9 % for this LSTM in both directions, 42.0 % for one direction, 43.1 % and 41.6 % for
    the GRU in one and two. Its notebook builds another branch for the cell of the best number:
    `freq_cnn`'s in DenseNet form with a dense layer of 512, here
    `widths=(16, 16, 32, 32), kernels=((5, 1),) * 4, pools=((4, 1), (4, 1), (4, 1), (6, 1)),
    block="densenet", branch_units=512`; the run that is shown there reaches 41.9 %.

    Filling counts: dense layers see what the convolutions leave of every time.

    Further fields: see `FMANetwork` and `ConvNetwork`.

    Attributes:
      cell: "gru" or "lstm", in PyTorch's form with two biases per gate.
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
      average: frames whose mean is one step of the recurrent layer.
      branch_units: size of a dense layer after the convolutions, 0 for none.
    """

    registered: ClassVar[str] = "fma_parallel"
    source: ClassVar[str] = "yijerjer (GitHub), after Feng et al. 2017, arXiv 1712.08370"
    masks_filling: ClassVar[bool] = False

    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 3), (6, 5))
    dense_units: tuple[int, ...] = (256, 32)
    cell: str = "lstm"
    directions: int = 2
    average: int = 20
    branch_units: int = 0

    def __post_init__(self):
        self.require_least(average=1, branch_units=0)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips; "embedding" is [batch, dense_units[-1]]."""
        self.require_size(features, frames=self.average)
        x, _ = self._convolve(as_image(features), train)
        x = x.reshape(len(x), -1)
        if self.branch_units:
            dense = nn.Dense(self.branch_units, dtype=self.dtype, name="branch")
            x = nn.relu(dense(self._drop(x, train)))
        means = nn.avg_pool(as_sequence(features), (self.average,), (self.average,))
        return self._classify(jnp.concatenate([x, self._recur(means)], axis=-1), train)
