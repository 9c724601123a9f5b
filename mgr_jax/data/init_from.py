"""The origin of a run's first weights (config.init_from), and how the run may leak by it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ml_collections import ConfigDict

from mgr_jax.data.cache import Tracks
from mgr_jax.data.trained_on import (
    ADVICE,
    INIT_FROM,
    TrainedOn,
    damaged,
    read_rows,
    require_unseen,
    trained_on,
)
from mgr_jax.errors import UserError
from mgr_jax.integrity import read_sealed, write_sealed


@dataclasses.dataclass(frozen=True)
class Origin:
    """The origin of a run's first weights; stored as init_from.json.

    Attributes:
      run: the folder of the other run.
      model: the name of its network.
      same_classes: whether both have the same classes.
      leak: how this run may leak by it; empty if it does not.
      trained_on: training data of those weights, of that run and of those before it.
      taken: a sentence on which weights were taken.
    """

    run: str
    model: str
    same_classes: bool
    leak: str
    trained_on: tuple[TrainedOn, ...]
    taken: str = ""

    def keep(self, workdir: Path) -> None:
        """Writes init_from.json."""
        write_sealed(workdir / INIT_FROM, dataclasses.asdict(self))


def find_origin(
    workdir: Path,
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    *,
    model: str,
    same_classes: bool,
    progress: bool = False,
) -> Origin:
    """Reads the training data of the run that config.init_from names.

    Args:
      workdir: folder of the other run.
      config: config of this run.
      splits: tracks of this run, "train" and "validation".
      model: the name of the other run's network.
      same_classes: whether both have the same classes.
      progress: show a bar while tracks are read to be compared.

    Returns:
      The origin.

    Raises:
      UserError: there is no such run, or it was trained on tracks that this one is scored on.
    """
    try:
        seen = trained_on(workdir)
    except UserError as error:
        raise UserError(
            f"config.init_from is {config.init_from}, whose training data cannot be read ({error})",
            code="init_from.not_a_run",
        ) from error
    leak = require_unseen(seen, config, splits, progress=progress)
    return Origin(str(workdir), model, same_classes, leak, seen)


def inherited_overlaps(workdir: Path) -> tuple[str, ...]:
    """The external training data of a run's first weights, see `TrainedOn.untold`.

    Raises:
      UserError: the run's init_from.json is damaged.
    """
    path = workdir / INIT_FROM
    return tuple(one.untold for one in read_rows(path) if one.untold) if path.exists() else ()


def inherited_leak(workdir: Path) -> str:
    """How a run may leak by its first weights; empty if it does not.

    Raises:
      UserError: the run's init_from.json is damaged.
    """
    path = workdir / INIT_FROM
    if not path.exists():
        return ""
    leak = read_sealed(path, ADVICE).get("leak")
    if not isinstance(leak, str):
        raise damaged(path, "leak")
    return leak
