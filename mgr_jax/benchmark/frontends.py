"""Times the log-mel front end beside librosa and PyTorch, and every front end by itself."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
import scipy.signal
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from tqdm import tqdm

from mgr_jax.audio.frontends import create_frontend, list_frontends
from mgr_jax.audio.frontends.base import Frontend
from mgr_jax.benchmark import peers
from mgr_jax.benchmark.timing import (
    available_cores,
    interleave,
    load_average,
    machine,
    memory_bandwidth,
    speed,
    speed_ratio,
)
from mgr_jax.errors import UserError

LIBROSA, TORCH = "librosa per clip", "torch.stft per clip"
# Not front ends of waveforms by themselves: made of others, or of stored features.
_WITHOUT_WAVEFORMS = {"precomputed", "resampled", "stack"}
_ROUNDS_OF_ONE = 3


def synthetic_clips(clips: int, samples: int, *, seed: int) -> np.ndarray:
    """White noise with a rising or falling chirp in each clip, [clips, samples] float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / peers.SAMPLE_RATE
    sounds = []
    for _ in range(clips):
        low, high = rng.uniform(30.0, 10_000.0, size=2)
        chirp = scipy.signal.chirp(time, low, time[-1] + 1e-3, high, method="logarithmic")
        sounds.append(0.5 * chirp + 0.05 * rng.standard_normal(samples))
    return np.stack(sounds).astype(np.float32)


def benchmark_frontends(
    clips: np.ndarray, *, rounds: int, devices: Sequence[jax.Device]
) -> dict[str, Any]:
    """Times front ends on clips that lie in memory, compilation not counted.

    Log-mel spectrograms by mgr_jax on all devices and on one, by librosa and by PyTorch, take
    turns; errors are against librosa in float64. The other front ends follow one by one, on one
    clip per device.

    Args:
      clips: [clips, samples] float32 at 22,050 Hz; the devices share them evenly.
      rounds: turns of each log-mel spectrogram.
      devices: of one kind.

    Returns:
      A report for JSON, which `format_report` makes readable.

    Raises:
      UserError: the clips cannot be shared evenly, or are too short for a frame.
    """
    if len(clips) % len(devices):
        raise UserError(
            f"{len(clips)} clips cannot be shared evenly by {len(devices)} devices; "
            "choose a multiple"
        )
    before = load_average()
    compared = _compare_log_mel(clips, rounds, devices)
    after = load_average()
    names = sorted(set(list_frontends()) - _WITHOUT_WAVEFORMS)
    return {
        "benchmark": "frontends",
        "clips": len(clips),
        "seconds": clips.shape[1] / peers.SAMPLE_RATE,
        "rounds": rounds,
        "machine": machine(),
        "load_average": {"before": before, "after": after},
        **compared,
        "frontends": {
            name: _speed_alone(name, clips[: len(devices)], devices)
            for name in tqdm(names, "front ends")
        },
    }


def _compare_log_mel(
    clips: np.ndarray, rounds: int, devices: Sequence[jax.Device]
) -> dict[str, Any]:
    """The parts of the report on log-mel spectrograms: log_mel, ratios and notes."""
    frontend = create_frontend("log_mel", sample_rate=peers.SAMPLE_RATE)
    own = {
        f"mgr_jax, {count} device{'s' * (count > 1)}": count
        for count in sorted({len(devices), 1}, reverse=True)
    }
    functions: dict[str, Callable[[], Any]] = {
        name: on_devices(frontend, clips, devices[:count]) for name, count in own.items()
    }
    functions[LIBROSA] = partial(peers.with_librosa, clips)
    notes = []
    try:
        functions[TORCH] = peers.with_torch(clips, available_cores())
    except ImportError:
        notes.append(
            "PyTorch is not compared, as it is not installed: pip install 'mgr-jax[bench]'."
        )
    times = interleave(functions, rounds, "log-mel")
    reference = np.stack(peers.with_librosa(clips, np.float64))
    rows: dict[str, dict[str, Any]] = {}
    for name, function in functions.items():
        levels = np.asarray(function())
        if name in own:
            levels = levels.swapaxes(1, 2)
        rows[name] = {
            "audio_seconds_per_second": speed(times[name], clips.size / peers.SAMPLE_RATE),
            "max_error_db": float(np.abs(levels - reference).max()),
        }
    if devices[0].platform != "cpu":
        peak = memory_bandwidth(devices[0])
        for name, count in own.items():
            reached = _bytes_moved(frontend, clips) / min(times[name])
            rows[name]["bandwidth_share"] = reached / (peak * count)
        notes.append(
            f"A triad moves {peak / 1e9:.0f} GB/s in the memory of one device; the share counts "
            "every array of the transform as written and read once."
        )
    ratios = {
        name: {peer: speed_ratio(times[name], times[peer]) for peer in functions if peer not in own}
        for name in own
    }
    return {"log_mel": rows, "ratios": ratios, "notes": notes}


