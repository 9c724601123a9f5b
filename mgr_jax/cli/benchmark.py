"""Times front ends, beside librosa and PyTorch, or networks.

  mgr-jax benchmark frontends --json=frontends.json
  mgr-jax benchmark models --markdown=models.md           # every network in configs/zoo
  mgr-jax benchmark models zoo/fcn rendered/choi_crnn     # those of some configs

PyTorch is compared where it is installed: pip install 'mgr-jax[bench]'. Run it on a quiet machine.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from mgr_jax.config.files import list_configs, read_config
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_float("seconds", 30.0, "frontends: length of a clip.", flag_values=flags)
    absl_flags.DEFINE_integer(
        "clips",
        None,
        "Clips at a time; default: 16 of front ends, 4 of models.",
        1,
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "rounds", 20, "frontends: turns of each library.", 1, flag_values=flags
    )
    absl_flags.DEFINE_integer(
        "devices",
        None,
        "frontends: devices that share the clips; default: a CPU divided into two, else every "
        "accelerator.",
        1,
        flag_values=flags,
    )
    absl_flags.DEFINE_list(
        "audio",
        [],
        "frontends: audio files to cut clips from; else noise and chirps.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string("markdown", None, "File for what is printed.", flag_values=flags)
    absl_flags.DEFINE_string("json", None, "File for the results.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Runs a benchmark, prints its tables and writes its numbers."""
    suite, *names = args or [""]
    if suite not in ("frontends", "models") or (suite == "frontends" and names):
        raise UserError(
            "say what to time: mgr-jax benchmark frontends, or mgr-jax benchmark models [CONFIG …]"
        )
    if not 0.1 <= flags.seconds <= 3600:
        raise UserError(f"--seconds={flags.seconds:g} is out of range; use 0.1 to 3600")
    given = {"json": flags.json, "markdown": flags.markdown}
    targets = {flag: Path(path).expanduser() for flag, path in given.items() if path}
    for flag, target in targets.items():
        if not target.parent.is_dir():
            raise UserError(f"--{flag}: the folder {target.parent} does not exist; create it first")
    report, text = _models(flags, names) if suite == "models" else _frontends(flags)
    print(text)
    contents = {"json": json.dumps(report, indent=1), "markdown": text}
    for flag, target in targets.items():
        target.write_text(contents[flag].rstrip() + "\n")
        print(f"Wrote {target}")


def _frontends(flags: absl_flags.FlagValues) -> tuple[dict[str, Any], str]:
    devices = _devices(flags.devices)

    from mgr_jax.benchmark.frontends import benchmark_frontends, format_report

    clips, source = _clips(flags.audio, flags.clips or 16, flags.seconds)
    report = benchmark_frontends(clips, rounds=flags.rounds, devices=devices)
    report["audio"] = source
    return report, f"{format_report(report)}\nAudio: {source}."


def _models(flags: absl_flags.FlagValues, names: list[str]) -> tuple[dict[str, Any], str]:
    names = names or [name for name in list_configs() if name.startswith("zoo/")]
    configs = {name: read_config(name) for name in names}

    from mgr_jax.benchmark.models import benchmark_models, format_models

    report = benchmark_models(configs, clips=flags.clips or 4)
    return report, format_models(report)


def _devices(count: int | None):
    """Devices of this process; a CPU is divided into as many, unless XLA_FLAGS does that."""
    import jax

    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        with contextlib.suppress(RuntimeError):  # jax has started already: what it has must do
            jax.config.update("jax_num_cpu_devices", count or 2)
    devices = jax.local_devices()
    if count is None:
        return devices[:2] if devices[0].platform == "cpu" else devices
    if len(devices) < count:
        raise UserError(f"--devices={count}, but jax has {len(devices)} here; ask for fewer")
    return devices[:count]


def _clips(paths: list[str], clips: int, seconds: float):
    """Clips [clips, samples] at 22,050 Hz, and where they are from."""
    import numpy as np

    from mgr_jax.audio.io import read_audio
    from mgr_jax.benchmark.frontends import synthetic_clips
    from mgr_jax.benchmark.peers import SAMPLE_RATE

    samples = round(seconds * SAMPLE_RATE)
    if not paths:
        return synthetic_clips(clips, samples, seed=0), "synthetic noise and chirps, seed 0"
    music = np.concatenate([read_audio(Path(path).expanduser(), SAMPLE_RATE) for path in paths])
    source = f"{len(music) / SAMPLE_RATE:.0f} s of music from {len(paths)} files"
    if music.size < clips * samples:
        source += ", repeated"
    return np.resize(music, (clips, samples)), source
