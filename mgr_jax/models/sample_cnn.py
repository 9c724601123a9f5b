"""SampleCNN: Lee et al. 2017, "Sample-level Deep Convolutional Neural Networks" (1703.01789)."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from mgr_jax.errors import UserError
from mgr_jax.models.layers import ConvBlock


class SampleCNN(nn.Module):
    """A strided convolution and `depth` pooled ones, all `base` samples wide, on the waveform.

    The defaults are the paper's 3^9 model for 59,049 samples (2.7 s at 22,050 Hz); `base=2` and
    `depth=13` is its 2^13 model for 16,384. Both have, in github.com/jongpillee/sampleCNN, 128
    channels in the first three convolutions, 512 in the last two and 256 in between; other depths
    follow the same rule here. Longer clips leave several steps, whose maximum is taken.

    Attributes:
      num_classes: number of logits.
      base: width of the kernels and of the pooling, and stride of the first convolution.
      depth: number of pooled convolutions.
      last_kernel: width of the last kernel: 1 as published, 3 as in CLMR (2103.09410).
      dropout: share dropped before the logits.
      momentum: of batch norm: the share of the old running statistics kept at each step.
      epsilon: of batch norm: added to the variance.
      axis_name: mapped axis over which the batch statistics are averaged, if any.
      dtype: of the computation; parameters and logits are float32.
    """

    num_classes: int
    base: int = 3
    depth: int = 9
    last_kernel: int = 1
    dropout: float = 0.5
    momentum: float = 0.9
    epsilon: float = 1e-3
    axis_name: str | None = None
    dtype: Any = jnp.float32

    def __post_init__(self):
        for field, least in (("base", 2), ("depth", 1), ("last_kernel", 1)):
            if getattr(self, field) < least:
                raise UserError(
                    f"sample_cnn: {field} is {getattr(self, field)}; use {least} or more"
                )
        super().__post_init__()

    @property
    def min_samples(self) -> int:
        """Fewest samples of a clip."""
        return self.base ** (self.depth + 1)

    @nn.compact
    def __call__(
        self, features: jax.Array, *, train: bool
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Classifies clips.

        Args:
          features: [batch, samples, 1] from the front end "waveform"; further bins and channels
            are seen as channels.
          train: use and update batch statistics, and drop out by the "dropout" key.

        Returns:
          Logits [batch, num_classes] float32 and intermediates: "embedding" [batch, 512].

        Raises:
          UserError: the clips have fewer than `min_samples`.
        """
        samples = features.shape[1]
        if samples < self.min_samples:
            raise UserError(
                f"sample_cnn got clips of {samples} samples, but base {self.base} and depth "
                f"{self.depth} need at least {self.min_samples}; use longer clips or less depth"
            )

        def conv(x: jax.Array, width: int, kernel: int, pool: int, **kwargs: Any) -> jax.Array:
            return ConvBlock(
                width,
                (pool,),
                dropout=0.0,
                momentum=self.momentum,
                epsilon=self.epsilon,
                axis_name=self.axis_name,
                dtype=self.dtype,
                kernel=(kernel,),
                activation=nn.relu,
                kernel_init=nn.initializers.he_uniform(),
                **kwargs,
            )(x, train=train)

        x = features.reshape(*features.shape[:2], -1)
        x = conv(x, 128, self.base, 1, stride=self.base, padding="VALID", name="stem")
        for layer in range(1, self.depth + 1):
            width = 512 if layer == self.depth else 128 if layer < 3 else 256
            x = conv(x, width, self.base, self.base, name=f"block{layer}")
        x = conv(x, 512, self.last_kernel, 1, name="last")
        embedding = x.max(axis=1).astype(jnp.float32)
        x = nn.Dropout(self.dropout, deterministic=not train)(embedding)
        return nn.Dense(self.num_classes, name="head")(x), {"embedding": embedding}
