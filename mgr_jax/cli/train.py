"""Trains what a config describes. The same command again goes on where the run stopped.

mgr-jax train --config=rendered/choi_crnn --workdir=runs/a --config.batch_size=32

Uses all devices of this machine. Over several machines, run it on each with the same --coordinator
and --num_processes and with its own --process_id; on a TPU pod --coordinator=auto is enough.
"""

from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.config.files import define_config_flag, require_config
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_string("workdir", None, "Folder of the run.", flag_values=flags)
    absl_flags.DEFINE_bool("progress", True, "Show bars and results.", flag_values=flags)
    absl_flags.DEFINE_bool(
        "i_know_this_leaks", False, "Consent to a protocol that leaks.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "coordinator", None, "host:port of process 0, or auto on a TPU pod.", flag_values=flags
    )
    absl_flags.DEFINE_integer("num_processes", None, "Of the whole run.", flag_values=flags)
    absl_flags.DEFINE_integer("process_id", None, "Of this one, from 0.", flag_values=flags)
    define_config_flag(flags, argv)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Trains and says what came of it."""
    config = require_config(flags)
    if args or not flags.workdir:
        raise UserError("give --workdir, the folder to keep the run in, such as runs/a")
    config.protocol.i_know_this_leaks |= flags.i_know_this_leaks
    import jax

    from mgr_jax.data.pipeline import scored_split
    from mgr_jax.training.train import train

    if flags.coordinator:
        jax.distributed.initialize(
            None if flags.coordinator == "auto" else flags.coordinator,
            flags.num_processes,
            flags.process_id,
        )
    first = jax.process_index() == 0
    result = train(config, flags.workdir, progress=flags.progress and first)
    if first:
        scored = scored_split(Path(flags.workdir).expanduser())
        split = "" if scored == "test" else f" --split={scored}"
        print(
            f"Trained to step {result.step}: best validation {config.monitor} {result.best:.3f}"
            f"{result.leak}. "
            f"Next: mgr-jax evaluate --model={flags.workdir}{split}"
        )
