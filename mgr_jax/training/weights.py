"""Writes a model's variables without a trainer; `checkpoint.load_variables` reads them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orbax.checkpoint as ocp

from mgr_jax.errors import disk_errors_told
from mgr_jax.files import outside_scratch
from mgr_jax.integrity import write_sums


def save_variables(folder: Path, variables: Mapping[str, Any]) -> None:
    """Writes the only checkpoint of a new model folder, with checksums of its files.

    Args:
      folder: the folder while it is being made; see `files.replace_folder`.
      variables: `params` and `batch_stats`, host arrays.
    """
    checkpoint = Path(folder).absolute() / "checkpoints" / "0"
    with disk_errors_told(outside_scratch(checkpoint)):
        checkpoint.mkdir(parents=True)
        handler = ocp.StandardCheckpointHandler()
        with ocp.Checkpointer(handler) as checkpointer:
            checkpointer.save(checkpoint / "model", args=ocp.args.StandardSave(dict(variables)))
        write_sums(checkpoint)
