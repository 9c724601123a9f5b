"""What a classifier takes: clips of which form, cut how, and what comes with them."""

import dataclasses

import numpy as np

from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop
from mgr_jax.errors import UserError
from mgr_jax.side_inputs import SOUND_ALONE, SideFormat


@dataclasses.dataclass(frozen=True)
class InputSpec:
    """What a classifier takes, and which clips of a track it is asked about.

    Attributes:
      kind: "waveform" (mono samples) or "features".
      shape: of one example with its context, without the batch.
      dtype: of an example as it is moved to the device; int16 is scaled by 2**-15 and uint8 by
        1/255 there.
      sample_rate: in Hz; of features, frames per second.
      task: "single_label" or "multi_label".
      clip_samples: samples of a clip; of features, frames.
      eval_segments: clips per track, spread evenly; 0: the fewest that cover it. Evaluation and
        prediction cut the same ones, of tracks of any length.
      short_clip: how a shorter clip is filled: "zero_pad" or "repeat".
      min_samples: the fewest samples that can be used at all, those of a frame.
      mask_filling: clips that zeros fill come with their length, and the zeros do not count; else
        they are seen as silence.
      crop: how clips are cut from their tracks.
      aux: statistics of its track that come with a clip, by name, with their shapes.
      side: what else is told of its track, see `Fusion`.
      preset: that stored features were computed with, so that audio can be given instead.
      columns: names of the bins, where the features are rows of a table.
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
    """What a dataset of features holds.

    Attributes:
      item_shape: of a frame: (bins,) or (bins, channels).
      dtype: as stored: uint8, float16 or float32.
      frame_rate: frames per second.
      columns: names of the bins of a table's rows.
    """

    item_shape: tuple[int, ...]
    dtype: str
    frame_rate: float
    columns: tuple[str, ...] = ()


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
