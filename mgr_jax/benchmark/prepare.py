"""Times `prepare` on a folder of music, beside what its parts allow and beside other libraries."""

import functools
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

import mgr_jax.data.prepare as preparing
from mgr_jax.audio.io import decode_flac
from mgr_jax.benchmark.audio_peers import (
    Read,
    Seconds,
    find_problem,
    read_with_audioread,
    read_with_librosa,
    time_parts,
    time_storing,
    to_flac,
)
from mgr_jax.benchmark.record import Benchmark, compare, format_rows
from mgr_jax.benchmark.songs import write_genres
from mgr_jax.benchmark.timing import conditions, load_average, tell_conditions
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.prepared import Prepared
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.workers import available_cores

OWN, BOUND = "prepare", "decoding, resampling and encoding, each alone"
LIBROSA, AUDIOREAD = "librosa.load + soundfile", "audioread + soxr + soundfile"
_DECODERS = ("PyAV", "libsndfile")
_COMPARED = 2  # files of each kind
_ALIKE_DB = -40.0  # largest difference of sound, relative to its level
# In a process of its own, whose imports are done before the clock starts.
_PREPARE = """
import json, sys, time
from mgr_jax.benchmark.audio_peers import cpu_seconds
from mgr_jax.data.prepare import prepare
music, data_dir, rate, workers = sys.argv[1:]
before = time.perf_counter(), cpu_seconds()
prepare("audio_folder", manual_dir=music, data_dir=data_dir, sample_rate=int(rate),
        num_workers=int(workers), progress=False)
print(json.dumps([time.perf_counter() - before[0], cpu_seconds() - before[1]]))
"""

Turn = dict[str, float]  # "seconds" and "cpu_seconds" per file


def benchmark_prepare(
    *,
    folder: str | os.PathLike[str] | None = None,
    files: int = 300,
    sample_rate: int = 22_050,
    rounds: int = 5,
    progress: bool = True,
) -> Benchmark:
    """Times `prepare` on a folder, in new processes, with as many workers as cores.

        print(mgr_jax.benchmark_prepare(files=60, rounds=1))

    It takes turns with the calls that it needs, each timed alone (the bound), and with other
    libraries that store the same files as FLAC, in as many processes. All processes have finished
    their imports before the clock starts, except the workers of `prepare`.

    Args:
      folder: a folder of genre folders; None: synthetic music of 30 s, as mp3, FLAC and Ogg Vorbis.
      files: number of synthetic files, copies of thirty pieces.
      sample_rate: rate of the stored audio, in Hz.
      rounds: turns of each.
      progress: show a bar.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: there is no such folder, it cannot be prepared, or what is stored differs from what
        other libraries store.
    """
    with tempfile.TemporaryDirectory() as name:
        work, cores, loads = Path(name), available_cores(), [load_average()]
        music = expand(folder).absolute() if folder else write_genres(work / "made", files)
        made = preparing.prepare(
            "audio_folder",
            manual_dir=music,
            data_dir=work / "data",
            sample_rate=sample_rate,
            progress=False,
        )
        sounds = _stored(made)
        paths = [str(music / track) for track in sounds]
        peers: dict[str, Read] = {LIBROSA: read_with_librosa, AUDIOREAD: read_with_audioread}
        with multiprocessing.get_context("spawn").Pool(cores) as pool:
            differences, problems = _meet(pool, peers, sounds, music, sample_rate)
            del sounds
            shutil.rmtree(work / "data")
            peers = {name: read for name, read in peers.items() if name in differences}
            measured: dict[str, list[Turn]] = {name: [] for name in (OWN, BOUND, *peers)}
            parts: list[Turn] = []
            for _ in tqdm(range(rounds), unit="round", disable=None if progress else True):
                alone = pool.map(functools.partial(time_parts, sample_rate), paths, 4)
                parts.append(_sum_parts(alone))
                measured[BOUND].append(_bound(alone, cores))
                took = _time_prepare(music, work / "data", sample_rate, cores)
                measured[OWN].append(_per_file(*took, len(paths)))
                for peer, read in peers.items():
                    took = _time_peer(pool, read, sample_rate, paths, work)
                    measured[peer].append(_per_file(*took, len(paths)))
    content = {
        "suite": "prepare",
        **conditions(loads),
        "files": dict(Counter(Path(path).suffix[1:].lower() for path in paths)),
        "skipped": len(made.skipped),
        "sample_rate": sample_rate,
        "rounds": rounds,
        "differences": differences,
        "not_compared": problems,
        "measured": measured,
        "parts": parts,
        "rows": _rows(measured),
    }
    return Benchmark(content, format_report(content))


def _stored(made: Prepared) -> dict[str, np.ndarray]:
    """The samples of every track, mapped, by its path in the folder."""
    found: dict[str, np.ndarray] = {}
    for split in made.tracks:
        tracks = open_tracks(made.folder, split)
        found |= {str(name): tracks.read(row) for row, name in enumerate(tracks.track_id)}
    return found


def _some_of_each_kind(tracks: Iterable[str]) -> list[str]:
    kinds: dict[str, list[str]] = {}
    for track in tracks:
        kinds.setdefault(Path(track).suffix.lower(), []).append(track)
    return [track for some in kinds.values() for track in some[:_COMPARED]]


