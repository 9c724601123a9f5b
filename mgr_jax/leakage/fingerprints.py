"""Fingerprints of many tracks, computed in worker processes and stored."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mgr_jax
from mgr_jax.array_files import keep_arrays, load_arrays
from mgr_jax.audio.chromaprint import CHROMAPRINT, require_fpcalc
from mgr_jax.audio.fingerprint import HAITSMA_KALKER, Fingerprint, Scheme
from mgr_jax.audio.io import Limits, read_audio
from mgr_jax.audio.notes import with_notes
from mgr_jax.data.cache import Tracks
from mgr_jax.data.cache_data import CacheData
from mgr_jax.errors import unknown_name
from mgr_jax.workers import Failure, map_in_processes

# Returns a waveform [samples] float32 and its sample rate in Hz; picklable.
Source = Callable[[], tuple[np.ndarray, int]]

_FILE_RATE = 11_025  # more than fingerprints use


def find_scheme(name: str) -> Scheme:
    """Finds a way to compare recordings by its name, one of `leakage.FINGERPRINTS`.

    Raises:
      UserError: there is none of this name, or the program that it needs is not installed.
    """
    schemes = {scheme.name: scheme for scheme in (HAITSMA_KALKER, CHROMAPRINT)}
    if name not in schemes:
        raise unknown_name("fingerprint", name, schemes)
    if name == CHROMAPRINT.name:
        require_fpcalc()
    return schemes[name]


def split_sources(tracks: Tracks) -> list[Source]:
    """The tracks of a split, to be read one by one without the table of all of them."""
    columns = (tracks.file, tracks.start.tolist(), tracks.length.tolist(), tracks.track_id.tolist())
    return [
        functools.partial(_read_stretch, tracks.files[file], start, length, name, tracks.rate)
        for file, start, length, name in zip(*columns, strict=True)
    ]


def file_source(path: Path, limits: Limits | None = None) -> Source:
    """An audio file; if it is cut short, the part that exists."""
    return functools.partial(_read_file, path, limits)


def _read_stretch(
    file: Path, start: int, length: int, name: str, rate: float
) -> tuple[np.ndarray, int]:
    samples = CacheData(file).read(2 * start, 2 * (start + length), name).view(np.int16)
    return samples.astype(np.float32) / 32768.0, int(rate)


def _read_file(path: Path, limits: Limits | None) -> tuple[np.ndarray, int]:
    return read_audio(path, _FILE_RATE, allow_truncated=True, limits=limits), _FILE_RATE


def fingerprint_all(
    sources: Mapping[str, Source], scheme: Scheme, store: Path, *, workers: int, progress: bool
) -> tuple[dict[str, Fingerprint | Failure], dict[str, list[str]]]:
    """Computes fingerprints that are not stored yet, and stores them, even after an interruption.

    Args:
      sources: recordings by a key that changes when the music does.
      scheme: how to compute fingerprints.
      store: an .npz file, which need not exist. A damaged one, or one of another version of
        mgr_jax, is ignored.
      workers: processes; 0 computes in this one.
      progress: show a bar.

    Returns:
      The fingerprint by key, or why there is none; and the warnings about recordings, by key.
    """
    stored, notes = _load(store)
    found: dict[str, Fingerprint | Failure] = {**stored}
    missing = [key for key in sources if key not in found]
    function = functools.partial(_compute, scheme.compute)
    items = ((key, sources[key]) for key in missing)
    # Failures show the name of the recording, not its key.
    results = map_in_processes(function, items, workers=workers, name=lambda _: "it")
    shown = progress and bool(missing)
    try:
        bar = tqdm(
            results, "fingerprint", len(missing), unit="track", disable=None if shown else True
        )
        for ((key, _), result), told in with_notes(bar):
            found[key] = result
            if told and isinstance(result, Fingerprint):
                notes[key] = told
    finally:
        if missing:
            _save(store, {k: f for k, f in found.items() if isinstance(f, Fingerprint)}, notes)
    return {key: found[key] for key in sources}, {k: n for k, n in notes.items() if k in sources}


def _compute(
    compute: Callable[[np.ndarray, int], Fingerprint], item: tuple[str, Source]
) -> Fingerprint:
    return compute(*item[1]())


def _load(store: Path) -> tuple[dict[str, Fingerprint], dict[str, list[str]]]:
    stored = load_arrays(store)
    if stored.get("version") != mgr_jax.__version__ or "notes" not in stored:
        return {}, {}
    ends = np.cumsum(stored["length"])[:-1]
    parts = (np.split(stored[name], ends) for name in ("words", "heard"))
    columns = zip(stored["key"].tolist(), *parts, strict=True)
    notes = json.loads(str(stored["notes"]))
    return {key: Fingerprint(words, heard) for key, words, heard in columns}, notes


def _save(
    store: Path, fingerprints: Mapping[str, Fingerprint], notes: Mapping[str, list[str]]
) -> None:
    if not fingerprints:
        return
    keep_arrays(
        store,
        version=np.array(mgr_jax.__version__),
        notes=np.array(json.dumps(notes)),
        key=np.array(list(fingerprints)),
        length=np.array([len(f.words) for f in fingerprints.values()]),
        words=np.concatenate([f.words for f in fingerprints.values()]),
        heard=np.concatenate([f.heard for f in fingerprints.values()]),
    )
