"""Turns a track into the records that a dataset stores.

Needs neither TFDS nor a builder, so that worker processes start fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import AudioError, Limits, convert_waveform, encode_flac, read_audio
from mgr_jax.data.archives import read_bytes
from mgr_jax.data.sources import Mark, SourceFile

MAX_RECORD_SECONDS = 60


@dataclass(frozen=True)
class LoadedTrack:
    """A loaded track, with what loading found out.

    Attributes:
      data: waveform [samples], int16 as from `read_audio`, or floats; or features [frames, ...] as
        they are stored.
      tags: names of tags.
      groups: further columns, as text.
      mark: mark of its file when it was loaded; None if it has none.
    """

    data: np.ndarray
    tags: tuple[str, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A track to store, before it is loaded.

    Attributes:
      track_id: unique name of the track.
      label: its genre; empty if unknown.
      load: picklable; returns the LoadedTrack at the dataset's rate, or raises a UserError.
      artist_id: empty if unknown.
      groups: further columns, as text.
      tags: names from the dataset's vocabulary.
      file: the file that it is loaded from, if it has its own.
    """

    track_id: str
    label: str
    load: Callable[[], LoadedTrack]
    artist_id: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    file: SourceFile | None = None


@dataclass(frozen=True)
class Record:
    """A part of a track.

    Attributes:
      data: the stored bytes.
      offset: its first time step within the track.
      length: number of its time steps.
      steps: its time steps as the cache holds them; None if they equal `data`.
    """

    data: bytes
    offset: int
    length: int
    steps: np.ndarray | None = None


def load_file(path: Path, sample_rate: int, limits: Limits) -> LoadedTrack:
    """Loads an audio file.

    Args:
      path: the file.
      sample_rate: rate to decode at, in Hz.
      limits: which files are refused.

    Returns:
      The track.
    """
    return LoadedTrack(read_audio(path, sample_rate, limits=limits, dtype=np.int16))


def load_member(
    source: Path, name: str, sample_rate: int, limits: Limits, shown: Path
) -> LoadedTrack:
    """Loads an audio file of a folder or zip archive.

    Args:
      source: the folder or archive.
      name: name of the file in it.
      sample_rate: rate to decode at, in Hz.
      limits: which files are refused.
      shown: name of the source in messages.

    Returns:
      The track.
    """
    data = read_bytes(source, name, max_expansion=limits.max_expansion)
    waveform = read_audio(shown / name, sample_rate, data=data, limits=limits, dtype=np.int16)
    return LoadedTrack(waveform)


def refuse(reason: str) -> LoadedTrack:
    """Stands for a file that is known to be missing.

    Raises:
      AudioError: always, with the reason.
    """
    raise AudioError(reason, code="audio.missing")


def audio_records(track: Track, sample_rate: int) -> tuple[LoadedTrack, list[Record]]:
    """Loads a track and cuts it into consecutive FLAC records of at most 60 s.

    Args:
      track: a track of audio.
      sample_rate: rate of the waveform, in Hz.

    Returns:
      The loaded track without its data, and the records.

    Raises:
      UserError: the track cannot be loaded, or its floats are not audio.
    """
    mark = track.file.mark() if track.file else None  # it may change while it is decoded
    loaded = track.load()
    samples = loaded.data
    if samples.dtype != np.int16:
        samples = convert_waveform(
            samples, sample_rate, sample_rate, dtype=np.int16, name=track.track_id
        )
    size = MAX_RECORD_SECONDS * sample_rate
    records = [
        Record(encode_flac(part, sample_rate), offset, len(part), part)
        for offset in range(0, len(samples), size)
        for part in [samples[offset : offset + size]]
    ]
    return replace(loaded, data=np.empty(0, np.int16), mark=mark), records


def array_records(track: Track) -> tuple[LoadedTrack, list[Record]]:
    """Loads a track of features and stores it as one record of plain bytes.

    Args:
      track: a track of features.

    Returns:
      The loaded track without its data, and the record.
    """
    loaded = track.load()
    record = Record(np.ascontiguousarray(loaded.data).tobytes(), 0, len(loaded.data))
    return replace(loaded, data=np.empty(0, loaded.data.dtype)), [record]
