"""What a fusion model is given beside sound: rows of a table, and categories such as the artist.

How they become numbers follows from the training tracks alone and is kept with the run. A category
that names artists, as `artist` and `album` do, LEAKS where artists stand on both sides of a split:
the network then knows from training what they play, which says nothing of other artists. Where
splits are artist-disjoint nobody is known, and the embedding can only learn to be ignored. Whether
another column names artists cannot be seen from it, so all are treated alike.
"""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from mgr_jax.classifier import SideFormat
from mgr_jax.data.cache import Tracks
from mgr_jax.data.feature_files import FeatureTracks
from mgr_jax.data.pipeline import dataset_tracks, open_split
from mgr_jax.data.table_rows import match_rows, read_table, rows_of
from mgr_jax.errors import UserError
from mgr_jax.files import write_json

_FILE = "side_inputs.json"
_ROUNDING = 1e-6  # deviations below this share of the mean: the column is constant

Arrays = dict[str, np.ndarray]


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
                    f"'{name}' was given beside the sound, but this model takes {', '.join(takes)}"
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
                "give side={'table': row}, or mgr-jax predict the table"
            )
        names = {name: [str(given.get(name, ""))] for name in self.vocabularies}
        return {name: rows[0] for name, rows in self.encode(row[None], names).items()}

    def keep(self, workdir: Path) -> None:
        """Writes side_inputs.json, or makes sure that the one of a run to go on with is equal.

        Raises:
          UserError: it is not.
        """
        if not self.format:
            return
        path = workdir / _FILE
        if (workdir / "config.json").exists() and load_side_inputs(workdir) != self:
            raise UserError(
                f"the table or the categories of the training tracks have changed since {path} was "
                "written; restore them, or choose another workdir"
            )
        write_json(path, dataclasses.asdict(self))


def load_side_inputs(workdir: Path) -> SideInputs:
    """Reads what a run keeps of its side inputs; nothing, where it takes none.

    Raises:
      UserError: the file is damaged.
    """
    path = workdir / _FILE
    if not path.exists():
        return SideInputs()
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        for name in ("columns", "mean", "scale"):
            fields[name] = tuple(fields[name])
        known = {name: tuple(names) for name, names in fields.pop("vocabularies").items()}
        # Version 0.1.0 shouted within the reason.
        fields["leak"] = fields["leak"].replace(" as an input LEAKS:", " as an input:")
        return SideInputs(**fields, vocabularies=known)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path} is damaged; restore it or train again") from error


def side_inputs_of(
    config: ConfigDict, splits: Mapping[str, Tracks]
) -> tuple[SideInputs, dict[str, Arrays]]:
    """What config.side_inputs says of the splits of a run.

    Args:
      config: of the run.
      splits: "train", from which vocabularies and statistics come, and others.

    Returns:
      The encoding, and by split what its loader is to give with the tracks, [tracks, ...] each.

    Raises:
      UserError: the table has no rows for some tracks, or no training track is in any category.
    """
    options = config.side_inputs
    train = splits["train"]
    vocabularies = {}
    leak = _describe_leak(config, splits) if options.categories else ""
    for category in options.categories:
        vocabularies[category] = tuple(sorted(set(_names(train, category)) - {""}))
        if not vocabularies[category]:
            raise UserError(
                f"config.side_inputs.categories names '{category}', of which the training tracks "
                f"have no value; choose some of {', '.join(_known(train)) or 'none'}"
            )
    side = SideInputs(vocabularies=vocabularies, leak=leak)
    table = read_table(options.table) if options.table else None
    if table:
        matched = match_rows(table.track_id, dataset_tracks(config))
        rows = _rows(table, train, matched)
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(deviation > _ROUNDING * np.abs(mean), deviation, 1.0)
        side = dataclasses.replace(
            side,
            columns=table.columns,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            rows=matched,
        )
    arrays = {name: encode_tracks(side, tracks, table) for name, tracks in splits.items()}
    scored = [arrays[name]["categories"] for name in splits if name != "train" and vocabularies]
    for number, category in enumerate(vocabularies):
        if not any(numbers[:, number].any() for numbers in scored):
            warnings.warn(
                f"no {category} outside of the training tracks is known from them, as where splits "
                "are artist-disjoint: the embedding can only learn to be ignored",
                stacklevel=2,
            )
    return side, arrays


def encode_tracks(side: SideInputs, tracks: Tracks, table: FeatureTracks | None) -> Arrays:
    """The side inputs of a split, [tracks, ...] each; {} where there are none.

    Raises:
      UserError: the table lacks columns, or rows for some tracks.
    """
    if not side.format:
        return {}
    rows = np.empty((len(tracks), 0))
    if table:
        rows = _rows(table.with_columns(side.columns), tracks, side.rows)
    return side.encode(rows, {name: _names(tracks, name) for name in side.vocabularies})


def _describe_leak(config: ConfigDict, splits: Mapping[str, Tracks]) -> str:
    """Why categories leak; empty if it is known that no artist trained on is scored."""
    trained = set(splits["train"].artist_id)
    scored = {
        artist
        for name in splits["train"].account["tracks"]
        if name != "train"
        for artist in (splits[name] if name in splits else open_split(config, name)).artist_id
    }
    if trained & scored - {""}:
        stand = "stand"
    elif "" in trained | scored:
        stand = "may stand"
    else:
        return ""
    names = " and ".join(config.side_inputs.categories)
    return f"{names} as an input: artists {stand} on both sides"


def _rows(table: FeatureTracks, tracks: Tracks, matched: Mapping[str, str]) -> np.ndarray:
    """[tracks, columns] float64."""
    names = tracks.track_id.tolist()
    found = rows_of(table, {name: matched[name] for name in names if name in matched})
    if missing := sorted(set(names) - set(found)):
        raise UserError(
            f"{table.path} has no row for {len(missing)} {tracks.split} tracks "
            f"({', '.join(missing[:3])}), or names several tracks alike; add rows with the tracks' "
            "full names"
        )
    return np.stack([found[name] for name in names])


def _names(tracks: Tracks, category: str) -> list[str]:
    if category == "artist":
        return tracks.artist_id.tolist()
    return [str(json.loads(text).get(category, "")) for text in tracks.groups]


def _known(tracks: Tracks) -> list[str]:
    """The categories that tracks have."""
    names = {name for text in tracks.groups for name in json.loads(text)} - {"identical"}
    return [*(["artist"] if any(tracks.artist_id) else []), *sorted(names)]


def _numbers(names: Sequence[str], known: Sequence[str]) -> list[int]:
    number = {name: row for row, name in enumerate(known, start=1)}
    return [number.get(name, 0) for name in names]
