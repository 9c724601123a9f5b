"""GenreClassifier: waveforms or stored features in, logits out; all that other parts see."""

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
      dtype: of an example as it is moved to the device; int16 is scaled by 2**-15 and uint8 by
        1/255 there.
      sample_rate: in Hz; of features, frames per second.
      task: "single_label" or "multi_label".
      clip_samples: samples of a clip; of features, frames.
      short_clip: how a shorter clip is filled: "zero_pad" or "repeat".
      min_samples: the fewest samples that can be used at all, those of one frame.
      aux: further inputs by name, with their shapes.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    sample_rate: float
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


@dataclasses.dataclass(frozen=True)
class FeatureFormat:
    """What a dataset of features holds.

    Attributes:
      item_shape: of a frame: (bins,) or (bins, channels).
      dtype: as stored: uint8, float16 or float32.
      frame_rate: frames per second.
    """

    item_shape: tuple[int, ...]
    dtype: str
    frame_rate: float


class GenreClassifier(nn.Module):
    """Front end, input normalisation and model as one module.

    Attributes:
      frontend: waveform [batch, samples] float32, or stored features, → [batch, frames, bins].
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
          inputs: [batch, samples] int16 or float32 in [-1, 1]; or what the front end `features`
            takes, [batch, frames, bins] uint8, float16 or float32.
          train: use batch statistics and dropout (rng "dropout").

        Returns:
          Logits [batch, classes] float32, and named intermediates such as "embedding".
        """
        if inputs.dtype == jnp.int16:
            inputs = inputs.astype(jnp.float32) / 32768.0
        elif inputs.dtype == jnp.uint8:
            inputs = inputs.astype(jnp.float32) / 255.0
        features = self.frontend(inputs.astype(jnp.float32))
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
    config: ConfigDict,
    num_classes: int,
    *,
    features: FeatureFormat | None = None,
    axis_name: str | None = None,
) -> tuple[GenreClassifier, InputSpec]:
    """Builds the classifier a config describes, with its input spec.

    Args:
      config: see `mgr_jax.config`.
      num_classes: number of logits.
      features: what the dataset holds, if not waveforms.
      axis_name: mapped axis over which batch statistics are averaged, if any.

    Raises:
      UserError: an unknown front end, model or argument, a clip too short for them, or a front end
        for other data.
    """
    if (config.frontend.name == "features") != (features is not None):
        wanted = "another front end" if features is None else "config.frontend.name=features"
        raise UserError(
            f"config.frontend.name is {config.frontend.name}, but {config.dataset} holds "
            f"{'waveforms' if features is None else 'features'}; use {wanted}"
        )
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
        kind="features" if features else "waveform",
        shape=(config.clip_samples, *(features.item_shape if features else ())),
        dtype=features.dtype if features else "int16",
        sample_rate=features.frame_rate if features else config.sample_rate,
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
