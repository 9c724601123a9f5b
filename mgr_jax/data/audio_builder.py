"""The part of a TFDS builder that datasets of audio share."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data.records import LoadedTrack, Record, Track, audio_records
from mgr_jax.data.track_builder import TrackBuilder

SAMPLE_RATES = (32_000, 22_050, 16_000, 12_000)  # sample rates of stored audio in Hz


@dataclasses.dataclass
class AudioConfig(tfds.core.BuilderConfig):
    """A builder config with the settings that change the stored records.

    Attributes:
      sample_rate: rate of the stored audio in Hz.
    """

    sample_rate: int = 22_050


class AudioBuilder(TrackBuilder):
    """Stores tracks as `waveform` examples: mono 16-bit FLAC files at the config's rate."""

    PAYLOAD = "audio"
    RECORDS = "group_size:1,uncompressed"  # FLAC: compressing it again would take 1.3 ms per clip

    def make_records(self) -> Callable[[Track], tuple[LoadedTrack, list[Record]]]:
        """See TrackBuilder."""
        return functools.partial(audio_records, sample_rate=self.builder_config.sample_rate)

    def format(self) -> dict[str, Any]:
        """See TrackBuilder."""
        rate = self.builder_config.sample_rate
        return {"kind": "waveform", "rate": rate, "dtype": "int16", "item_shape": []}
