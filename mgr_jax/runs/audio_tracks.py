"""The tracks that feature tables are computed from: files of a folder, or a prepared dataset."""

import dataclasses
import functools
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mgr_jax.audio.io import Limits, read_audio, read_native
from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.data.cache import Tracks, open_tracks
from mgr_jax.data.feature_files import track_names
from mgr_jax.data.fma_names import fma_track
from mgr_jax.data.folder_index import describe_files
from mgr_jax.data.prepared import read_account
from mgr_jax.data.sources import file_state
from mgr_jax.errors import UserError
from mgr_jax.features.rows import AudioTrack


def folder_tracks(
    folder: Path, sample_rate: int | None, limits: Limits | None = None
) -> list[AudioTrack]:
    """Lists the audio files of a folder.

    Labels, artists and splits come from its index.csv. Without an index, the label is the name of
    the first folder below it, or of the second where the first folders are named after splits; see
    `describe_files`, `place_files` and `join_alike`. Files like 000/000002.mp3 are taken for FMA's:
    their name is their number, and without an index they have no label.

    Args:
      folder: the folder to search, with all folders in it.
      sample_rate: rate to decode at, in Hz; None: each file's own.
      limits: which files are refused.

    Returns:
      One entry per file.

    Raises:
      UserError: the folder does not exist, holds no audio, or holds two files of one name.
    """
    entries = describe_files(folder, names_in_text=True)
    paths = [folder / entry.path for entry in entries]
    called = [
        fma_track(path.as_posix()) or entry.path for entry, path in zip(entries, paths, strict=True)
    ]
    name, count = Counter(os.path.splitext(text)[0] for text in called).most_common(1)[0]
    if count > 1:
        raise UserError(
            f"{folder} holds {count} audio files called '{name}'; keep one of them",
            code="audio.same_name",
        )
    filenames = _short([entry.path for entry in entries])
    found = []
    for entry, path, filename, track in zip(
        entries, paths, filenames, track_names(called), strict=True
    ):
        load = functools.partial(_read_file, path, sample_rate, limits)
        about = (entry.genre, entry.artist, entry.split)
        found.append(AudioTrack(filename, track, load, *about, state=list(file_state(path))))
    return _in_order(found)


def dataset_tracks(dataset_dir: Path) -> list[AudioTrack]:
    """Lists the tracks of all splits of a prepared dataset.

    Args:
      dataset_dir: folder of the prepared dataset.

    Returns:
      One entry per track.

    Raises:
      UserError: the dataset holds features, not audio.
    """
    account = read_account(dataset_dir)
    splits = [open_tracks(dataset_dir, split) for split in account["tracks"]]
    if splits[0].kind != "waveform":
        raise UserError(
            f"{dataset_dir} holds feature arrays; give a dataset of audio", code="dataset.not_audio"
        )
    texts = [track for tracks in splits for track in tracks.track_id.tolist()]
    names = iter(zip(_short(texts), track_names(texts), strict=True))
    found = []
    for tracks in splits:
        for row, label in enumerate(tracks.label.tolist()):
            # The account can be long, and every track would carry it to the workers.
            alone = dataclasses.replace(tracks.select([row]), account={})
            filename, track = next(names)
            found.append(
                AudioTrack(
                    filename if filename.endswith(AUDIO_SUFFIXES) else f"{filename}.wav",
                    track,
                    functools.partial(_read_track, alone),
                    tracks.classes[label] if label >= 0 else "",
                    str(tracks.artist_id[row]),
                    tracks.split,
                )
            )
    return _in_order(found)


def _short(paths: list[str]) -> list[str]:
    """The last part of each path; the whole paths if two of them share their last part."""
    names = [path.rpartition("/")[2] for path in paths]
    return names if len(set(names)) == len(names) else paths


def _in_order(tracks: Iterable[AudioTrack]) -> list[AudioTrack]:
    def key(track: AudioTrack) -> tuple[int, str]:
        number = int(track.track) if track.track.isdecimal() else -1
        return number, track.filename

    return sorted(tracks, key=key)


def _read_file(
    path: Path, sample_rate: int | None, limits: Limits | None
) -> tuple[np.ndarray, int]:
    if sample_rate is None:
        return read_native(path, limits=limits)
    return read_audio(path, sample_rate, limits=limits), sample_rate


def _read_track(track: Tracks) -> tuple[np.ndarray, int]:
    return track.read(0).astype(np.float32) / 32768.0, int(track.rate)
