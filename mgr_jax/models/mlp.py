"""Dense network on a table of features."""

from typing import ClassVar

import jax
from flax import linen as nn

from mgr_jax.models.network import ConvNetwork, Output

ACTIVATIONS = {"elu": nn.elu, "relu": nn.relu, "tanh": nn.tanh}


class MLP(ConvNetwork):
    """Dense layers on all bins of all frames at once.

    It is for rows of hand-made features: one frame, with one bin per column of the table. It does
    not scale them; `config.input_norm=batch` standardises every column by training statistics. The
    defaults are our choice; with 57 features and 50 classes they have 59,250 parameters. Published
    forms: `units=(50,), activation="tanh"` for rows of 30 s and `units=(100, 250, 250, 100)`
    for rows of 3 s (S. Mannan, report for CS 542, Colorado State University), both `dropout=0.0`;
    `units=(1000, 100), dropout=0.0` for the waveform at 2 kHz (github.com/mdeff/fma, baselines).

    Filling counts: every frame has weights of its own.

    Further fields: see `ConvNetwork`; those of batch norm matter with `batch_norm` alone.

    Attributes:
      units: sizes of the hidden layers.
      activation: "relu", "tanh" or "elu" of the hidden layers.
      batch_norm: normalise before the activations.
      dropout: share dropped after each hidden layer.
    """

    registered: ClassVar[str] = "mlp"
    source: ClassVar[str] = "ours"
    masks_filling: ClassVar[bool] = False

    units: tuple[int, ...] = (256, 128, 64)
    activation: str = "relu"
    batch_norm: bool = False
    dropout: float = 0.3

    def __post_init__(self):
        self.require_choice("activation", ACTIVATIONS)
        self.require_sizes("units")
        super().__post_init__()

    @nn.compact
    def __call__(self, features: jax.Array, *, train: bool) -> Output:
        """Classifies clips; "embedding" is [batch, units[-1]]."""
        self.require_size(features)
        x = features.reshape(len(features), -1)
        for layer, size in enumerate(self.units, start=1):
            if layer > 1:
                x = nn.Dropout(self.dropout, deterministic=not train)(x)
            x = nn.Dense(
                size,
                kernel_init=nn.initializers.he_normal(),
                dtype=self.dtype,
                name=f"dense{layer}",
            )(x)
            if self.batch_norm:
                x = self.norm(x, f"dense{layer}_norm", train=train)
            x = ACTIVATIONS[self.activation](x)
        return self.classify(x, train=train, dropout=self.dropout)
