"""From a track to the records a dataset stores: int16, FLAC, at most 60 s each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from mgr_jax.audio.io import AudioError, encode_flac, to_int16

MAX_RECORD_SECONDS = 60


@dataclass(frozen=True)
class Clip:
    """A loaded track: waveform [samples] float32, and what loading it has told."""

    waveform: np.ndarray
    tags: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    """A track to be stored, known before it is loaded.

    Attributes:
      track_id: unique name of the track.
      label: its genre.
      load: picklable; gives the Clip at the dataset's sample rate, or raises AudioError.
      artist_id: empty where unknown.
      groups: further columns, as text.
    """

    track_id: str
    label: str
    load: Callable[[], Clip]
    artist_id: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A stretch of a track: FLAC bytes with their position and length in samples."""

    audio: bytes
    offset: int
    length: int


def load_records(item: tuple[Track, int]) -> tuple[Clip, list[Record]]:
    """Loads a track and cuts it into consecutive FLAC records of at most 60 s.

    Args:
      item: the track and the sample rate of its waveform in Hz.

    Returns:
      The clip without its waveform, and the records.

    Raises:
      AudioError: the track cannot be loaded, or holds only silence.
    """
    track, sample_rate = item
    clip = track.load()
    samples = to_int16(clip.waveform)
    if not samples.any():
        raise AudioError(f"{track.track_id} holds only silence; remove it")
    size = MAX_RECORD_SECONDS * sample_rate
    records = [
        Record(encode_flac(part, sample_rate), offset, len(part))
        for offset in range(0, len(samples), size)
        for part in [samples[offset : offset + size]]
    ]
    return Clip(np.empty(0, np.float32), clip.tags, clip.groups), records
