"""Times prediction of many files, beside its own parts and beside librosa and PyTorch."""

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from mgr_jax.audio.decoder import Decoder
from mgr_jax.audio.dsp import to_float
from mgr_jax.audio.io import read_audio
from mgr_jax.audio.listing import find_audio_files
from mgr_jax.benchmark.audio_peers import (
    cpu_seconds,
    find_problem,
    read_with_audioread,
    read_with_librosa,
)
from mgr_jax.benchmark.record import Benchmark, compare, format_rows
from mgr_jax.benchmark.songs import write_songs
from mgr_jax.benchmark.timing import conditions, load_average, tell_conditions
from mgr_jax.classifier import abstract_variables
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.model_folder import find_model, read_model
from mgr_jax.prediction.engine import BATCH
from mgr_jax.prediction.predictor import Predictor, load
from mgr_jax.training.checkpoint import load_variables
from mgr_jax.workers import available_cores, map_in_processes

SUITE = "predict"
PER_FILE, LOADER = "librosa.load + PyTorch, per file", "librosa.load in a DataLoader + PyTorch"
AUDIOREAD = "audioread + soxr + PyTorch, per file"
DECODING = "decoding alone, on all cores"
_PEERS = PER_FILE, LOADER, AUDIOREAD
_OF_PARTS, _OF_PEERS, _OF_LIMIT = 100, 60, 300  # files
_COLD = (
    "import sys, mgr_jax\n"
    "if __name__ == '__main__':\n"
    "    found = mgr_jax.predict_files(sys.argv[1], [sys.argv[2]], workers=int(sys.argv[3]))\n"
    "    assert len(dict(found)) == int(sys.argv[4]), found.failures[:1]\n"
)

Measured = dict[str, list[dict[str, float]]]


