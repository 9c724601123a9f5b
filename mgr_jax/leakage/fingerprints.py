"""Fingerprints of many tracks, computed in worker processes and kept."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

import mgr_jax
from mgr_jax.audio.chromaprint import CHROMAPRINT, require_fpcalc
from mgr_jax.audio.fingerprint import HAITSMA_KALKER, Fingerprint, Scheme
from mgr_jax.audio.io import Limits, read_audio
from mgr_jax.caches import keep_arrays, load_arrays
from mgr_jax.data.cache import Tracks
from mgr_jax.errors import unknown_name
from mgr_jax.workers import Failure, map_in_processes

# Gives a waveform [samples] float32 and its sample rate in Hz; picklable.
Source = Callable[[], tuple[np.ndarray, int]]

_FILE_RATE = 11_025  # more than fingerprints look at


def find_scheme(name: str) -> Scheme:
    """Finds a way to compare recordings, one of `leakage.FINGERPRINTS`, by its name.

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
    return [
        functools.partial(_read_stretch, tracks.files[file], int(start), int(length), tracks.rate)
        for file, start, length in zip(tracks.file, tracks.start, tracks.length, strict=True)
    ]


def file_source(path: Path, limits: Limits | None = None) -> Source:
    """An audio file; of one that is cut short, what is there."""
    return functools.partial(_read_file, path, limits)


def _read_stretch(file: Path, start: int, length: int, rate: float) -> tuple[np.ndarray, int]:
    samples = np.fromfile(file, np.int16, length, offset=2 * start)
    return samples.astype(np.float32) / 32768.0, int(rate)


def _read_file(path: Path, limits: Limits | None) -> tuple[np.ndarray, int]:
    return read_audio(path, _FILE_RATE, allow_truncated=True, limits=limits), _FILE_RATE


def fingerprint_all(
    sources: Mapping[str, Source], scheme: Scheme, store: Path, *, workers: int, progress: bool
) -> dict[str, Fingerprint | Failure]:
    """Computes what is not in the store yet, and stores it, also if it is interrupted.

    Args:
      sources: by a key that changes when the music does.
      scheme: how.
      store: an .npz file, which need not exist. One that is damaged, or by another version of
        mgr_jax, counts for nothing.
      workers: processes; 0 computes in this one.
      progress: show a bar.

    Returns:
      A fingerprint by key, or why there is none.
    """
    found: dict[str, Fingerprint | Failure] = {**_load(store)}
    missing = [key for key in sources if key not in found]
    function = functools.partial(_compute, scheme.compute)
    items = ((key, sources[key]) for key in missing)
    # Failures are shown by the name of the recording, which is not its key.
    results = map_in_processes(function, items, workers=workers, name=lambda _: "it")
    shown = progress and bool(missing)
    try:
        for (key, _), result in tqdm(
            results, "fingerprint", len(missing), unit="track", disable=not shown
        ):
            found[key] = result
    finally:
        if missing:
            _save(store, {k: f for k, f in found.items() if isinstance(f, Fingerprint)})
    return {key: found[key] for key in sources}


def _compute(
    compute: Callable[[np.ndarray, int], Fingerprint], item: tuple[str, Source]
) -> Fingerprint:
    return compute(*item[1]())


def _load(store: Path) -> dict[str, Fingerprint]:
    stored = load_arrays(store)
    if stored.get("version") != mgr_jax.__version__:
        return {}
    ends = np.cumsum(stored["length"])[:-1]
    parts = (np.split(stored[name], ends) for name in ("words", "heard"))
    columns = zip(stored["key"].tolist(), *parts, strict=True)
    return {key: Fingerprint(words, heard) for key, words, heard in columns}


def _save(store: Path, fingerprints: Mapping[str, Fingerprint]) -> None:
    if not fingerprints:
        return
    keep_arrays(
        store,
        version=np.array(mgr_jax.__version__),
        key=np.array(list(fingerprints)),
        length=np.array([len(f.words) for f in fingerprints.values()]),
        words=np.concatenate([f.words for f in fingerprints.values()]),
        heard=np.concatenate([f.heard for f in fingerprints.values()]),
    )
