"""GenreClassifier: waveforms in, logits out. All that training, prediction and export see."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from mgr_jax.audio.frontends import create_frontend
from mgr_jax.errors import UserError
from mgr_jax.models import create_model


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """What a classifier takes; saved with every run as input_spec.json.

    Attributes:
      kind: "waveform" (mono samples) or "features".
      shape: of one example, without the batch.
      dtype: of an example as it is moved to the device; int16 is scaled by 2**-15 there.
      sample_rate: in Hz.
      task: "single_label" or "multi_label".
      clip_samples: samples of a clip.
      short_clip: how a shorter clip is filled: "zero_pad" or "repeat".
      min_samples: the fewest samples that can be used at all, those of one frame.
      aux: further inputs by name, with their shapes.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    sample_rate: int
    task: str
    clip_samples: int
    short_clip: str
    min_samples: int
    aux: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Writes the spec as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> "InputSpec":
        """Reads a spec that `save` wrote."""
        fields = json.loads(path.read_text())
        return cls(**fields | {"shape": tuple(fields["shape"])})


class GenreClassifier(nn.Module):
    """Front end, input normalisation and model as one module.

    Attributes:
      frontend: waveform [batch, samples] float32 → features [batch, frames, bins].
      model: features → (logits [batch, classes], named intermediates).
      input_norm: "batch" normalises every bin (every channel, where there are channels) by batch
        statistics, "none" does nothing.
      axis_name: of the devices that share batch statistics, under pmap.
    """

    frontend: nn.Module
    model: nn.Module
    input_norm: str = "batch"
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, inputs: jax.Array, *, train: bool = False
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Classifies a batch.

        Args:
          inputs: [batch, samples] int16 or float32 in [-1, 1].
          train: use batch statistics and dropout (rng "dropout").

        Returns:
          Logits [batch, classes] float32, and named intermediates such as "embedding".
        """
        if inputs.dtype == jnp.int16:
            inputs = inputs.astype(jnp.float32) / 32768.0
        features = self.frontend(inputs)
        if self.input_norm == "batch":
            features = nn.BatchNorm(
                use_running_average=not train,
                momentum=0.9,
                epsilon=1e-3,
                axis_name=self.axis_name,
                name="input_norm",
            )(features)
        logits, intermediates = self.model(features, train=train)
        return logits.astype(jnp.float32), intermediates


def create_classifier(
    config: ConfigDict, num_classes: int, *, axis_name: str | None = None
) -> tuple[GenreClassifier, InputSpec]:
    """Builds the classifier a config describes, with its input spec.

    Raises:
      UserError: an unknown front end, model or argument, or a clip too short for them.
    """
    frontend = create_frontend(
        config.frontend.name, sample_rate=config.sample_rate, **config.frontend.kwargs.to_dict()
    )
    model = create_model(
        config.model.name,
        num_classes=num_classes,
        axis_name=axis_name,
        dtype=jnp.dtype(config.compute_dtype),
        **config.model.kwargs.to_dict(),
    )
    if config.clip_samples < frontend.frame_samples:
        raise UserError(
            f"config.clip_samples is {config.clip_samples}, shorter than the "
            f"{frontend.frame_samples} samples of one {config.frontend.name} frame; make it longer"
        )
    spec = InputSpec(
        kind="waveform",
        shape=(config.clip_samples,),
        dtype="int16",
        sample_rate=config.sample_rate,
        task=config.task,
        clip_samples=config.clip_samples,
        short_clip=config.short_clip,
        min_samples=frontend.frame_samples,
    )
    return GenreClassifier(frontend, model, config.input_norm, axis_name), spec


def init_variables(classifier: GenreClassifier, spec: InputSpec, seed: int) -> dict[str, Any]:
    """Initialises parameters and batch statistics from a seed."""
    example = jnp.zeros((1, *spec.shape), spec.dtype)
    return jax.jit(classifier.init)({"params": jax.random.key(seed)}, example)


def abstract_variables(classifier: GenreClassifier, spec: InputSpec) -> dict[str, Any]:
    """Shapes and dtypes of the variables, computing nothing."""
    return jax.eval_shape(
        classifier.init,
        {"params": jax.random.key(0)},
        jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype),
    )