def benchmark_predict(
    model: str | os.PathLike[str],
    *,
    folder: str | os.PathLike[str] | None = None,
    files: int = 1000,
    rounds: int = 3,
    progress: bool = True,
) -> Benchmark:
    """Times the prediction of a folder's files, cold and warm, with one worker and one per core.

        report = mgr_jax.benchmark_predict("runs/demo", files=100, rounds=1)
        print(report)

    The parts (decoding, resampling, front end, network) and the peers, on fewer files, take turns
    with it, so that all have the same load.

    Args:
      model: the folder of a trained model of audio. The peer in PyTorch supports `choi_crnn` on
        `log_mel`.
      folder: a folder of audio files; None: synthetic music of 30 s, as stereo mp3 files at 44.1
        kHz.
      files: number of synthetic files, copies of ten pieces.
      rounds: turns of each.
      progress: show a bar.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: there is no such model or folder, or a file cannot be read.
    """
    model = find_model(model)
    predictor = load(model)
    with tempfile.TemporaryDirectory() as name:
        chosen = expand(folder).absolute() if folder else write_songs(Path(name), files)
        paths = [str(path) for path in find_audio_files([chosen])]
        cores = available_cores()
        content: dict[str, Any] = {"suite": SUITE, "files": len(paths), "rounds": rounds}
        loads = [load_average()]
        functions = _parts(model, predictor, paths[:_OF_PARTS])
        functions[DECODING] = (_decode(predictor, paths[:_OF_LIMIT], cores), len(paths[:_OF_LIMIT]))
        for workers in sorted({1, cores}):
            some = paths if workers == cores else paths[: max(1, len(paths) // 2)]
            functions[_warm(workers)] = (_predict(predictor, some, workers), len(some))
        peers, content["peers"] = _peers(model, predictor, paths[:_OF_PEERS], cores)
        functions |= peers
        found = _take_turns(functions, rounds, progress)
        content["cold"] = {
            str(workers): _cold(model, chosen, workers, len(paths))
            for workers in sorted({1, cores})
        }
        content |= conditions(loads)
    content["measured"] = found
    content["rows"] = _rows(found, cores)
    return Benchmark(content, format_report(content))


Timed = tuple[Callable[[], Any], int]  # a function, and its number of files


def _parts(model: Path, predictor: Predictor, paths: Sequence[str]) -> dict[str, Timed]:
    """Each part alone: "decode", "decode and resample", "front end", "network"."""
    rate, spec = predictor.audio_rate(), predictor.spec
    classifier, _ = read_model(model)
    variables = jax.device_put(load_variables(model, abstract_variables(classifier, spec)))
    asked = [predictor.ask(read_audio(path, rate, dtype=np.int16), name=path) for path in paths]
    batches = -(-sum(len(clips.starts) for clips in asked) // BATCH)
    clips = np.resize(asked[0].track, (BATCH, *spec.shape))
    aux = {name: np.ones((BATCH, *shape), np.float32) for name, shape in spec.aux.items()}

    @jax.jit
    def frontend(clips: jax.Array) -> Any:
        kept = {kind: tree["frontend"] for kind, tree in variables.items() if "frontend" in tree}
        return classifier.frontend.apply(kept, to_float(clips), aux)

    @jax.jit
    def network(features: jax.Array) -> Any:
        kept = {kind: tree["model"] for kind, tree in variables.items() if "model" in tree}
        logits, _ = classifier.model.apply(kept, features, train=False)
        return logits

    features = frontend(clips)

    def decode() -> None:
        for path in paths:
            for _ in Decoder(Path(path)):
                pass

    count = len(paths)
    return {
        "decode": (decode, count),
        "decode and resample": (
            lambda: [read_audio(path, rate, dtype=np.int16) for path in paths],
            count,
        ),
        "front end": (
            lambda: [frontend(clips).block_until_ready() for _ in range(batches)],
            count,
        ),
        "network": (
            lambda: [network(features).block_until_ready() for _ in range(batches)],
            count,
        ),
    }


def _decode(predictor: Predictor, paths: Sequence[str], workers: int) -> Callable[[], None]:
    """Decoding only, which no network can beat with these workers."""
    read = functools.partial(read_audio, sample_rate=predictor.audio_rate(), dtype=np.int16)

    def decode() -> None:
        for _ in map_in_processes(read, paths, workers=workers):
            pass

    return decode


def _warm(workers: int) -> str:
    return f"predict_files, {workers} worker{'s' * (workers != 1)}"


def _predict(predictor: Predictor, paths: Sequence[str], workers: int) -> Callable[[], None]:
    def predict() -> None:
        for file in predictor.predict_files(paths, workers=workers):
            if file.error:
                raise file.error

    return predict


def _peers(
    model: Path, predictor: Predictor, paths: Sequence[str], cores: int
) -> tuple[dict[str, Timed], dict[str, Any]]:
    """The peers that can be imported, and the difference of their answers from ours."""
    try:
        from mgr_jax.benchmark import torch_predict
    except ImportError as error:
        return {}, {"not compared": f"it cannot be imported: {error}"}
    classifier, description = read_model(model)
    spec, rate = description.spec, predictor.audio_rate()
    variables = load_variables(model, abstract_variables(classifier, spec))
    try:
        twin = torch_predict.FileClassifier(classifier, spec, variables)
    except ValueError as error:
        return {}, {"not compared": str(error)}
    stored = read_audio(paths[0], rate, dtype=np.int16)
    samples = stored / np.float32(2**15)
    ((_, ours),) = predictor.engine([predictor.ask(stored, name=paths[0])])
    answer = twin.classify(samples)
    difference = float(np.abs(answer - ours["probabilities"].mean(0)).max())
    if difference > 1e-3:
        raise UserError(
            f"the network in PyTorch answers differently, by {difference:.2g}; do not compare",
            code="benchmark.differs",
        )
    threads = torch_predict.choose_threads(twin, samples, cores)
    loader = torch_predict.make_loader(paths, rate, cores)
    functions: dict[str, Timed] = {
        PER_FILE: (lambda: twin.classify_files(paths, read_with_librosa), len(paths)),
        LOADER: (lambda: [twin.classify(samples.numpy()) for samples in loader], len(paths)),
    }
    problem = find_problem(AUDIOREAD, read_with_audioread, paths[0])
    if not problem:
        work = functools.partial(twin.classify_files, paths, read_with_audioread)
        functions[AUDIOREAD] = work, len(paths)
    return functions, {"difference": difference, "threads": threads, "audioread": problem}


def _take_turns(functions: Mapping[str, Timed], rounds: int, progress: bool) -> Measured:
    """Seconds and CPU seconds per file of every round; the first turn of each is not counted."""
    found: Measured = {name: [] for name in functions}
    for function, count in functions.values():
        if count <= _OF_PARTS:  # long files need no more compilation than short ones
            function()
    for _ in tqdm(range(rounds), unit="round", disable=None if progress else True):
        for name, (function, count) in functions.items():
            start, used = time.perf_counter(), cpu_seconds()
            function()
            wall, used = time.perf_counter() - start, cpu_seconds() - used
            found[name].append({"seconds": wall / count, "cpu_seconds": used / count})
    return found


def _cold(model: Path, folder: Path, workers: int, files: int) -> float:
    """Seconds from the start of Python to its end."""
    command = [sys.executable, "-W", "ignore", "-c", _COLD, model, folder, workers, files]
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, env=os.environ | {"PYTHONPATH": paths})
    return time.perf_counter() - start


def _rows(found: Measured, cores: int) -> list[dict[str, Any]]:
    """The speed of this project relative to each peer and to its parts; above 1: it is faster."""
    own = found[_warm(cores)]
    others = {name: _column(found[name], "seconds") for name in _PEERS if name in found}
    others["the parts together"] = _ideal(found, cores)
    others[DECODING] = _column(found[DECODING], "seconds")
    case = f"30-s mp3 files, {cores} cores"
    return [
        compare(SUITE, case, peer, _column(own, "seconds"), seconds)
        for peer, seconds in others.items()
    ]


def _ideal(found: Measured, cores: int) -> list[float]:
    """Seconds per file if the parts were spread over all cores without loss."""
    parts = [
        _column(found[name], "cpu_seconds")
        for name in ("decode and resample", "front end", "network")
    ]
    return [sum(turn) / cores for turn in zip(*parts, strict=True)]


def _share(found: Measured, cores: int) -> str:
    """The parts' share of the processor time, which does not depend on the load."""
    own = statistics.median(_column(found[_warm(cores)], "cpu_seconds"))
    share = cores * statistics.median(_ideal(found, cores)) / own
    return f"The parts, each timed alone, take {share:.0%} of the CPU time of predict_files."


def _column(turns: Sequence[Mapping[str, float]], name: str) -> list[float]:
    return [turn[name] for turn in turns]


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_predict` in Markdown."""
    made, found = content["machine"], content["measured"]
    lines = [
        f"{content['files']} files: medians of {content['rounds']} rounds that take turns. "
        f"{tell_conditions(content)}",
        "",
        "| | ms a file | CPU ms a file | files/s |",
        "|---|--:|--:|--:|",
    ]
    for name, turns in found.items():
        wall, used = (
            1e3 * statistics.median(_column(turns, kind)) for kind in ("seconds", "cpu_seconds")
        )
        lines.append(f"| {name} | {wall:.1f} | {used:.1f} | {1e3 / wall:.1f} |")
    for workers, seconds in content["cold"].items():
        each = 1e3 * seconds / content["files"]
        lines.append(
            f"| a new process, {workers} worker(s): {seconds:.1f} s in all | {each:.1f} | | "
            f"{1e3 / each:.1f} |"
        )
    lines += ["", _share(found, made["cores"])]
    lines += ["", format_rows(content["rows"])]
    if "not compared" in content["peers"]:
        lines += ["", f"PyTorch is not compared: {content['peers']['not compared']}."]
    if problem := content["peers"].get("audioread"):
        lines += ["", f"{problem}."]
    return "\n".join([*lines, ""])
