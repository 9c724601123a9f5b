"""Times the log-mel front end beside other libraries, and each front end alone."""

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import scipy.signal
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from mgr_jax.audio.frontends import Frontend, create_frontend, list_frontends
from mgr_jax.audio.io import read_audio
from mgr_jax.benchmark import peers
from mgr_jax.benchmark.record import Benchmark, compare, format_rows
from mgr_jax.benchmark.timing import (
    conditions,
    interleave,
    load_average,
    memory_bandwidth,
    speed,
    tell_conditions,
)
from mgr_jax.errors import UserError
from mgr_jax.files import expand

SUITE = "frontends"
TOLERANCE = 0.02  # dB, largest difference of a library from float64
# Front ends that are composed of others, or take stored features.
_WITHOUT_WAVEFORMS = {"precomputed", "resampled", "stack"}
_ROUNDS_OF_ONE = 3


def synthetic_clips(clips: int, samples: int, *, seed: int) -> np.ndarray:
    """White noise with a rising or falling chirp in each clip, [clips, samples] float32.

    Args:
      clips: number of clips.
      samples: length of a clip.
      seed: seed of the random generator.
    """
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / peers.SAMPLE_RATE
    sounds = []
    for _ in range(clips):
        low, high = rng.uniform(30.0, 10_000.0, size=2)
        chirp = scipy.signal.chirp(time, low, time[-1] + 1e-3, high, method="logarithmic")
        sounds.append(0.5 * chirp + 0.05 * rng.standard_normal(samples))
    return np.stack(sounds).astype(np.float32)


def benchmark_frontends(
    *,
    clips: int = 16,
    seconds: float = 30.0,
    rounds: int = 20,
    devices: int | None = None,
    audio: Sequence[str | os.PathLike[str]] = (),
    progress: bool = True,
) -> Benchmark:
    """Times front ends on clips in memory, without compilation.

        report = mgr_jax.benchmark_frontends(clips=2, seconds=5.0)
        print(report)

    Log-mel spectrograms by mgr_jax on all devices and on one, and by librosa, librosax, PyTorch and
    nnAudio, if they are installed, take turns. The other front ends follow one by one.

    Args:
      clips: clips per batch; a multiple of the number of devices.
      seconds: length of a clip, 0.1 to 3600.
      rounds: turns of each log-mel spectrogram.
      devices: number of devices that share the clips; None: all accelerators, or a CPU divided into
        two. A CPU can be divided only before jax has started.
      audio: files to cut the clips from; none: noise and chirps.
      progress: show progress bars.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: there are fewer devices, the clips cannot be shared evenly, their length is out of
        range or too short for a frame, a file cannot be read, or two libraries differ.
    """
    if not 0.1 <= seconds <= 3600:
        raise UserError(
            f"clips of {seconds:g} s are out of range; give 0.1 to 3600 seconds",
            code="argument.out_of_range",
        )
    chosen = choose_devices(devices)
    waveforms, source = _cut_clips(audio, clips, round(seconds * peers.SAMPLE_RATE))
    content = time_frontends(waveforms, rounds=rounds, devices=chosen, progress=progress)
    content["audio"] = source
    return Benchmark(content, format_report(content))


def choose_devices(count: int | None) -> list[jax.Device]:
    """Chooses devices of this process; divides a CPU into as many, unless XLA_FLAGS does.

    Args:
      count: number of devices; None: all accelerators, or two parts of a CPU.

    Returns:
      The devices.

    Raises:
      UserError: there are fewer.
    """
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # jax has started already: its devices must suffice
            jax.config.update("jax_num_cpu_devices", count or 2)
    devices = jax.local_devices()
    if count is None:
        return devices[:2] if devices[0].platform == "cpu" else devices
    if len(devices) < count:
        raise UserError(
            f"jax has {len(devices)} devices here, not {count}; ask for fewer",
            code="devices.too_few",
        )
    return devices[:count]


def _cut_clips(
    paths: Sequence[str | os.PathLike[str]], clips: int, samples: int
) -> tuple[np.ndarray, str]:
    """Clips [clips, samples] at 22,050 Hz, and their origin in words."""
    if not paths:
        return synthetic_clips(clips, samples, seed=0), "synthetic noise and chirps, seed 0"
    rate = peers.SAMPLE_RATE
    music = np.concatenate([read_audio(expand(path), rate) for path in paths])
    source = f"{len(music) / rate:.0f} s of music from {len(paths)} files"
    if music.size < clips * samples:
        source += ", repeated"
    return np.resize(music, (clips, samples)), source


def time_frontends(
    clips: np.ndarray, *, rounds: int, devices: Sequence[jax.Device], progress: bool = False
) -> dict[str, Any]:
    """Times front ends on clips in memory, without compilation.

    Errors of log-mel spectrograms are relative to the same transform in float64. For the other
    front ends each device gets one clip.

    Args:
      clips: [clips, samples] float32 at 22,050 Hz; the devices share them evenly.
      rounds: turns of each log-mel spectrogram.
      devices: devices of one kind.
      progress: show progress bars.

    Returns:
      A report for JSON, which `format_report` makes readable.

    Raises:
      UserError: the clips cannot be shared evenly or are too short for a frame, or levels differ
        from float64 by more than `TOLERANCE`.
    """
    if len(clips) % len(devices):
        raise UserError(
            f"{len(clips)} clips cannot be shared evenly by {len(devices)} devices; "
            "choose a multiple",
            code="devices.not_divisible",
        )
    loads = [load_average()]
    compared = _compare_log_mel(clips, rounds, devices, progress)
    names = sorted(set(list_frontends()) - _WITHOUT_WAVEFORMS)
    alone = {
        name: _speed_alone(name, clips[: len(devices)], devices)
        for name in tqdm(names, "front ends", disable=None if progress else True)
    }
    return {
        "suite": SUITE,
        **conditions(loads),
        "clips": len(clips),
        "seconds": clips.shape[1] / peers.SAMPLE_RATE,
        "rounds": rounds,
        **compared,
        "frontends": alone,
    }


