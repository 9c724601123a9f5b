"""Times the loaders of training, beside PyTorch's, bare copies and seeks in FLAC."""

import functools
import io
import itertools
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import soundfile
import tensorflow_datasets as tfds

from mgr_jax.audio.dsp import to_float
from mgr_jax.benchmark import songs
from mgr_jax.benchmark.record import Benchmark, compare, format_rows
from mgr_jax.benchmark.timing import conditions, interleave, load_average, speed, tell_conditions
from mgr_jax.data.cache import Tracks, open_tracks
from mgr_jax.data.prepare import prepare
from mgr_jax.data.resident import ResidentLoader
from mgr_jax.data.streaming import StreamingLoader
from mgr_jax.errors import UserError
from mgr_jax.workers import available_cores

RESIDENT, STREAMING = "resident", "streaming"
MEMMAP, FLAC = "bare memmap copy", "tfds.data_source of FLAC"
DTYPES = ("int16", "float32")
SUITE = "loaders"
RATE = songs.RATE // 2
_WORKERS = (0, 2)
_BATCHES, _OF_FLAC = 50, 2  # batches of each in a round
_REPEATED = 20  # rounds until a peer repeats its crops
_SEED = 0

# For an element type, endless batches [batch, samples] on the device.
Source = Callable[[str], Iterator[Any]]


def benchmark_loaders(
    *,
    seconds: float = 3.0,
    tracks: int = 200,
    batch: int = 64,
    rounds: int = 10,
    progress: bool = True,
) -> Benchmark:
    """Times random crops of a prepared dataset, until they are on the device.

        report = mgr_jax.benchmark_loaders(tracks=20, rounds=2)
        print(report)

    The loaders of training and their peers take turns. The peers get the positions of the crops
    beforehand, and draw nothing. Before timing, a check makes sure that all cut the same crops.

    Args:
      seconds: length of a crop.
      tracks: number of tracks of 30 s at 22,050 Hz; synthetic music, prepared in a temporary
        folder.
      batch: crops per batch.
      rounds: turns of each.
      progress: show bars.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: crops are longer than tracks, or two loaders cut different ones.
    """
    if not 0.01 <= seconds <= songs.SECONDS:
        raise UserError(
            f"crops of {seconds:g} s are out of range; give 0.01 to {songs.SECONDS:g} seconds",
            code="argument.out_of_range",
        )
    loads, samples = [load_average()], round(seconds * RATE)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = _prepare(Path(name), tracks, progress)
        split = open_tracks(folder, "train")
        for track in range(len(split)):
            split.read(track)  # checks its blocks, which then stay in memory
        options: dict[str, Any] = {"clip_samples": samples, "batch_size": batch}
        resident = ResidentLoader(split, **options)
        drawn = itertools.islice(resident.train_batches(seed=_SEED), _BATCHES)
        places = [np.stack([each["track"], each["start"]], axis=1) for each in drawn]
        own = {
            RESIDENT: _resident(resident),
            STREAMING: _streaming(StreamingLoader(split, **options)),
        }
        peers, notes = _peers(folder, split, places, samples)
        sources = own | peers
        cuts = {
            _label(name, dtype): source(dtype)
            for name, source in sources.items()
            for dtype in DTYPES
        }
        for name in sources:
            for dtype in DTYPES:
                some = places[:_OF_FLAC]
                _require_equal(name, dtype, cuts[_label(name, dtype)], split, some, samples)
        counts = {label: _OF_FLAC if label.startswith(FLAC) else _BATCHES for label in cuts}
        times = _take_turns(cuts, counts, batch, rounds, progress)
    rows = [
        compare(
            SUITE,
            f"{seconds:g}-s crops, {dtype}, {name}",
            peer,
            times[_label(name, dtype)],
            times[_label(peer, dtype)],
        )
        for dtype in DTYPES
        for name in own
        for peer in peers
    ]
    content = {
        "suite": SUITE,
        **conditions(loads),
        "seconds": seconds,
        "tracks": len(split),
        "batch": batch,
        "rounds": rounds,
        "crops_per_second": {
            name: {dtype: speed(times[_label(name, dtype)], 1) for dtype in DTYPES}
            for name in sources
        },
        "notes": notes,
        "rows": rows,
    }
    return Benchmark(content, format_report(content))


def _prepare(folder: Path, tracks: int, progress: bool) -> Path:
    """Prepares a dataset of so many training tracks, with its records and its cache."""
    others = 2 * len(songs.GENRES)  # for validation and test
    music = songs.write_tracks(folder, tracks + others)
    share = others / 2 / (tracks + others)
    return prepare(
        "audio_folder",
        sample_rate=RATE,
        data_dir=folder / "prepared",
        manual_dir=music,
        fractions=(1 - 2 * share, share, share),
        num_workers=0,
        progress=progress,
    ).folder


def _resident(loader: ResidentLoader) -> Source:
    data = jax.device_put(loader.data)

    def batches(dtype: str) -> Iterator[jax.Array]:
        cut = jax.jit(lambda data, batch: _convert(loader.inputs(data, batch), dtype))
        for batch in loader.train_batches(seed=_SEED):
            places = {name: batch[name] for name in ("track", "start")}
            yield cut(data, places).block_until_ready()

    return batches


