"""Networks that see a clip as a sequence of frames, from published and unpublished baselines.

`crnn1d` is a published network. `cnn1d`, `rnn` and `simple_crnn` are plain forms for spectrograms
or cepstra: all their widths are our choice.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.models.layers import ConvBlock
from mgr_jax.models.masking import Lengths, clip_mean, reverse
from mgr_jax.models.network import ConvNetwork, Network, Output, as_image, as_sequence
from mgr_jax.models.recurrent import CELLS, GATES, LastState


class CNN1D(ConvNetwork):
    """Convolutions over time that take the bins as channels, and their mean over time.

    The idea is that of Dieleman and Schrauwen 2014, "End-to-end learning for music audio", on mel
    bins. Our choice: three convolutions of 64, 128 and 256 channels over 5 frames, each with batch
    norm, ReLU, max pooling by 4 frames and dropout of 0.3. For 20 cepstra and 1291 frames (30 s at
    22,050 Hz): [1291, 20] → [322, 64] → [80, 128] → [20, 256] → 256. With 50 classes it has 225,394
    parameters.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution.
      kernel: frames of the kernels.
      pool: frames of the max pooling after each convolution.
      padding: "SAME" or "VALID", of the convolutions.
      conv_dropout: share dropped after each convolution.
    """

    registered: ClassVar[str] = "cnn1d"
    source: ClassVar[str] = "after Dieleman and Schrauwen 2014, ICASSP"

    widths: tuple[int, ...] = (64, 128, 256)
    kernel: int = 5
    pool: int = 4
    padding: str = "SAME"
    conv_dropout: float = 0.3

    def __post_init__(self):
        self.require_choice("padding", ("SAME", "VALID"))
        self.require_least(kernel=1, pool=1)
        self.require_sizes("widths")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, dim]."""
        x, lengths = self._convolve(features, lengths, train)
        return self._summarise(x, lengths, train)

    def _convolve(
        self, features: jax.Array, lengths: Lengths, train: bool
    ) -> tuple[jax.Array, Lengths]:
        lost = self.kernel - 1 if self.padding == "VALID" else 0
        frames = 1
        for _ in self.widths:
            frames = frames * self.pool + lost
        self.require_size(features, frames=frames)
        x = as_sequence(features)
        for layer, width in enumerate(self.widths, start=1):
            block = ConvBlock(
                width,
                (self.pool,),
                self.conv_dropout,
                (self.kernel,),
                padding=self.padding,
                kernel_init=nn.initializers.glorot_uniform(),
                **self.normed,
                name=f"block{layer}",
            )
            x, lengths = block(x, lengths, train=train)
        return x, lengths

    def _summarise(self, x: jax.Array, lengths: Lengths, train: bool) -> Output:
        return self.classify(clip_mean(x, lengths), train=train)


class CRNN1D(CNN1D):
    """Three convolutions over time, an LSTM and a linear layer, on 640 frames of 128 mel bins.

    github.com/priya-dwivedi/Music_Genre_Classification, CRNN_model. The input is `prcnn_mel`,
    29.7 s at 22,050 Hz: [640, 128] → [318, 56] → [157, 56] → [76, 56] → 96 → 64. With 8 classes it
    has 133,184 parameters and 336 batch statistics, with 50 classes 135,914 parameters. Its author
    reports 49.9 % on FMA small's validation and 44.1 % on its test split. The dense layer before
    the logits has no activation there, nor here.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution.
      kernel: frames of the kernels.
      pool: frames of the max pooling after each convolution.
      padding: "SAME" or "VALID", of the convolutions.
      conv_dropout: share dropped after each convolution.
      dropout: share dropped after the LSTM and after the linear layer.
      cell: "gru" or "lstm".
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
      gate: "sigmoid" or "hard_sigmoid" of the recurrent layer.
      dense_units: size of the linear layer.
    """

    registered: ClassVar[str] = "crnn1d"
    source: ClassVar[str] = "Dwivedi 2018 (GitHub)"

    widths: tuple[int, ...] = (56, 56, 56)
    pool: int = 2
    padding: str = "VALID"
    conv_dropout: float = 0.4
    dropout: float = 0.4
    cell: str = "lstm"
    units: int = 96
    directions: int = 1
    gate: str = "hard_sigmoid"
    dense_units: int = 64
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_choice("cell", CELLS)
        self.require_choice("gate", GATES)
        self.require_least(units=1, dense_units=1)
        self.require_choice("directions", (1, 2))
        super().__post_init__()

    def _summarise(self, x: jax.Array, lengths: Lengths, train: bool) -> Output:
        x = LastState(
            self.cell, self.units, self.directions, self.gate, dtype=self.dtype, name="rnn"
        )(x, lengths)
        x = nn.Dropout(self.dropout, deterministic=not train)(x)
        x = nn.Dense(self.dense_units, dtype=self.dtype, name="dense")(x)
        return self.classify(x, train=train, dropout=self.dropout)


