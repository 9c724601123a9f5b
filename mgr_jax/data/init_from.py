"""Where a run begins that has config.init_from, and how it may leak or overlap by that."""

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
    """Where the first weights of a run come from; kept with it as init_from.json.

    Attributes:
      run: the folder of the other run.
      model: the name of its network.
      same_classes: whether it tells the same classes apart.
      leak: how this run may leak by it; empty where it does not.
      trained_on: what those weights have seen, of that run and of those before it.
      taken: a sentence that says what was taken of it.
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
    """Reads what the run that config.init_from names was trained on.

    Args:
      workdir: its folder.
      config: of this run.
      splits: of this run, "train" and "validation".
      model: the name of the other run's network.
      same_classes: whether it tells the same classes apart.
      progress: show a bar where tracks are read to be compared.

    Raises:
      UserError: there is no such run, or it has been trained on tracks that this one is scored on.
    """
    try:
        seen = trained_on(workdir)
    except UserError as error:
        raise UserError(
            f"config.init_from is {config.init_from}, of which it cannot be read what it was "
            f"trained on ({error})",
            code="init_from.not_a_run",
        ) from error
    leak = require_unseen(seen, config, splits, progress=progress)
    return Origin(str(workdir), model, same_classes, leak, seen)


def inherited_overlaps(workdir: Path) -> tuple[str, ...]:
    """What the weights that a run began with were trained on elsewhere, see `TrainedOn.untold`.

    Raises:
      UserError: the run's init_from.json is damaged.
    """
    path = workdir / INIT_FROM
    return tuple(one.untold for one in read_rows(path) if one.untold) if path.exists() else ()


def inherited_leak(workdir: Path) -> str:
    """How a run may leak by the weights that it began with; empty where it does not.

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
