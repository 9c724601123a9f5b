"""`GenreClassifier`: waveforms or stored features in, logits out. Other parts see nothing else."""

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.errors import FlaxError
from ml_collections import ConfigDict

from mgr_jax.audio import dsp
from mgr_jax.audio.frontends import Frontend, create_frontend
from mgr_jax.errors import UserError
from mgr_jax.input_spec import FeatureFormat, InputSpec
from mgr_jax.models import Network, create_model
from mgr_jax.models.masking import frame_mask
from mgr_jax.models.normalisation import BatchNorm
from mgr_jax.side_inputs import SOUND_ALONE, SideFormat

_LARGEST = 2**31  # numbers of a batch or a network: 8 GiB, and training keeps four of each


class GenreClassifier(nn.Module):
    """Front end, input normalisation and model as one module.

    Attributes:
      frontend: waveform [batch, samples] float32, or stored features, → [batch, frames, bins].
      model: features → (logits [batch, classes], named intermediates).
      input_norm: "batch" normalises every bin (every channel, where there are channels) by batch
        statistics, "none" does nothing.
      axis_name: of the devices that share batch statistics, under pmap.
    """

    frontend: Frontend
    model: Network
    input_norm: str = "batch"
    axis_name: str | None = None

    @property
    def masks_filling(self) -> bool:
        """Whether the model ignores the filling of clips, as every front end does."""
        return self.model.masks_filling

    @nn.compact
    def __call__(
        self,
        inputs: jax.Array,
        aux: Mapping[str, jax.Array] | None = None,
        lengths: jax.Array | None = None,
        *,
        train: bool = False,
        augment: Callable[[jax.Array, jax.Array | None], jax.Array] | None = None,
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        """Classifies a batch.

        Args:
          inputs: [batch, samples + 2 * context] int16 or float32 in [-1, 1]; or, for the front end
            `precomputed`, [batch, frames, bins] uint8, float16 or float32.
          aux: statistics of the clips' tracks, if the front end needs them, see InputSpec.aux; in
            `init`, those of the training split, if the front end keeps them; and the inputs of a
            `Fusion`.
          lengths: [batch] int32, samples of each clip (frames of stored features); the zeros after
            them do not count. None: all clips are full. See `masks_filling`.
          train: use batch statistics and dropout (rng "dropout").
          augment: a function of the normalised features and the number of frames of each clip.

        Returns:
          Logits [batch, classes] float32, and named intermediates such as "embedding".
        """
        told = {} if lengths is None else {"lengths": lengths}
        features = self.frontend(dsp.to_float(inputs), aux, **told)
        if lengths is not None:
            told["lengths"] = lengths = self.frontend.frame_lengths(lengths)
        if self.input_norm == "batch":
            norm = BatchNorm(
                train=train,
                momentum=0.9,
                epsilon=1e-3,
                axis_name=self.axis_name,
                name="input_norm",
            )
            mask = None if lengths is None else frame_mask(features, lengths)
            features = norm(features, mask=mask)
        if augment is not None:
            features = augment(features, lengths)
        # A network of a user need not be a `Network`.
        side = (aux,) if getattr(self.model, "with_side", False) else ()
        logits, intermediates = self.model(features, *side, train=train, **told)
        return logits.astype(jnp.float32), intermediates


def create_classifier(
    config: ConfigDict,
    num_classes: int,
    *,
    features: FeatureFormat | None = None,
    side: SideFormat = SOUND_ALONE,
    axis_name: str | None = None,
) -> tuple[GenreClassifier, InputSpec]:
    """Builds the classifier that a config describes.

    Args:
      config: see `mgr_jax.config`.
      num_classes: number of logits.
      features: the format of the dataset, if it does not hold waveforms.
      side: other data that come with every clip, for the model `fusion`.
      axis_name: mapped axis over which batch statistics are averaged, if any.

    Returns:
      The classifier and its input spec.

    Raises:
      UserError: the config names an unknown front end, model or argument, its clips are too short,
        or the front end does not fit the dataset.
    """
    if (config.frontend.name == "precomputed") != (features is not None):
        wanted = "another front end" if features is None else "config.frontend.name=precomputed"
        raise UserError(
            f"config.frontend.name is {config.frontend.name}, but {config.dataset} holds "
            f"{'waveforms' if features is None else 'features'}; use {wanted}",
            code="classifier.other_kind",
        )
    classifier = build_classifier(
        frontend=config.frontend.to_dict(),
        model=config.model.to_dict(),
        num_classes=num_classes,
        sample_rate=None if features else config.sample_rate,
        input_norm=config.input_norm,
        compute_dtype=config.compute_dtype,
        side=side,
        axis_name=axis_name,
    )
    frontend = classifier.frontend
    preset = config.frontend.kwargs.get("preset") if features else None
    if features and preset:
        _require_preset(preset, features)
    needed = max(frontend.frame_samples, frontend.min_samples)
    if config.clip_samples < needed:
        raise UserError(
            f"config.clip_samples is {config.clip_samples}, but {config.frontend.name} needs "
            f"{needed} samples; make it longer",
            code="classifier.clip_too_short",
        )
    item_shape = features.item_shape if features else frontend.item_shape
    frames = frontend.num_frames(config.clip_samples)
    numbers = config.batch_size * frames * math.prod(item_shape)
    if numbers > _LARGEST:
        raise UserError(
            f"{config.frontend.name} makes {frames} frames of {item_shape} bins of a clip, which "
            f"are {numbers:.2g} numbers for a batch of {config.batch_size}; up to {_LARGEST:.2g} "
            "are possible: give fewer bins (config.frontend.kwargs), shorter clips or smaller "
            "batches",
            code="classifier.too_large",
        )
    spec = InputSpec(
        kind="features" if features else "waveform",
        shape=(
            config.clip_samples + 2 * frontend.crop.context,
            *(features.item_shape if features else ()),
        ),
        dtype=features.dtype if features else "int16",
        sample_rate=features.frame_rate if features else config.sample_rate,
        task=config.task,
        clip_samples=config.clip_samples,
        eval_segments=config.eval_segments,
        short_clip=config.short_clip,
        min_samples=needed,
        mask_filling=bool(
            config.mask_filling and config.short_clip == "zero_pad" and classifier.masks_filling
        ),
        crop=frontend.crop,
        aux=frontend.aux_shapes,
        side=side,
        preset=preset,
        columns=features.columns if features else (),
    )
    return classifier, spec


def build_classifier(
    *,
    frontend: Mapping[str, Any],
    model: Mapping[str, Any],
    num_classes: int,
    sample_rate: float | None,
    input_norm: str,
    compute_dtype: str,
    side: SideFormat = SOUND_ALONE,
    axis_name: str | None = None,
) -> GenreClassifier:
    """Builds a classifier from a front end and a model, each a dict {"name", "kwargs"}.

    Args:
      frontend: see `create_frontend`.
      model: see `create_model`.
      num_classes: number of logits.
      sample_rate: of the waveforms in Hz; None for stored features.
      input_norm: see `GenreClassifier`.
      compute_dtype: of the network.
      side: other data that come with every clip, for the model `fusion`.
      axis_name: mapped axis over which batch statistics are averaged, if any.

    Returns:
      The classifier.

    Raises:
      UserError: there is no such front end or model, or it has no such argument.
    """
    return GenreClassifier(
        create_frontend(
            frontend["name"], sample_rate=sample_rate, axis_name=axis_name, **frontend["kwargs"]
        ),
        create_model(
            model["name"],
            num_classes=num_classes,
            axis_name=axis_name,
            dtype=jnp.dtype(compute_dtype),
            **({"side": side} if side else {}),
            **model["kwargs"],
        ),
        input_norm,
        axis_name,
    )


def how_filled(classifier: GenreClassifier, spec: InputSpec) -> str:
    """The end of a sentence that says how tracks shorter than a clip are filled up."""
    if spec.short_clip == "repeat":
        return "short clips are repeated (config.short_clip=repeat)"
    if spec.mask_filling:
        return "short clips end where their tracks do (config.mask_filling)"
    why = "config.mask_filling=False"
    if not classifier.masks_filling:
        network = getattr(classifier.model, "encoder", classifier.model)
        why = f"{network.registered} cannot leave it out"
    return f"silence fills short clips and counts ({why})"


def classify(
    classifier: GenreClassifier,
    variables: Mapping[str, Any],
    inputs: jax.Array,
    aux: Mapping[str, jax.Array] | None = None,
    lengths: jax.Array | None = None,
    *,
    task: str,
    named: Sequence[str] = ("auxiliary_loss",),
) -> dict[str, jax.Array]:
    """Classifies a batch, as evaluation and prediction do.

    Args:
      classifier: to apply.
      variables: of the classifier.
      inputs: see `GenreClassifier.__call__`.
      aux: see `GenreClassifier.__call__`.
      lengths: see `GenreClassifier.__call__`.
      task: "single_label" (softmax) or "multi_label" (sigmoid).
      named: further intermediates to return, if the model has them: "auxiliary_loss" [batch], which
        some models add to the loss, or "embedding" [batch, dim].

    Returns:
      "probabilities" [batch, classes], and the named intermediates.
    """
    activation = jax.nn.softmax if task == "single_label" else jax.nn.sigmoid
    logits, found = classifier.apply(variables, inputs, aux, lengths)
    added = {name: found[name] for name in named if name in found}
    return {"probabilities": activation(logits), **added}


def _require_preset(preset: str, features: FeatureFormat) -> None:
    frontend = create_frontend(preset)
    same_rate = abs(features.frame_rate / frontend.frame_rate - 1) < 0.01
    if features.item_shape != frontend.item_shape or not same_rate:
        raise UserError(
            f"config.frontend.kwargs.preset is {preset}, which gives {frontend.item_shape} bins at "
            f"{frontend.frame_rate:.5g} frames per second, but the dataset holds "
            f"{features.item_shape} at {features.frame_rate:.5g}; name another preset, or none",
            code="classifier.other_preset",
        )


def init_variables(
    classifier: GenreClassifier,
    spec: InputSpec,
    seed: int,
    statistics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Initialises parameters and batch statistics from a seed.

    Args:
      classifier: to initialise.
      spec: of the classifier.
      seed: of the parameters.
      statistics: of the training split, if the front end keeps any; see TrackMeter.

    Returns:
      The collections of variables by name, such as "params" and "batch_stats".

    Raises:
      UserError: the model cannot take the output of the front end.
    """
    from mgr_jax.random_keys import quick_key  # prediction reads its variables
    from mgr_jax.tracing import run_once

    example, aux = _example(spec, statistics)
    with _fitting(classifier, spec):
        return run_once(classifier.init, {"params": quick_key(seed)}, example, aux)


def abstract_variables(classifier: GenreClassifier, spec: InputSpec) -> dict[str, Any]:
    """The shapes and dtypes of the variables; nothing is computed.

    Raises:
      UserError: the model cannot take the output of the front end.
    """
    return _trace(classifier, spec)[1]


def abstract_outputs(
    classifier: GenreClassifier, spec: InputSpec
) -> tuple[jax.ShapeDtypeStruct, dict[str, jax.ShapeDtypeStruct]]:
    """The shapes of the logits and the intermediates of one clip; nothing is computed.

    Raises:
      UserError: the model cannot take the output of the front end.
    """
    return _trace(classifier, spec)[0]


def _trace(classifier: GenreClassifier, spec: InputSpec) -> tuple[Any, dict[str, Any]]:
    shapes = classifier.frontend.dataset_shapes(spec.shape[1:])
    statistics = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    example = _example(spec, statistics)
    with _fitting(classifier, spec):
        outputs, variables = jax.eval_shape(
            classifier.init_with_output, {"params": jax.eval_shape(jax.random.key, 0)}, *example
        )
    numbers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables))
    if numbers > _LARGEST:
        raise UserError(
            f"{classifier.model.registered} would have {numbers:.2g} parameters with these "
            f"settings; up to {_LARGEST:.2g} are possible: make it smaller "
            "(config.model.kwargs), or the clips, where dense layers look at all of one "
            "(config.clip_samples)",
            code="classifier.too_large",
        )
    return outputs, {"batch_stats": {}} | variables  # as runs keep them, empty or not


@contextlib.contextmanager
def _fitting(classifier: GenreClassifier, spec: InputSpec) -> Iterator[None]:
    """Turns the errors that layers raise for a wrong shape into one sentence."""
    try:
        yield
    except (TypeError, ValueError, ZeroDivisionError, FlaxError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"{classifier.model.registered} cannot take what {classifier.frontend.registered} "
            f"makes of clips of {spec.clip_samples} samples ({reason}); check config.model.kwargs, "
            "or choose longer clips (config.clip_samples) or another pairing",
            code="classifier.no_fit",
        ) from error


def _example(
    spec: InputSpec, statistics: Mapping[str, Any] | None
) -> tuple[np.ndarray, dict[str, Any]]:
    """A batch of one clip of zeros, with all the statistics that `init` may ask for."""
    track = {name: np.zeros((1, *shape), np.float32) for name, shape in spec.aux.items()}
    return np.zeros((1, *spec.shape), spec.dtype), track | dict(statistics or {})
