"""What there is to tell of a dataset that was prepared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.data.cache import read_account
from mgr_jax.errors import printable
from mgr_jax.files import read_json

_AGAIN = "build the dataset again (`overwrite`)"


@dataclass(frozen=True)
class Prepared:
    """A prepared dataset; `str` of it is what there is to tell.

    Attributes:
      name: as `config.dataset` wants it, such as gtzan/fault_filtered.
      folder: holds the records, the caches, protocol.json, skipped.json and notes.json.
      data_dir: the TFDS folder that holds it with the others.
      sample_rate: of the stored audio in Hz; 0 for features, which have none.
      tracks: number of tracks by split and class.
      skipped: tracks that could not be read, with the reason for each.
      notes: tracks that are used, but not as they are, with what was told of each.
      split_by: no value of these columns stands in two splits; ("track",) keeps tracks whole only.
      given: whether the splits were given with the data, or else made here.
    """

    name: str
    folder: Path
    data_dir: Path
    sample_rate: int
    tracks: Mapping[str, Mapping[str, int]]
    skipped: Mapping[str, str]
    notes: Mapping[str, Sequence[str]]
    split_by: tuple[str, ...]
    given: bool

    def __str__(self) -> str:
        classes = {name for counts in self.tracks.values() for name in counts} - {""}
        noted = f", {len(self.notes)} used but not as they are"
        counts = ", ".join(f"{sum(n.values())} {split}" for split, n in self.tracks.items())
        return printable(
            f"{self.folder}: {len(classes)} classes, {counts} tracks ({len(self.skipped)} "
            f"skipped{noted if self.notes else ''}), {'- and '.join(self.split_by)}-disjoint"
        )


def describe_prepared(folder: Path, data_dir: Path) -> Prepared:
    """Reads what there is to tell of a prepared dataset.

    Args:
      folder: that holds it.
      data_dir: the TFDS folder that holds it with the others.

    Raises:
      UserError: a file of it is damaged.
    """
    protocol = read_account(folder)
    stored_as = protocol["format"]
    rate = int(stored_as["rate"]) if stored_as["kind"] == "waveform" else 0
    name = folder.parent.relative_to(data_dir).as_posix()
    notes = folder / "notes.json"
    return Prepared(
        name=name.removesuffix(f"_{rate}") if rate else name,
        folder=folder,
        data_dir=data_dir,
        sample_rate=rate,
        tracks=protocol["tracks"],
        skipped=read_json(folder / "skipped.json", _AGAIN),
        notes=read_json(notes, _AGAIN) if notes.exists() else {},  # as of version 0.1
        split_by=tuple(protocol["split_by"]),
        given=protocol["given"],
    )