def _meet(
    pool: Pool, peers: Mapping[str, Read], sounds: Mapping[str, np.ndarray], music: Path, rate: int
) -> tuple[dict[str, float], list[str]]:
    """Compares what peers store of some files, for which their processes import them.

    Returns:
      By peer, how far that is from what `prepare` stored; why the others cannot be compared.
    """
    chosen = {track: sounds[track] for track in _some_of_each_kind(sounds)}
    paths = [str(music / track) for track in chosen]
    differences, problems = {}, []
    for peer, read in peers.items():
        told = [*filter(None, pool.map(functools.partial(find_problem, peer, read), paths, 1))]
        if told:
            problems.append(told[0])
        else:
            stored = pool.map(functools.partial(to_flac, read, rate), paths, 1)
            differences[peer] = _compare(peer, chosen, stored)
    return differences, problems


def _compare(peer: str, sounds: Mapping[str, np.ndarray], stored: Iterable[bytes]) -> float:
    """How far what a peer stored is from what `prepare` stored, by track, at most, in dB."""
    found = {
        track: _difference(samples, decode_flac(other))
        for (track, samples), other in zip(sounds.items(), stored, strict=True)
    }
    track = max(found, key=lambda name: found[name])
    if found[track] > _ALIKE_DB:
        raise UserError(
            f"{peer} stores {track} differently, by {found[track]:.0f} dB of its level; do not "
            "compare",
            code="benchmark.differs",
        )
    return found[track]


def _difference(own: np.ndarray, other: np.ndarray) -> float:
    """The level of the difference beside that of the sound, in dB; -120 of equal ones."""
    length = max(len(own), len(other))
    one, two = (np.pad(x.astype(np.float64), (0, length - len(x))) for x in (own, other))
    return float(10 * np.log10(((one - two) ** 2).sum() / (one**2).sum() + 1e-12))


def _time_prepare(music: Path, data_dir: Path, rate: int, workers: int) -> Seconds:
    command = [sys.executable, "-P", "-W", "ignore", "-c", _PREPARE]
    command += [str(music), str(data_dir), str(rate), str(workers)]
    root = str(Path(__file__).parents[2])
    places = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": places}
    told = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    shutil.rmtree(data_dir)
    wall, used = json.loads(told.stdout)
    return wall, used


def _time_peer(pool: Pool, read: Read, rate: int, paths: Sequence[str], work: Path) -> Seconds:
    with tempfile.TemporaryDirectory(dir=work) as out:
        start = time.perf_counter()
        took = pool.map(functools.partial(time_storing, read, rate, out), paths, 4)
        return time.perf_counter() - start, sum(cpu for _, cpu in took)


def _per_file(wall: float, cpu: float, files: int) -> Turn:
    return {"seconds": wall / files, "cpu_seconds": cpu / files}


def _sum_parts(alone: Sequence[Mapping[str, tuple[float, float]]]) -> Turn:
    """CPU seconds of every part per file, of those files that have it."""
    names = dict.fromkeys(name for one in alone for name in one)
    return {name: sum(one[name][1] for one in alone if name in one) / len(alone) for name in names}


def _bound(alone: Sequence[Mapping[str, tuple[float, float]]], cores: int) -> Turn:
    """What the parts take on all cores; of two decoders, the quicker one counts for each file."""
    total = np.zeros(2)
    for one in alone:
        decoding = min((one[name] for name in _DECODERS if name in one), key=lambda took: took[1])
        total += np.sum([decoding, *(one[name] for name in one if name not in _DECODERS)], axis=0)
    return _per_file(total[0] / cores, total[1], len(alone))


def _rows(measured: Mapping[str, Sequence[Turn]]) -> list[dict[str, Any]]:
    rows = []
    for case, kind in (("by the clock", "seconds"), ("by processor time", "cpu_seconds")):
        seconds = {name: [turn[kind] for turn in turns] for name, turns in measured.items()}
        own = seconds.pop(OWN)
        rows += [compare("prepare", case, peer, own, other) for peer, other in seconds.items()]
    return rows


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_prepare` in Markdown."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in content["files"].items())
    lines = [
        f"{kinds} files stored at {content['sample_rate']:,} Hz: medians of {content['rounds']} "
        f"rounds that take turns. {tell_conditions(content)}",
        "",
        "| | ms a file | CPU ms a file | files/s |",
        "|---|--:|--:|--:|",
    ]
    for name, turns in content["measured"].items():
        wall, used = (
            1e3 * statistics.median(turn[kind] for turn in turns)
            for kind in ("seconds", "cpu_seconds")
        )
        lines.append(f"| {name} | {wall:.1f} | {used:.1f} | {1e3 / wall:.1f} |")
    parts = {
        name: 1e3 * statistics.median(turn.get(name, 0.0) for turn in content["parts"])
        for name in content["parts"][0]
    }
    told = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
    lines += ["", f"CPU ms a file of each call alone (the quicker decoder counts): {told}."]
    lines += ["", format_rows(content["rows"]), ""]
    for peer, value in content["differences"].items():
        lines.append(
            f"{peer}: its samples differ from ours by at most {value:.0f} dB of their level."
        )
    lines += [f"{sentence}." for sentence in content["not_compared"]]
    if content["skipped"]:
        lines.append(f"{content['skipped']} files cannot be read and are left out.")
    return "\n".join([*lines, ""])
