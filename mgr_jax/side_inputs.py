"""Inputs of a fusion model besides sound: rows of a table, and categories such as the artist.

They are encoded as numbers by the training tracks alone, and the encoding is kept with the run. A
category that names artists, such as `artist` or `album`, LEAKS if artists are on both sides of a
split: the network then knows from training what they play, which says nothing about other artists.
If splits are artist-disjoint, no artist is known, and the network can only learn to ignore the
embedding. The program cannot see whether another column names artists, so it treats all categories
alike.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from mgr_jax.errors import UserError

UNSEEN = 0  # the index of a value that no training track has

Arrays = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class SideFormat:
    """The inputs that come with every clip besides its sound.

    Attributes:
      columns: number of columns of the track's table row; 0: no table.
      categories: names of the track's categories, each with its number of known values.
    """

    columns: int = 0
    categories: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything comes."""
        return bool(self.columns or self.categories)

    def blank(self, batch: int) -> dict[str, np.ndarray]:
        """The inputs of a track about which nothing is known; see `Fusion`.

        Table rows are zeros, which are the means of the training tracks; categories are unseen.
        """
        rows: dict[str, np.ndarray] = {}
        if self.columns:
            rows["table"] = np.zeros((batch, self.columns), np.float32)
        if self.categories:
            rows["categories"] = np.full((batch, len(self.categories)), UNSEEN, np.int32)
        return rows


SOUND_ALONE = SideFormat()


@dataclasses.dataclass(frozen=True)
class SideInputs:
    """How table rows and names become the inputs of a `Fusion`.

    Attributes:
      columns: names of the table's columns; empty without a table.
      mean, scale: of each column over the training tracks, used to standardise it. A batch norm
        would flatten columns of small numbers.
      vocabularies: by category, the names among the training tracks. The first has number 1; 0
        stands for all others.
      rows: the table row of each of the dataset's tracks, by names; see `match_rows`.
      leak: a warning to show with the scores; empty if no category can leak.
    """

    columns: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    vocabularies: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    rows: Mapping[str, str] = dataclasses.field(default_factory=dict)
    leak: str = ""

    @property
    def format(self) -> SideFormat:
        """The format that the model needs."""
        sizes = tuple((name, len(known)) for name, known in self.vocabularies.items())
        return SideFormat(len(self.columns), sizes)

    def encode(self, rows: np.ndarray, names: Mapping[str, Sequence[str]]) -> Arrays:
        """The inputs of tracks for a `Fusion`.

        Args:
          rows: [tracks, columns].
          names: of each category, the value of every track.
        """
        arrays = {}
        if self.columns:
            table = (rows - np.array(self.mean)) / np.array(self.scale)
            arrays["table"] = table.astype(np.float32)
        if self.vocabularies:
            numbers = [_numbers(names[name], known) for name, known in self.vocabularies.items()]
            arrays["categories"] = np.array(numbers, np.int32).T
        return arrays

    def encode_track(self, given: Mapping[str, Any] | None) -> Arrays:
        """The inputs of one track.

        Args:
          given: its table row as "table" [columns], in the order of `columns`, and its categories
            by name; missing categories are unseen.

        Raises:
          UserError: the run takes no such name, or it needs a row and gets none.
        """
        given = dict(given or {})
        known = [*(["table"] if self.columns else []), *self.vocabularies]
        for name in given:
            if name not in known:
                takes = known or ["nothing"]
                raise UserError(
                    f"'{name}' was given beside the sound, but this model takes {', '.join(takes)}",
                    code="argument.not_applicable",
                )
        try:
            row = np.asarray(given.get("table", ()), np.float64)
            got = f"an array {row.shape}" if "table" in given else "none"
        except (ValueError, TypeError):
            row, got = np.array(np.nan), "what is no numbers"
        if row.shape != (len(self.columns),) or not np.isfinite(row).all():
            raise UserError(
                f"this model takes a table row of {len(self.columns)} finite numbers beside the "
                f"sound ({', '.join(self.columns[:3])}, …), but was given {got}; "
                "give side={'table': row}, or a table to `mgr_jax.predict_files`",
                code="side_inputs.wrong_row",
            )
        names = {name: [str(given.get(name, ""))] for name in self.vocabularies}
        return {name: rows[0] for name, rows in self.encode(row[None], names).items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads back what `dataclasses.asdict` gave, from JSON.

        Raises:
          ValueError, TypeError, KeyError, AttributeError: it is something else.
        """
        fields = dict(content)
        for name in ("columns", "mean", "scale"):
            fields[name] = tuple(fields[name])
        known = {name: tuple(names) for name, names in fields.pop("vocabularies").items()}
        return cls(**fields, vocabularies=known)


def _numbers(names: Sequence[str], known: Sequence[str]) -> list[int]:
    number = {name: row for row, name in enumerate(known, start=1)}
    return [number.get(name, 0) for name in names]
