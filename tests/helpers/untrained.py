"""Predictors of small networks that were never trained."""

import jax
from fixed_weights import fixed_variables

from mgr_jax.classifier import abstract_variables, create_classifier
from mgr_jax.config import base_config
from mgr_jax.model_folder import ModelDescription
from mgr_jax.prediction.predictor import Predictor

RATE = 12_000
CLIP = RATE // 2
CLASSES = ("hum", "hiss", "beat")


def make_predictor(frontend, kwargs, *, features=None, **changes):
    """A predictor of half a second, or of another config; not sure of anything."""
    config = base_config()
    config.update({"sample_rate": RATE, "clip_samples": CLIP, "batch_size": 8})
    config.frontend = {"name": frontend, "kwargs": kwargs}
    config.model = {"name": "mlp", "kwargs": {"units": (8,)}}
    config.update(changes)
    classifier, spec = create_classifier(config, len(CLASSES), features=features)
    described = ModelDescription(
        frontend=config.frontend.to_dict(),
        model=config.model.to_dict(),
        input_norm=config.input_norm,
        compute_dtype=config.compute_dtype,
        spec=spec,
        classes=CLASSES,
    )
    variables = fixed_variables(abstract_variables(classifier, spec))
    variables["params"] = jax.tree.map(lambda values: 0.1 * values, variables["params"])
    return Predictor(classifier, variables, described)