def _streaming(loader: StreamingLoader) -> Source:
    def batches(dtype: str) -> Iterator[jax.Array]:
        convert = jax.jit(lambda clips: _convert(clips, dtype))
        for batch in loader.train_batches(seed=_SEED):
            yield convert(jax.device_put(batch["inputs"])).block_until_ready()

    return batches


def _convert(clips: jax.Array, dtype: str) -> jax.Array:
    return to_float(clips) if dtype == "float32" else clips


def _peers(
    folder: Path, split: Tracks, places: Sequence[np.ndarray], samples: int
) -> tuple[dict[str, Source], list[str]]:
    """The peers by name, and a sentence about PyTorch."""
    (file,) = split.files
    shape = (len(split), int(split.length[0]))
    found = {
        MEMMAP: _from_memmap(np.memmap(file, np.int16, mode="r", shape=shape), places, samples),
        FLAC: _from_flac(folder, split, places, samples),
    }
    try:
        from mgr_jax.benchmark import torch_loader
    except ImportError:
        return found, [
            "PyTorch is not compared, as it is not installed: pip install 'mgr-jax[bench]'."
        ]
    crops = torch_loader.Crops(file, shape, np.concatenate([*places] * _REPEATED), samples)
    for workers in _WORKERS:
        found[f"torch DataLoader, {workers} workers"] = torch_loader.source(
            crops, len(places[0]), workers
        )
    cores = available_cores()
    threads = torch_loader.choose_threads(crops, len(places[0]), cores)
    return found, [f"PyTorch's threads: {threads}, the faster of 1 and {cores}."]


def _from_memmap(tracks: np.ndarray, places: Sequence[np.ndarray], samples: int) -> Source:
    """A bare copy, which no loader can beat on one core."""

    def batches(dtype: str) -> Iterator[np.ndarray]:
        clips = np.empty((len(places[0]), samples), dtype)
        scale = np.array(2**-15 if dtype == "float32" else 1, dtype)
        for some in itertools.cycle(places):
            for clip, (track, start) in zip(clips, some, strict=True):
                np.multiply(tracks[track, start : start + samples], scale, out=clip)
            yield clips

    return batches


def _from_flac(folder: Path, split: Tracks, places: Sequence[np.ndarray], samples: int) -> Source:
    """A seek in the record of the track, for every crop."""
    source = tfds.builder_from_directory(str(folder)).as_data_source("train")
    stored = {record["track_id"].decode(): row for row, record in enumerate(source)}
    records = [stored[name] for name in split.track_id]

    def cut(track: int, start: int, dtype: str) -> np.ndarray:
        with soundfile.SoundFile(io.BytesIO(source[records[track]]["audio"])) as file:
            file.seek(start)
            return file.read(samples, dtype)

    def batches(dtype: str) -> Iterator[np.ndarray]:
        for some in itertools.cycle(places):
            yield np.stack([cut(track, start, dtype) for track, start in some.tolist()])

    return batches


def _label(name: str, dtype: str) -> str:
    return f"{name}, {dtype}"


def _require_equal(
    name: str,
    dtype: str,
    batches: Iterator[Any],
    split: Tracks,
    places: Sequence[np.ndarray],
    samples: int,
) -> None:
    """Raises a UserError unless the first batches are the crops at these positions."""
    scale = np.float32(2**15) if dtype == "float32" else 1
    for some, clips in zip(places, batches, strict=False):
        expected = (
            np.stack([split.read(track, start, samples) for track, start in some.tolist()]) / scale
        )
        if np.asarray(clips).dtype != dtype or not np.array_equal(clips, expected):
            raise UserError(
                f"{name} cuts other {dtype} crops than the cache holds; do not compare",
                code="benchmark.differs",
            )


def _take_turns(
    cuts: Mapping[str, Iterator[Any]],
    counts: Mapping[str, int],
    batch: int,
    rounds: int,
    progress: bool,
) -> dict[str, list[float]]:
    """Seconds per crop of every round, with so many batches of each."""

    def take(label: str) -> None:
        for _ in itertools.islice(cuts[label], counts[label]):
            pass

    times = interleave(
        {label: functools.partial(take, label) for label in cuts}, rounds, progress=progress
    )
    return {
        label: [seconds / (counts[label] * batch) for seconds in turns]
        for label, turns in times.items()
    }


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_loaders` in Markdown."""
    lines = [
        f"Crops of {content['seconds']:g} s at {RATE:,} Hz from {content['tracks']} tracks, "
        f"{content['batch']} at a time, {content['rounds']} rounds that take turns. "
        + tell_conditions(content),
        "",
        f"| crops per second, median | {' | '.join(DTYPES)} |",
        f"|---|{'--:|' * len(DTYPES)}",
    ]
    for name, speeds in content["crops_per_second"].items():
        cells = [f"{speeds[dtype]['median']:,.0f}" for dtype in DTYPES]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", format_rows(content["rows"])]
    return "\n".join([*lines, "", *content["notes"], ""])
