"""What a classifier takes: clips of which form, cut how, and what comes with them."""

import dataclasses

from mgr_jax.audio.clips import WITHOUT_CONTEXT, Crop
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