def on_devices(
    frontend: Frontend, clips: np.ndarray, devices: Sequence[jax.Device]
) -> Callable[[], jax.Array]:
    """A function that computes the features of clips which lie on the devices, spread evenly."""
    variables = jax.jit(frontend.init)(jax.random.key(0), clips[:1])
    mesh, spec = Mesh(np.array(devices), ("clips",)), PartitionSpec("clips")
    spread = jax.shard_map(
        partial(frontend.apply, variables), mesh=mesh, in_specs=spec, out_specs=spec
    )
    function, placed = jax.jit(spread), jax.device_put(clips, NamedSharding(mesh, spec))
    return lambda: function(placed).block_until_ready()


def _bytes_moved(frontend: Frontend, clips: np.ndarray) -> int:
    """Bytes, if every array from waveforms to levels is written once and read once."""
    frames, bins = frontend.num_frames(clips.shape[1]), 1 + frontend.n_fft // 2
    # Per frame: samples, complex spectra, power, bands, levels.
    values = frontend.n_fft + 2 * bins + bins + 2 * frontend.num_bins
    return 2 * clips.itemsize * (clips.size + len(clips) * frames * values)


def _speed_alone(name: str, clips: np.ndarray, devices: Sequence[jax.Device]) -> dict[str, float]:
    """Audio-seconds per second of a front end as it comes."""
    frontend = create_frontend(name)
    times = interleave({name: on_devices(frontend, clips, devices)}, _ROUNDS_OF_ONE)
    return speed(times[name], clips.size / frontend.sample_rate)


def format_report(report: dict[str, Any]) -> str:
    """A report as tables to read."""
    machine, load = report["machine"], report["load_average"]
    versions = ", ".join(
        f"{name} {number}" for name, number in machine["versions"].items() if number
    )
    lines = [
        f"Log-mel spectrograms of {report['clips']} clips of {report['seconds']:g} s, "
        f"{report['rounds']} rounds: median and best",
        f"{'':<22}{'audio-s/s':>16}{'x librosa':>14}{'x torch':>14}{'error in dB':>14}",
    ]
    for name, row in report["log_mel"].items():
        ratios = report["ratios"].get(name, {})
        line = f"{name:<22}{_pair(row['audio_seconds_per_second'], '.0f'):>16}"
        for peer in (LIBROSA, TORCH):
            line += f"{_pair(ratios.get(peer), '.2f'):>14}"
        line += f"{row['max_error_db']:>14.1e}"
        if "bandwidth_share" in row:
            line += f"  {100 * row['bandwidth_share']:.0f} % of the memory's bandwidth"
        lines.append(line)
    lines += ["", "Every front end with its defaults, one clip on each device"]
    for name, row in report["frontends"].items():
        lines.append(f"{name:<22}{_pair(row, '.0f'):>16}")
    lines += [
        "",
        f"{machine['processor']}, {machine['cores']} cores; jax devices: "
        f"{', '.join(machine['devices'])}",
        versions,
    ]
    if load["before"] is not None:
        lines.append(f"load average {load['before']:.2f} before, {load['after']:.2f} after")
        if max(load.values()) >= machine["cores"]:
            lines.append("The machine was busy: repeat this when it is not.")
    return "\n".join(lines + report["notes"])


def _pair(speeds: dict[str, float] | None, digits: str) -> str:
    return "" if speeds is None else f"{speeds['median']:{digits}} {speeds['best']:{digits}}"
