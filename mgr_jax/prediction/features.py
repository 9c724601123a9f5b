"""Stored features as a model reads them."""

import numpy as np

from mgr_jax.errors import UserError
from mgr_jax.input_spec import InputSpec


def check_features(features: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Makes sure that features are such as a model was trained on.

    Args:
      features: of a track, [frames, bins] or [frames, bins, channels].
      spec: of the model.

    Returns:
      The same in the type that the model reads.

    Raises:
      UserError: they have another shape or type, or hold values that are not finite.
    """
    wanted, floats = spec.shape[1:], spec.dtype != "uint8"
    expected = f"[frames, {', '.join(map(str, wanted))}]"
    if features.ndim != len(wanted) + 1 or features.shape[1:] != wanted or not len(features):
        raise UserError(
            f"the features have shape {features.shape}, but this model was trained on "
            f"{expected}; compute them as in training (in an .npz file `mel` is [track, bins, "
            "frames], `features` is [track, frames, bins])",
            code="predict.feature_shape",
        )
    is_float = np.issubdtype(features.dtype, np.floating)
    if is_float != floats or not (is_float or features.dtype == np.uint8):
        raise UserError(
            f"the features are of type {features.dtype}, but this model was trained on "
            f"{spec.dtype}; compute them as in training",
            code="predict.feature_type",
        )
    with np.errstate(over="ignore"):  # found below
        features = features.astype(spec.dtype, copy=False)
    if not np.isfinite(features).all():
        raise UserError(
            f"the features hold values that are not finite as {spec.dtype}; check their source",
            code="predict.not_finite",
        )
    return features