class RNN(Network):
    """Recurrent layers on the frames; the last state of the last of them is classified.

    The idea is that of Graves et al. 2013 (arXiv 1303.5778): layers upon each other, each of which
    may run in both directions. Our choice: two GRUs of 64 units in one direction, dropout of 0.3
    between them and before the logits. For 20 cepstra with 50 classes it has 44,338 parameters. The
    frames of 30 s are many: a front end with a long hop trains faster.

    Further fields: see `Network`.

    Attributes:
      cell: "gru" or "lstm".
      units: size of each layer, of each direction.
      layers: number of layers.
      directions: 1, or 2 for a second half of every layer that runs backwards.
      dropout: share dropped between the layers and before the logits.
    """

    registered: ClassVar[str] = "rnn"
    source: ClassVar[str] = "after Graves et al. 2013, arXiv 1303.5778"

    cell: str = "gru"
    units: int = 64
    layers: int = 2
    directions: int = 1
    dropout: float = 0.3

    def __post_init__(self):
        self.require_choice("cell", CELLS)
        self.require_least(units=1, layers=1)
        self.require_choice("directions", (1, 2))
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, directions * units]."""
        self.require_size(features)
        x = as_sequence(features)
        for layer in range(1, self.layers):
            cell = CELLS[self.cell]
            states = [cell(self.units, dtype=self.dtype, name=f"forward{layer}")(x)]
            if self.directions == 2:
                backward = cell(self.units, dtype=self.dtype, name=f"backward{layer}")
                states.append(reverse(backward(reverse(x, lengths)), lengths))
            x = jnp.concatenate(states, axis=-1)
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        last = LastState(self.cell, self.units, self.directions, dtype=self.dtype, name="last")
        return self.classify(last(x, lengths), train=train, dropout=self.dropout)


class SimpleCRNN(ConvNetwork):
    """3x3 convolutions, then one recurrent layer whose last state is classified.

    The idea is that of Choi et al. 2016 (arXiv 1609.04243), whose own network is `choi_crnn`. Our
    choice: three convolutions of 32, 64 and 64 channels, each with batch norm, ReLU, max pooling
    and dropout of 0.2, a GRU of 64 units, dropout of 0.3 before the logits. For 20 cepstra and 1291
    frames (30 s at 22,050 Hz): [1291, 20, 1] → [322, 10, 32] → [80, 5, 64] → [20, 2, 64] → 64. With
    50 classes it has 96,370 parameters.

    Further fields: see `ConvNetwork`.

    Attributes:
      widths: channels of each convolution.
      pools: (time, bins) of the max pooling after each convolution.
      cell: "gru" or "lstm".
      units: size of the recurrent layer, of each direction.
      directions: 1, or 2 for a second layer that runs backwards.
      conv_dropout: share dropped after each convolution.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "simple_crnn"
    source: ClassVar[str] = "after Choi et al. 2016, arXiv 1609.04243"

    widths: tuple[int, ...] = (32, 64, 64)
    pools: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 2))
    cell: str = "gru"
    units: int = 64
    directions: int = 1
    conv_dropout: float = 0.2
    dropout: float = 0.3

    def __post_init__(self):
        self.require_choice("cell", CELLS)
        self.require_least(units=1)
        self.require_choice("directions", (1, 2))
        self.require_sizes("widths")
        self.require_sizes("pools", "widths", 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, directions * units]."""
        self.require_pooling(features, self.pools)
        x = as_image(features)
        for layer, (width, pool) in enumerate(zip(self.widths, self.pools, strict=True), start=1):
            block = ConvBlock(width, pool, self.conv_dropout, **self.normed, name=f"block{layer}")
            x, lengths = block(x, lengths, train=train)
        last = LastState(self.cell, self.units, self.directions, dtype=self.dtype, name="rnn")
        return self.classify(last(as_sequence(x), lengths), train=train, dropout=self.dropout)
