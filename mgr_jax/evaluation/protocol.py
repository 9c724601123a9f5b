"""How a result came about: who was trained on, who was scored, and whether that leaks.

`dataset` takes the splits as the dataset was prepared, `official` the same where they are published
ones; the name of a published list takes its tracks. The others divide all items into folds,
stratified by genre: `stratified_kfold` keeps the parts of a track together, `artist_kfold` those of
an artist (leave-one-group-out, where there are as many folds as artists), `dataset_kfold` what the
dataset's own splits keep together. `row_random` shuffles rows, that is segments, whatever they were
cut from: it leaks, and is there to show what leaking is worth.
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
      name: "dataset", "official", a published list, one of `KFOLDS`, or "file" where the tracks of
        a file were scored that no dataset divides.
      origin: of "dataset" and "file": how the sides came about, in a few words, such as
        "artist-disjoint split".
      folds: how many; 0 where the sides are fixed.
      fold: the one that was scored; None: all of them.
      parts: of the folds: 3, where one more than the scored one was left out of fitting to choose
        the checkpoint, or 2; 0 where the sides are fixed.
      seeds: of the division into folds and of what was fitted, one for every repeat.
      splits: of the dataset whose tracks were divided into folds.
      unit: what goes to one side as a whole. "segment" leaks: tracks stand on both sides.
      segments: what was classified at a time, such as "segments of 3 s".
      crossing_artists: artists that stand on several sides; None where no artist is known.
      unknown_artists: items of no known artist, whose sides say nothing of artists; None where no
        artist is known.
      leaks: why scores come out too high, a clause for each reason; empty where nothing leaks.
      overlaps: what weights have been trained on elsewhere whose tracks are not known, so that
        scored ones may be among them; empty where there is nothing such.
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
        """All of it, for people: printed wherever a result is shown, and never read back."""
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
        """What to print behind every number of a protocol that leaks; empty for others."""
        return f" (LEAKS: {'; '.join(self.leaks)})" if self.leaks else ""

    def comparable(self, other: "Protocol") -> bool:
        """Whether scores by both of them may be set against each other, on the same tracks.

        Folds must be divided and fitted alike; their seeds may differ, and how tracks are cut into
        segments is the system's own choice. Fixed sides are alike whatever they are called by who
        made them: the tracks that were scored tell them apart. What a system is given beside the
        sound may leak, and so may what its weights have heard elsewhere; that is told of it, and
        does not change who was scored.
        """
        if self.folds or other.folds:
            mine = (self.name, self.folds, self.parts, self.unit)
            return mine == (other.name, other.folds, other.parts, other.unit)
        return self.unit == other.unit

    def with_leak(self, *reasons: str) -> Self:
        """The same with further reasons why it leaks; empty ones are none."""
        return replace(self, leaks=(*self.leaks, *filter(None, reasons)))

    def with_overlap(self, *origins: str) -> Self:
        """The same with further data that its weights have been trained on elsewhere."""
        return replace(self, overlaps=tuple(dict.fromkeys((*self.overlaps, *origins))))

    def as_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON; `overlaps`, which older versions do not know, where any."""
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
        """What is to be told of artists; empty if all is well, or if segments are dealt out."""
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
