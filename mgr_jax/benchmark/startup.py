"""Times the start of commands, and the first step of networks."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mgr_jax import huge_pages, program_cache
from mgr_jax.benchmark.first_step import first_step_networks
from mgr_jax.benchmark.process_times import Times, median, time_process
from mgr_jax.benchmark.record import Benchmark, compare, format_rows
from mgr_jax.benchmark.songs import write_songs
from mgr_jax.benchmark.timing import conditions, load_average, tell_conditions
from mgr_jax.files import expand
from mgr_jax.model_folder import find_model

SUITE = "startup"
PEER = "librosa and PyTorch"
HELP, IMPORT = "mgr-jax predict, its help", "import mgr_jax"
FILLED, EMPTY, OFF = (
    "predict one file, cache filled",
    "predict one file, cache empty",
    "predict one file, no cache",
)
SMALL_PAGES = "predict one file, cache filled, no huge pages"
# What the command line sets at its start, and this process may have set.
_CHOSEN = {
    huge_pages.TUNABLES,
    huge_pages.SWITCH,
    program_cache.FOLDER,
    program_cache.LEAST,
    program_cache.SWITCH,
}
# The same in other libraries: the file, its mel spectrogram and a small network.
_PEER_SCRIPT = """
import sys
import librosa
import torch
samples, _ = librosa.load(sys.argv[1], sr=12000)
mel = librosa.power_to_db(
    librosa.feature.melspectrogram(y=samples, sr=12000, n_fft=512, hop_length=256, n_mels=96)
)
layers = []
for ins, outs in ((1, 32), (32, 64), (64, 64), (64, 64)):
    layers += [torch.nn.Conv2d(ins, outs, 3, padding=1), torch.nn.BatchNorm2d(outs)]
    layers += [torch.nn.ELU(), torch.nn.MaxPool2d(2)]
network = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
with torch.inference_mode():
    network.eval()(torch.from_numpy(mel)[None, None])
"""


def benchmark_startup(
    model: str | os.PathLike[str],
    *,
    file: str | os.PathLike[str] | None = None,
    networks: Iterable[str] | None = None,
    rounds: int = 5,
    progress: bool = True,
) -> Benchmark:
    """Times short commands, each in its own process, and first training steps.

        report = mgr_jax.benchmark_startup("runs/demo", rounds=3)
        print(report)

    The commands take turns. Prediction of one file is timed with an empty and a filled cache of
    compiled programs, without a cache, and without huge pages. For comparison, a script reads the
    file with librosa, and passes its mel spectrogram to a small network in PyTorch.

    Args:
      model: the folder of a trained model, or the name of a pretrained one.
      file: an audio file; None: 30 s of synthetic music as mp3.
      networks: specs of configs whose networks are timed to the end of their first training step,
        of two clips, with an empty and a filled cache of programs; (): one for every network of the
        shipped configs; None: none.
      rounds: turns of each command; networks have one.
      progress: show a bar.

    Returns:
      The numbers, as tables when printed.

    Raises:
      UserError: there is no such model or config, or a command fails, for example because the file
        cannot be read.
    """
    model = str(find_model(model))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = expand(file).absolute() if file else next(write_songs(folder, 1).glob("*.mp3"))
        loads = [load_average()]
        times, peer = _time_commands(model, song, folder, rounds, progress=progress)
        content: dict[str, Any] = {"suite": SUITE, "rounds": rounds, "processes": times}
        if networks is not None:
            content["networks"] = first_step_networks(networks, folder, progress=progress)
        content |= {**conditions(loads), "peer": peer, "rows": _rows(times)}
    return Benchmark(content, format_report(content))


def _time_commands(
    model: str, song: Path, folder: Path, rounds: int, *, progress: bool
) -> tuple[dict[str, list[Times]], str]:
    """The times of each command in each round, and why the peer was left out, if it was."""
    start = [sys.executable, "-m", "mgr_jax"]
    predict = [*start, "predict", f"-model={model}", "-noprogress", str(song)]
    fresh = {name: value for name, value in os.environ.items() if name not in _CHOSEN}
    filled = fresh | {"XDG_CACHE_HOME": str(folder / "filled")}
    commands: dict[str, Callable[[], Times]] = {
        HELP: lambda: time_process([*start, "predict", "-h"], fresh),
        IMPORT: lambda: time_process([sys.executable, "-c", "import mgr_jax"], fresh),
        FILLED: lambda: time_process(predict, filled),
        SMALL_PAGES: lambda: time_process(predict, filled | {huge_pages.SWITCH: "0"}),
        EMPTY: lambda: _with_empty_cache(predict, fresh, folder),
        OFF: lambda: time_process(predict, fresh | {program_cache.SWITCH: "0"}),
    }
    missing = _why_missing()
    if not missing:
        peer = [sys.executable, "-c", _PEER_SCRIPT, str(song)]
        commands[PEER] = lambda: time_process(peer, os.environ)
    times: dict[str, list[Times]] = {name: [] for name in commands}
    for turn in tqdm(range(-1, rounds), unit="round", disable=None if progress else True):
        for name, run in commands.items():
            taken = run()
            if turn >= 0:  # the first round fills the cache, and the system's file cache
                times[name].append(taken)
    return times, missing


def _with_empty_cache(command: Sequence[str], fresh: Mapping[str, str], folder: Path) -> Times:
    with tempfile.TemporaryDirectory(dir=folder) as empty:
        return time_process(command, {**fresh, "XDG_CACHE_HOME": empty})


def _why_missing() -> str:
    code = "import librosa, torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _rows(times: Mapping[str, Sequence[Times]]) -> list[dict[str, Any]]:
    if PEER not in times:
        return []
    peer = [taken["seconds"] for taken in times[PEER]]
    return [
        compare(SUITE, case, PEER, [taken["seconds"] for taken in times[case]], peer)
        for case in (FILLED, EMPTY)
    ]


def format_report(content: Mapping[str, Any]) -> str:
    """The content of `benchmark_startup` in Markdown."""
    lines = [tell_conditions(content), "", f"Processes, medians of {content['rounds']} rounds:", ""]
    lines += ["| | seconds | CPU seconds |", "|---|--:|--:|"]
    for name, taken in content["processes"].items():
        lines.append(
            f"| {name} | {median(taken, 'seconds'):.2f} | {median(taken, 'cpu_seconds'):.2f} |"
        )
    lines += ["", format_rows(content["rows"])] if content["rows"] else []
    if content["peer"]:
        lines += ["", f"{PEER} are not compared: {content['peer']}."]
    if "networks" in content:
        lines += [
            "",
            "From nothing to the end of the first training step of two clips, in a process that "
            "has imported everything; cold: nothing is compiled; warm: all is.",
            "",
            "| network | config | cold, s | CPU s | warm, s | CPU s |",
            "|---|---|--:|--:|--:|--:|",
        ]
        for row in sorted(content["networks"], key=lambda row: -row["cold"]["seconds"]):
            cells = [f"`{row['model']}`", f"`{row['config']}`"]
            for kind in ("cold", "warm"):
                cells += [f"{row[kind][name]:.1f}" for name in ("seconds", "cpu_seconds")]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
