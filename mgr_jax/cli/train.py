r"""Train a config, or resume where the training stopped.

  mgr-jax train --config=choi2016:model=k2c2,data=gtzan --workdir=runs/a \
    --config.batch_size=32

It uses all devices of this machine. To train on several machines, run it on each with the same
--coordinator and --num_processes, and a --process_id of its own. On a TPU pod or in a Slurm job
--coordinator=auto is enough.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.path("workdir", None, "Folder of the run.")
    flags.switch("progress", True, "Show bars and results.")
    flags.switch("i_know_this_leaks", False, "Consent to a protocol that leaks.")
    flags.text("coordinator", None, "host:port of process 0; auto on a TPU pod or in Slurm.")
    flags.integer("num_processes", None, "Number of processes of the run.", least=1)
    flags.integer("process_id", None, "Number of this process, from 0.", least=0)
    flags.config()


def main(flags: Flags, args: list[str]) -> None:
    """Trains and says what came of it."""
    config = flags.require_config()
    flags.require(workdir="the folder to keep the run in, such as runs/a")
    config.protocol.i_know_this_leaks |= flags.i_know_this_leaks
    if flags.coordinator:
        mgr_jax.join_processes(flags.coordinator, flags.num_processes, flags.process_id)
    elif flags.num_processes is not None or flags.process_id is not None:
        flags.require(coordinator="host:port of process 0, of a run of several processes")
    result = mgr_jax.train(config, flags.workdir, progress=flags.progress)
    if result.first_process:
        split = "" if result.next_split == "test" else f" --split={result.next_split}"
        say(f"{result}. Next: mgr-jax evaluate --model={flags.workdir}{split}")
