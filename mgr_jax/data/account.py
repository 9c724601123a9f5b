"""The account of a dataset that is being built: stored and skipped tracks, and its files."""

import dataclasses
import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.audio.notes import first_of_each, some_reasons, with_notes
from mgr_jax.data.records import Track
from mgr_jax.data.sources import Mark, digest_marks, write_marks
from mgr_jax.errors import UserError
from mgr_jax.integrity import seal
from mgr_jax.workers import Failure

log = logging.getLogger(__name__)


@dataclasses.dataclass
class Account:
    """The outcome for each track.

    Attributes:
      tracks: planned tracks of each split.
      classes: names of the genres.
      skipped: why tracks are left out, by track.
      notes: warnings about tracks that are used, by track.
      marks: marks of the source files, by track.
      stored: number of stored tracks of each genre, by split.
    """

    tracks: Mapping[str, Sequence[Track]]
    classes: Sequence[str]
    skipped: dict[str, str]
    notes: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    marks: dict[str, Mark] = dataclasses.field(default_factory=dict)
    stored: dict[str, Counter[str]] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.stored = {split: Counter() for split in self.tracks}

    def add(self, split: str, track: Track, mark: Mark | None, notes: list[str]) -> None:
        """Records a stored track.

        Args:
          split: its split.
          track: the track.
          mark: mark of its source file.
          notes: warnings about it.
        """
        self.stored[split][track.label] += 1
        if mark:
            self.marks[track.track_id] = mark
        if notes:
            self.notes[track.track_id] = notes

    def skip(self, track: Track, failure: Failure) -> None:
        """Records a track that is left out, with the mark of its file.

        Args:
          track: the track.
          failure: why, with the mark.
        """
        log.info("skipped %s: %s", track.track_id, failure.reason)
        self.skipped[track.track_id] = failure.reason
        if track.file:
            self.marks[track.track_id] = track.file.mark()

    def require_some(self, split: str, later: Iterable[tuple[Track, Any]]) -> None:
        """Checks that a split has tracks; TFDS would raise thirty lines.

        Args:
          split: a split whose tracks are all stored or skipped.
          later: tracks of the next splits with their results; if nothing was stored so far, they
            are read to find out whether any file is readable.

        Raises:
          UserError: the split has none.
        """
        if self.stored[split]:
            return
        nothing = not any(self.stored.values())
        if nothing:  # perhaps no file can be read at all: continue to the first that can
            for (track, result), _ in with_notes(later):
                if not isinstance(result, Failure):
                    nothing = False
                    break
                self.skip(track, result)
        reasons = [self.skipped[t.track_id] for t in self.tracks[split]]
        what, way_out = f"{len(reasons)} tracks of the {split} split", ", or change the splits"
        if nothing:
            reasons = list(self.skipped.values())
            what, way_out = f"{len(reasons)} files", ""
        raise UserError(
            f"none of the {what} can be read ({some_reasons(reasons)}); replace them{way_out}",
            code="dataset.unreadable",
        )

    def require_every_class(self, *, complete: bool) -> None:
        """Checks that every split has tracks of every genre.

        Args:
          complete: False only warns.

        Raises:
          UserError: a split has no track of a genre.
        """
        for split, stored in self.stored.items():
            missing = [name for name in self.classes if not stored[name]]
            if missing and complete:
                raise UserError(
                    f"the {split} split has no readable track of genre '{missing[0]}' "
                    f"({self._why_missing(split, missing[0])}); add tracks of it, leave the genre "
                    "out, or change the splits",
                    code="split.missing_genre",
                )
            if missing:
                warnings.warn(
                    f"the {split} split has no track of {', '.join(missing)}", stacklevel=3
                )

    def _why_missing(self, split: str, label: str) -> str:
        tracks = [t.track_id for t in self.tracks[split] if t.label == label]
        reasons = [self.skipped[track] for track in tracks if track in self.skipped]
        return some_reasons(reasons) if reasons else "none was put there"

    def tell(self) -> None:
        """Warns of tracks that were left out, and of tracks used with a warning."""
        if self.skipped:
            warnings.warn(
                f"skipped {len(self.skipped)} tracks, which skipped.json lists "
                f"({some_reasons(list(self.skipped.values()))})",
                stacklevel=3,
            )
        if self.notes:
            warnings.warn(
                f"used {len(self.notes)} tracks that are not as they should be, which notes.json "
                f"lists ({some_reasons(first_of_each(self.notes))})",
                stacklevel=3,
            )

    def write(self, folder: Path, protocol: Mapping[str, Any]) -> None:
        """Writes skipped.json, notes.json, sources.json and protocol.json.

        Args:
          folder: folder of the dataset.
          protocol: further contents of protocol.json.
        """
        counts = {split: dict(sorted(stored.items())) for split, stored in self.stored.items()}
        known: dict[str, Any] = {"classes": list(self.classes), "tracks": counts}
        if self.marks:
            known["content"] = digest_marks(self.marks)
        for name, content in [
            ("skipped.json", self.skipped),
            ("notes.json", self.notes),
            ("protocol.json", seal(known | dict(protocol))),
        ]:
            text = json.dumps(content, indent=2) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
        write_marks(folder, self.marks)
