"""musicnn: Pons and Serra 2019, "musicnn: Pre-trained Convolutional Networks" (1909.06654)."""

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.convolution import Conv
from mgr_jax.models.layers import clip_max, global_max
from mgr_jax.models.masking import Lengths, clip_mean, convolve
from mgr_jax.models.network import ConvNetwork, Output, as_image


class PonsNetwork(ConvNetwork):
    """The common part of the authors' networks: ReLU, then batch norm with TensorFlow's settings.

    See `ConvNetwork` for the fields.
    """

    momentum: float = 0.99
    epsilon: float = 1e-3

    def _activate(self, x: jax.Array, name: str, train: bool, lengths: Lengths = None) -> jax.Array:
        return self.norm(nn.relu(x), f"{name}_norm", train=train, lengths=lengths)

    def _convolve(
        self,
        x: jax.Array,
        width: int,
        kernel: Sequence[int],
        name: str,
        train: bool,
        padding: str | Sequence[tuple[int, int]] = "SAME",
        lengths: Lengths = None,
    ) -> jax.Array:
        conv = Conv(
            width,
            kernel,
            padding=padding,
            kernel_init=nn.initializers.he_normal(),
            dtype=self.dtype,
            name=name,
        )
        x, lengths = convolve(conv, x, lengths)
        return self._activate(x, name, train, lengths)


class Musicnn(PonsNetwork):
    """Convolutions shaped for timbre and for tempo, three more over time, pooled, a dense layer.

    Pons and Serra 2019 (arXiv 1909.06654; github.com/jordipons/musicnn), after Pons et al. 2018
    (arXiv 1711.02520). Input: the front end `musicnn`, 187 frames (3 s at 16 kHz) of 96 bins.

    - Timbre: 7 frames x 38 or 67 bins, 204 channels each, maximum over bins.
    - Tempo: 128, 64 or 32 frames x 1 bin, 51 channels each, maximum over bins.
    - 3 convolutions of 7 frames over these 561 channels, with shortcuts around two.
    - Maximum and mean over time of all 753 channels, channel by channel, and a dense layer.

    787,159 parameters with 50 classes; 7,980,235 with `midend=512, dense_units=500`, the authors'
    larger one for the Million Song Dataset. `musicnn_torch` is Won's port.

    Further fields: see `ConvNetwork`.

    Attributes:
      heights: of the timbre kernels, as shares of the bins.
      timbre: channels of each.
      lengths: of the tempo kernels, in frames.
      tempo: channels of each.
      midend: channels of the convolutions that follow.
      dense_units: of the dense layer.
      dropout: share dropped before the dense layer and before the logits.
    """

    registered: ClassVar[str] = "musicnn"
    source: ClassVar[str] = "Pons and Serra 2019, arXiv 1909.06654"

    heights: tuple[float, ...] = (0.4, 0.7)
    timbre: int = 204
    lengths: tuple[int, ...] = (128, 64, 32)
    tempo: int = 51
    midend: int = 64
    dense_units: int = 200
    dropout: float = 0.5

    def __post_init__(self):
        self.require_least(timbre=1, tempo=1, midend=1, dense_units=1)
        self.require_sizes("lengths")
        known = all(isinstance(height, int | float) and 0 < height <= 1 for height in self.heights)
        if not self.heights or not known:
            raise UserError(
                f"{self.registered}: heights is {self.heights!r}; give shares of the bins, above 0 "
                "and up to 1",
                code="model.out_of_range",
            )
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool, lengths: Lengths = None) -> Output:
        """Classifies clips; "embedding" is [batch, dense_units]."""
        self.require_size(features)
        image = self.norm(as_image(features), "input_norm", train=train, lengths=lengths)
        branches = []
        for number, height in enumerate(self.heights, start=1):
            kernel = (7, max(1, int(height * image.shape[2])))
            x = self._convolve(
                image, self.timbre, kernel, f"timbre{number}", train, ((3, 3), (0, 0)), lengths
            )
            branches.append(global_max(x, axis=2))
        image = self._before_tempo(image)
        for number, length in enumerate(self.lengths, start=1):
            x = self._convolve(
                image, self.tempo, (length, 1), f"tempo{number}", train, lengths=lengths
            )
            branches.append(global_max(x, axis=2))
        x = jnp.concatenate(branches, axis=-1)

        found = [x]
        for layer in (1, 2, 3):
            added = self._convolve(x, self.midend, (7,), f"midend{layer}", train, lengths=lengths)
            x = added if layer == 1 else x + added
            found.append(x)
        x = self._summarise(jnp.concatenate(found, axis=-1), lengths, train)
        x = nn.Dense(self.dense_units, dtype=self.dtype, name="dense")(x)
        return self.classify(self._activate(x, "dense", train), train=train, dropout=self.dropout)

    def _before_tempo(self, image: jax.Array) -> jax.Array:
        return image

    def _summarise(self, x: jax.Array, lengths: Lengths, train: bool) -> jax.Array:
        """[batch, frames, channels] → [batch, 2 * channels]."""
        both = [clip_max(x, lengths), clip_mean(x, lengths)]
        x = jnp.stack(both, axis=-1).reshape(len(x), -1)
        x = self.norm(x, "summary_norm", train=train)
        return nn.Dropout(self.dropout, deterministic=not train)(x)


class MusicnnTorch(Musicnn):
    """`Musicnn` as Won et al. 2020 ported it to PyTorch.

    From arXiv 2006.00751 and github.com/minzwon/sota-music-tagging-models. Input: the front end
    `won2020_96`, 188 frames (3 s) of 96 bins. It differs from the original in that ReLU follows
    batch norm, the tempo kernels see the mean over the bins, odd kernel lengths, the order of the
    timbre kernels, all maxima before all means, and no norm or dropout before the dense layer.
    784,300 parameters with 50 classes; `midend=512, dense_units=500` for the Million Song Dataset.

    Further fields: see `Musicnn` and `ConvNetwork`.
    """

    registered: ClassVar[str] = "musicnn_torch"
    source: ClassVar[str] = "Pons and Serra 2019, arXiv 1909.06654, as in arXiv 2006.00751"

    heights: tuple[float, ...] = (0.7, 0.4)
    lengths: tuple[int, ...] = (129, 65, 33)
    momentum: float = 0.9
    epsilon: float = 1e-5

    def _activate(self, x: jax.Array, name: str, train: bool, lengths: Lengths = None) -> jax.Array:
        return nn.relu(self.norm(x, f"{name}_norm", train=train, lengths=lengths))

    def _before_tempo(self, image: jax.Array) -> jax.Array:
        return image.mean(axis=2, keepdims=True)

    def _summarise(self, x: jax.Array, lengths: Lengths, train: bool) -> jax.Array:
        return jnp.concatenate([clip_max(x, lengths), clip_mean(x, lengths)], axis=-1)
