"""Trains what a config describes. The same command again goes on where the run stopped.

mgr-jax train --config=rendered/choi_crnn --workdir=runs/a --config.batch_size=32
"""

from absl import flags as absl_flags

from mgr_jax.cli.config_files import define_config_flag, require_config
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    absl_flags.DEFINE_string("workdir", None, "Folder of the run.", flag_values=flags)
    absl_flags.DEFINE_bool("progress", True, "Show bars and results.", flag_values=flags)
    define_config_flag(flags, argv)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Trains and says what came of it."""
    config = require_config(flags)
    if args or not flags.workdir:
        raise UserError("give --workdir, the folder to keep the run in, such as runs/a")
    from mgr_jax.training.loop import train

    result = train(config, flags.workdir, progress=flags.progress)
    print(
        f"Trained to step {result.step}: best validation {config.monitor} {result.best:.3f}. "
        f"Next: mgr-jax evaluate --model={flags.workdir}"
    )