def _compare_log_mel(
    clips: np.ndarray, rounds: int, devices: Sequence[jax.Device], progress: bool
) -> dict[str, Any]:
    """The parts of the report on log-mel spectrograms: log_mel, rows and notes."""
    frontend = create_frontend("log_mel", sample_rate=peers.SAMPLE_RATE)
    own = {
        f"mgr_jax, {count} device{'s' * (count > 1)}": count
        for count in sorted({len(devices), 1}, reverse=True)
    }
    others, notes = peers.find_peers(clips, on_gpu=devices[0].platform != "cpu")
    functions = {
        name: on_devices(frontend, clips, devices[:count]) for name, count in own.items()
    } | others
    reference = peers.in_float64(clips)
    rows: dict[str, dict[str, Any]] = {}
    for name, function in functions.items():
        levels = function()
        levels = np.asarray(levels.cpu() if name == peers.TORCH_GPU else levels)
        if name in own:
            levels = levels.swapaxes(1, 2)
        rows[name] = {"max_error_db": _require_close(name, levels, reference)}
    times = interleave(functions, rounds, progress=progress)
    for name, row in rows.items():
        row["audio_seconds_per_second"] = speed(times[name], clips.size / peers.SAMPLE_RATE)
    if devices[0].platform != "cpu":
        peak = memory_bandwidth(devices[0])
        for name, count in own.items():
            reached = _bytes_moved(frontend, clips) / min(times[name])
            rows[name]["bandwidth_share"] = reached / (peak * count)
        notes.append(
            f"A triad moves {peak / 1e9:.0f} GB/s in the memory of one device; the share counts "
            "every array of the transform as written and read once."
        )
    ratios = [
        compare(SUITE, f"log-mel, {name.removeprefix('mgr_jax, ')}", peer, times[name], times[peer])
        for name in own
        for peer in others
    ]
    return {"log_mel": rows, "rows": ratios, "notes": notes}


def _require_close(name: str, levels: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference in dB; a UserError if it is too large for a comparison."""
    error = float(np.abs(levels - reference).max())
    if not error <= TOLERANCE:
        raise UserError(
            f"{name} differs from float64 by {error:.2g} dB, more than {TOLERANCE:g}; do not "
            "compare",
            code="benchmark.differs",
        )
    return error


def on_devices(
    frontend: Frontend, clips: np.ndarray, devices: Sequence[jax.Device]
) -> Callable[[], jax.Array]:
    """A function that computes the features of clips that lie on the devices, spread evenly.

    Args:
      frontend: the front end.
      clips: [clips, samples].
      devices: the devices.
    """
    variables = jax.jit(frontend.init)(jax.random.key(0), clips[:1])
    mesh, spec = Mesh(np.array(devices), ("clips",)), PartitionSpec("clips")
    spread = jax.shard_map(
        partial(frontend.apply, variables), mesh=mesh, in_specs=spec, out_specs=spec
    )
    function, placed = jax.jit(spread), jax.device_put(clips, NamedSharding(mesh, spec))
    return lambda: function(placed).block_until_ready()


def _bytes_moved(frontend: Frontend, clips: np.ndarray) -> int:
    """Bytes, if every array from waveforms to levels is written once and read once."""
    frames, bins = frontend.num_frames(clips.shape[1]), 1 + frontend.frame_samples // 2
    # Per frame: samples, complex spectra, power, bands, levels.
    values = frontend.frame_samples + 2 * bins + bins + 2 * frontend.num_bins
    return 2 * clips.itemsize * (clips.size + len(clips) * frames * values)


def _speed_alone(name: str, clips: np.ndarray, devices: Sequence[jax.Device]) -> dict[str, float]:
    """Audio-seconds per second of a front end with its defaults."""
    frontend = create_frontend(name)
    times = interleave({name: on_devices(frontend, clips, devices)}, _ROUNDS_OF_ONE)
    return speed(times[name], clips.size / frontend.sample_rate)


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_frontends` in Markdown."""
    audio = f" of {content['audio']}" if "audio" in content else ""
    lines = [
        f"Log-mel spectrograms ({peers.SAMPLE_RATE:,} Hz, {peers.N_FFT}/{peers.HOP_LENGTH}, "
        f"{peers.N_MELS} bands) of {content['clips']} clips of {content['seconds']:g} s{audio}, "
        f"{content['rounds']} rounds that take turns. " + tell_conditions(content),
        "",
        "| | audio seconds per second, median | best | error against float64, dB |",
        "|---|--:|--:|--:|",
    ]
    for name, row in content["log_mel"].items():
        speeds = row["audio_seconds_per_second"]
        share = (
            f" ({row['bandwidth_share']:.0%} of the bandwidth)" if "bandwidth_share" in row else ""
        )
        lines.append(
            f"| {name} | {speeds['median']:,.0f}{share} | {speeds['best']:,.0f} | "
            f"{row['max_error_db']:.1e} |"
        )
    lines += ["", format_rows(content["rows"])]
    for note in content["notes"]:
        lines += ["", note]
    lines += ["", "Every front end with its defaults, one clip on each device:", ""]
    lines += ["| front end | audio seconds per second, median | best |", "|---|--:|--:|"]
    for name, speeds in content["frontends"].items():
        lines.append(f"| `{name}` | {speeds['median']:,.0f} | {speeds['best']:,.0f} |")
    return "\n".join([*lines, ""])
