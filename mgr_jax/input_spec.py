"""The input of a classifier: the form of clips, how they are cut, and what comes with them."""

import dataclasses

import numpy as np

from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop
from mgr_jax.errors import UserError
from mgr_jax.side_inputs import SOUND_ALONE, SideFormat


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """The input of a classifier, and the clips of a track that it classifies.

    Attributes:
      kind: "waveform" (mono samples) or "features".
      shape: of one example with its context, without the batch axis.
      dtype: of an example on its way to the device. There int16 is scaled by 2**-15 and uint8 by
        1/255.
      sample_rate: in Hz; for features, frames per second.
      task: "single_label" or "multi_label".
      clip_samples: samples of a clip; for features, frames.
      eval_segments: clips per track, spread evenly; 0: the fewest that cover it. Evaluation and
        prediction cut the same clips.
      short_clip: how a shorter clip is filled up: "zero_pad" or "repeat".
      min_samples: the smallest usable number of samples, those of one frame.
      mask_filling: whether clips filled with zeros come with their length, so that the zeros do not
        count; else the zeros are heard as silence.
      crop: how clips are cut from their tracks.
      aux: statistics of the track that come with a clip, names and shapes.
      side: other data on the track, see `Fusion`.
      preset: the preset that stored features were computed with, so that audio can be given
        instead.
      columns: names of the bins, if the features are rows of a table.
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str
    sample_rate: float
    task: str
    clip_samples: int
    eval_segments: int
    short_clip: str
    min_samples: int
    mask_filling: bool
    crop: Crop = WITHOUT_CONTEXT
    aux: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    side: SideFormat = SOUND_ALONE
    preset: str | None = None
    columns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class FeatureFormat:
    """The format of a dataset of features.

    Attributes:
      item_shape: of a frame: (bins,) or (bins, channels).
      dtype: as stored: uint8, float16 or float32.
      frame_rate: frames per second.
      columns: names of the bins, for rows of a table.
    """

    item_shape: tuple[int, ...]
    dtype: str
    frame_rate: float
    columns: tuple[str, ...] = ()


def check_features(features: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Checks that features have the format that a model was trained on.

    Args:
      features: of a track, [frames, bins] or [frames, bins, channels].
      spec: of the model.

    Returns:
      The features in the type that the model reads.

    Raises:
      UserError: they have another shape or type, or values that are not finite.
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
