"""The protocol of a result: which tracks trained, which were scored, and whether that leaks.

`dataset` takes the splits as the dataset was prepared. `official` is the same with published
splits, and the name of a published list takes the tracks of that list. The others divide all items
into folds, stratified by genre. `stratified_kfold` keeps the parts of a track together.
`artist_kfold` keeps the tracks of an artist together (leave-one-group-out, with as many folds as
artists). `dataset_kfold` keeps together what the dataset's own splits keep together. `row_random`
shuffles rows, that is segments, from whatever track they come. It leaks; its purpose is to show how
much leaking gains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

SPLITS = ("train", "validation", "test")
KFOLDS = ("stratified_kfold", "artist_kfold", "dataset_kfold", "row_random")
LEAKING = ("row_random",)
LEAK_OF_ROWS = "rows of one track or artist stand on both sides"

Unit = Literal["track", "segment"]


@dataclass(frozen=True)
class Protocol:
    """The protocol of one result. Results keep it as JSON; people read its `sentence`.

    Attributes:
      name: "dataset", "official", a published list, one of `KFOLDS`, or "file" for the tracks of a
        file that no dataset divides.
      origin: for "dataset" and "file": how the sides were made, in a few words, such as
        "artist-disjoint split".
      folds: number of folds; 0 if the sides are fixed.
      fold: the scored fold; None: all of them.
      parts: for folds: 3 if one more fold than the scored one was left out of training to choose
        the checkpoint, otherwise 2; 0 if the sides are fixed.
      seeds: of the division into folds and of the fit, one for every repeat.
      splits: the splits of the dataset whose tracks were divided into folds.
      unit: the unit that stays on one side. "segment" leaks: tracks are on both sides.
      segments: the unit of classification, such as "segments of 3 s".
      crossing_artists: number of artists on several sides; None if no artist is known.
      unknown_artists: number of items without a known artist; None if no artist is known.
      leaks: the reasons why scores are too high, a clause for each; empty if nothing leaks.
      overlaps: other data that the weights were trained on, whose tracks are not known, so that
        scored tracks may be among them; empty if there are none.
    """

    name: str
    origin: str = ""
    folds: int = 0
    fold: int | None = None
    parts: int = 0
    seeds: tuple[int, ...] = ()
    splits: tuple[str, ...] = SPLITS
    unit: Unit = "track"
    segments: str = "whole tracks"
    crossing_artists: int | None = None
    unknown_artists: int | None = None
    leaks: tuple[str, ...] = ()
    overlaps: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The whole protocol for people. It is printed with every result and never parsed."""
        told = [self.origin or self.name]
        if self.folds:
            fold = "all" if self.fold is None else f"fold {self.fold} of"
            some = "" if set(self.splits) == set(SPLITS) else f" of {' and '.join(self.splits)}"
            told.append(f"{fold} {self.folds} folds{some}")
            told.append(f"fitted on {self.folds + 1 - self.parts}")
        if len(self.seeds) > 1:
            told.append(f"seeds {self.seeds[0]} to {self.seeds[-1]}")
        elif self.folds:
            told.append(f"seed {self.seeds[0] if self.seeds else 0}")
        if artists := self._artists():
            told.append(f"with {artists}")
        told.append(self.segments)
        if self.overlaps:
            told.append(f"overlap with {' and '.join(self.overlaps)} cannot be excluded")
        return ", ".join(told) + self.leak_mark

    @property
    def leak_mark(self) -> str:
        """The mark behind every number of a protocol that leaks; empty for others."""
        return f" (LEAKS: {'; '.join(self.leaks)})" if self.leaks else ""

    def comparable(self, other: "Protocol") -> bool:
        """Whether scores of two protocols on the same tracks may be compared.

        Folds must be divided and trained on alike; their seeds may differ. How tracks are cut into
        segments is the system's own choice. The names of fixed sides do not matter, because the
        scored tracks identify them. Inputs besides the sound may leak, and so may pretrained
        weights. The result reports that, but it does not change which tracks were scored.

        Args:
          other: the other protocol.
        """
        if self.folds or other.folds:
            mine = (self.name, self.folds, self.parts, self.unit)
            return mine == (other.name, other.folds, other.parts, other.unit)
        return self.unit == other.unit

    def with_leak(self, *reasons: str) -> Self:
        """The protocol with further reasons why it leaks; empty reasons are ignored."""
        return replace(self, leaks=(*self.leaks, *filter(None, reasons)))

    def with_overlap(self, *origins: str) -> Self:
        """The protocol with further data that the weights were trained on elsewhere."""
        return replace(self, overlaps=tuple(dict.fromkeys((*self.overlaps, *origins))))

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON. Empty `overlaps`, unknown to older versions, are left out."""
        found = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return {k: v for k, v in found.items() if v or k != "overlaps"}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Reads `as_dict` back.

        Raises:
          ValueError: it holds other fields, as written by a later version.
        """
        wrong = ValueError("the protocol of this result is not one that this version knows")
        if not isinstance(content, Mapping) or not {"name"} <= set(content) <= set(_TYPES):
            raise wrong
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content.items()
        }
        for name, value in found.items():
            items = value if isinstance(value, tuple) else (value,)
            is_many = name in ("seeds", "splits", "leaks", "overlaps")
            if isinstance(value, tuple) != is_many or not all(
                isinstance(item, _TYPES[name]) for item in items
            ):
                raise wrong
        return cls(**found)

    def _artists(self) -> str:
        """The remarks about artists; empty if there are none, or if segments are distributed."""
        if self.unit == "segment" or self.crossing_artists is None:
            return ""
        told = []
        if crossing := self.crossing_artists:
            told.append(f"{crossing} artist{'s' if crossing > 1 else ''} on several sides")
        if unknown := self.unknown_artists:
            told.append(f"{unknown} item{'s' if unknown > 1 else ''} of unknown artist")
        return " and ".join(told)


# Of each field, or of its items.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "name": str, "origin": str, "folds": int, "fold": (int, type(None)), "parts": int, "seeds": int,
    "splits": str, "unit": str, "segments": str, "crossing_artists": (int, type(None)),
    "unknown_artists": (int, type(None)), "leaks": str, "overlaps": str,
}  # fmt: skip


def repeated(protocol: Protocol, seeds: Sequence[int]) -> Protocol:
    """The protocol of several repeats, from that of one of them."""
    return replace(protocol, seeds=tuple(seeds))
