"""BBNN: Liu et al. 2019, "Bottom-up Broadcast Neural Network" (arXiv 1901.08928)."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.models.convolution import Conv
from mgr_jax.models.layers import ConvBlock, max_pool
from mgr_jax.models.masking import Lengths, clip_mean, convolve, mask_frames, shorten
from mgr_jax.models.network import BatchNormed, ConvNetwork, Output, as_image


class InceptionBlock(BatchNormed):
    """The input beside four branches of it, each batch norm → ReLU → convolution.

    "one": 1x1; "three": 1x1 and 3x3; "five": 1x1 and 5x5; "pool": 3x3 max pooling with stride 1,
    then 1x1.

    Attributes:
      features: channels of each branch.
      order: of the branches beside each other.
    """

    features: int
    order: tuple[str, ...]

    @nn.compact
    def __call__(self, x: jax.Array, lengths: Lengths = None, *, train: bool) -> jax.Array:
        """Maps [batch, frames, bins, c] to [batch, frames, bins, c + 4 * features]."""

        def conv(x: jax.Array, size: int, name: str) -> jax.Array:
            layer = Conv(
                self.features,
                (size, size),
                kernel_init=nn.initializers.glorot_uniform(),
                dtype=self.dtype,
                name=name,
            )
            x = nn.relu(self.norm(x, f"{name}_norm", train=train, lengths=lengths))
            return convolve(layer, x, lengths)[0]

        pooled = mask_frames(x, lengths, -jnp.inf)
        pooled = max_pool(pooled, (3, 3), strides=(1, 1), padding=((1, 1), (1, 1)))
        pooled = mask_frames(pooled, lengths)  # nothing is to be computed of infinities
        branches = {
            "one": conv(x, 1, "one"),
            "three": conv(conv(x, 1, "three_in"), 3, "three"),
            "five": conv(conv(x, 1, "five_in"), 5, "five"),
            "pool": conv(pooled, 1, "pool"),
        }
        return jnp.concatenate([x, *(branches[name] for name in self.order)], axis=-1)


class BBNN(ConvNetwork):
    """A convolution, three inception blocks that pass on everything before them, global average.

    This is the form of the authors' code (CaifengLiu, Keras). It has 185,642 parameters with 10
    classes and 186,962 with 50; without batch norm 180,458, the number quoted for the paper. The
    input is `bbnn`, the mel bins of 30 s at 22,050 Hz:

        [647, 128, 1] → [161, 128, 32] → [161, 128, 160] → [161, 128, 288] → [161, 128, 416]
        → [161, 128, 32] → [80, 64, 32] → 32

    The paper reports 93.9 % on GTZAN in 10-fold cross-validation (as recalled, not verified). The
    authors' notebook shows 91.3 %, the mean of ten random splits, which share artists.

    Further fields: see `ConvNetwork`.

    Attributes:
      width: channels of the first convolution and of each branch.
      pool: (time, bins) of the max pooling after the first convolution.
      blocks: number of inception blocks.
      transition: channels after them.
      dropout: share dropped before the logits.
    """

    registered: ClassVar[str] = "bbnn"
    source: ClassVar[str] = "Liu et al. 2019, arXiv 1901.08928"
    order: ClassVar[tuple[str, ...]] = ("one", "three", "five", "pool")
    padding: ClassVar[str] = "SAME"

    width: int = 32
    pool: tuple[int, int] = (4, 1)
    blocks: int = 3
    transition: int = 32
    dropout: float = 0.0
    momentum: float = 0.99
    epsilon: float = 1e-3

    def __post_init__(self):
        self.require_least(width=1, blocks=1, transition=1)
        self.require_sizes("pool", 2)
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, transition]."""
        lost = 2 if self.padding == "VALID" else 0
        frames, bins = (2 * size + lost for size in self.pool)
        self.require_size(features, frames=frames, bins=bins)
        stem = ConvBlock(
            self.width,
            self.pool,
            padding=self.padding,
            kernel_init=nn.initializers.glorot_uniform(),
            **self.normed,
            name="stem",
        )
        x, lengths = stem(as_image(features), lengths, train=train)
        for layer in range(1, self.blocks + 1):
            block = InceptionBlock(self.width, self.order, **self.normed, name=f"block{layer}")
            x = block(x, lengths, train=train)
        x = nn.relu(self.norm(x, "transition_norm", train=train, lengths=lengths))
        transition = Conv(
            self.transition,
            (1, 1),
            kernel_init=nn.initializers.glorot_uniform(),
            dtype=self.dtype,
            name="transition",
        )
        x, lengths = convolve(transition, x, lengths)
        x, lengths = nn.avg_pool(x, (2, 2), (2, 2)), shorten(lengths, 2)
        x = clip_mean(nn.relu(self.norm(x, "norm", train=train, lengths=lengths)), lengths)
        return self.classify(x, train=train, dropout=self.dropout)


class BBNNCQT(BBNN):
    """BBNN on constant-Q spectrograms, half as wide, with dropout.

    A PyTorch form (github.com/yijerjer/music_genre_classification) that differs from `bbnn` in the
    first convolution, which is not padded, in the order of the branches, and in the dropout. The
    input is `fma_cqt`, 29.7 s at 22,050 Hz:

        [640, 84, 1] → [159, 82, 16] → [159, 82, 80] → [159, 82, 144] → [159, 82, 208]
        → [159, 82, 32] → [79, 41, 32] → 32

    With 8 classes it has 51,496 parameters, with 50 classes 52,882. The project reports 51.1 % on
    FMA small, the largest accuracy over the checkpoints on the test split.

    Fields: see `BBNN` and `ConvNetwork`.
    """

    registered: ClassVar[str] = "bbnn_cqt"
    source: ClassVar[str] = "yijerjer (GitHub), after Liu et al. 2019, arXiv 1901.08928"
    order: ClassVar[tuple[str, ...]] = ("pool", "three", "five", "one")
    padding: ClassVar[str] = "VALID"

    width: int = 16
    dropout: float = 0.5
    momentum: float = 0.9
    epsilon: float = 1e-5
