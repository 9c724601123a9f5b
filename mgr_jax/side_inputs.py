"""What a fusion model is given beside sound: rows of a table, and categories such as the artist.

How they become numbers follows from the training tracks alone and is kept with the run. A category
that names artists, as `artist` and `album` do, LEAKS where artists stand on both sides of a split:
the network then knows from training what they play, which says nothing of other artists. Where
splits are artist-disjoint nobody is known, and the embedding can only learn to be ignored. Whether
another column names artists cannot be seen from it, so all are treated alike.
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
    """What comes with every clip beside its sound.

    Attributes:
      columns: of its track's row of a table; 0: there is none.
      categories: names of its track's categories, each with the number of its known values.
    """

    columns: int = 0
    categories: tuple[tuple[str, int], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything comes."""
        return bool(self.columns or self.categories)

    def blank(self, batch: int) -> dict[str, np.ndarray]:
        """Rows of zeros, the means of the training tracks, and unseen categories; see `Fusion`."""
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
      columns: names of the table's columns; none without a table.
      mean, scale: of each column, over the training tracks; it is standardised by them, since a
        batch norm would flatten columns of small numbers.
      vocabularies: by category the names that training tracks have; the first is number 1, and 0
        is every other one.
      rows: the row of the table that belongs to each of the dataset's tracks, by their names; see
        `match_rows`.
      leak: what to say wherever scores are shown; empty where no category can leak.
    """

    columns: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    vocabularies: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    rows: Mapping[str, str] = dataclasses.field(default_factory=dict)
    leak: str = ""

    @property
    def format(self) -> SideFormat:
        """What the model must know."""
        sizes = tuple((name, len(known)) for name, known in self.vocabularies.items())
        return SideFormat(len(self.columns), sizes)

    def encode(self, rows: np.ndarray, names: Mapping[str, Sequence[str]]) -> Arrays:
        """The inputs of tracks, see `Fusion`, from [tracks, columns] and names by category."""
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
          given: its row as "table" [columns], in the order of `columns`, and its categories by
            name; those left out are unseen.

        Raises:
          UserError: a name that the run does not take, or no row where it needs one.
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
