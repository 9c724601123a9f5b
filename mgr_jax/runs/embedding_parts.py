"""Finished parts of a table of embeddings, from which an interrupted run resumes."""

import dataclasses
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import read_arrays, write_arrays
from mgr_jax.errors import UserError
from mgr_jax.files import require_folder
from mgr_jax.integrity import read_sealed, write_sealed
from mgr_jax.runs.embedding_table import COLUMNS, Embeddings, join

_ROWS, _SECONDS = 4096, 30.0  # between two parts; a kill loses what came after the last one


@dataclasses.dataclass(frozen=True)
class Item:
    """The outcome for one file or track.

    Attributes:
      key: its unique name.
      state: state of the file, see `data.sources.file_state`; empty if there is no file.
      rows: number of rows; 0 if it cannot be used.
      error: why it cannot be used.
      notes: warnings about it, though it is used.
    """

    key: str
    state: tuple[int, ...] = ()
    rows: int = 0
    error: str = ""
    notes: tuple[str, ...] = ()


class Parts:
    """A folder of parts; only a run with the same settings may continue it.

    Attributes:
      items: finished items by key, in order.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Opens the folder, or makes it.

        Args:
          folder: the folder of the parts.
          settings: everything that the embeddings depend on, of JSON's types.

        Raises:
          UserError: the folder was made with other settings, or is damaged.
        """
        self.items: dict[str, Item] = {}
        self._folder, self._next, self._last = folder, 0, time.monotonic()
        self._place: dict[str, tuple[int, int]] = {}  # by key: the part and the first row in it
        self._new: list[tuple[Item, Embeddings | None]] = []
        require_folder(folder)
        told, settings = folder / "settings.json", json.loads(json.dumps(settings))
        if told.exists() and self._path(0).exists():
            self._require_same(read_sealed(told, f"remove {folder}"), settings)
        else:
            write_sealed(told, settings)
        while (path := self._path(self._next)).exists():
            first = 0
            for item in self._read_items(path):
                self.items[item.key] = item
                self._place[item.key] = self._next, first
                first += item.rows
            self._next += 1

    def _require_same(self, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        for name in {**begun, **settings}:
            if begun.get(name) != settings.get(name):
                raise UserError(
                    f"{self._folder} was begun with {name} = {begun.get(name)}, not "
                    f"{settings.get(name)}; give the same, choose another name for the table, or "
                    "remove that folder",
                    code="journal.other_settings",
                )

    def add(self, item: Item, rows: Embeddings | None) -> None:
        """Adds the outcome for an item; `close` writes it at the latest."""
        self._new.append((item, rows))
        late = time.monotonic() - self._last > _SECONDS
        if late or sum(new.rows for new, _ in self._new) >= _ROWS:
            self.close()

    def close(self) -> None:
        """Writes what is not written yet; removes the folder if nothing was added."""
        if not self._new:
            if not self.items:
                self.remove()
            return
        found = [rows for _, rows in self._new if rows is not None]
        columns = vars(join(found)) if found else {}
        items = json.dumps([dataclasses.asdict(item) for item, _ in self._new])
        write_arrays(self._path(self._next), {**columns, "items": np.array(items)})
        first = 0
        for item, _ in self._new:
            self.items[item.key] = item
            self._place[item.key] = self._next, first
            first += item.rows
        self._next, self._new, self._last = self._next + 1, [], time.monotonic()

    def rows(self, keys: Mapping[str, Any]) -> Iterator[Embeddings]:
        """The rows of some finished items, part by part."""
        wanted: dict[int, list[int]] = {}
        for key, (part, first) in self._place.items():
            if key in keys:
                wanted.setdefault(part, []).extend(range(first, first + self.items[key].rows))
        for number, chosen in sorted(wanted.items()):
            if chosen:
                arrays = self._read(self._path(number))
                yield Embeddings(**{name: arrays[name] for name in COLUMNS}).select(chosen)

    def remove(self) -> None:
        """Removes the folder, once the table is written."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"

    def _read_items(self, path: Path) -> list[Item]:
        items = json.loads(str(self._read(path)["items"][()]))
        return [
            Item(**{**item, "state": tuple(item["state"]), "notes": tuple(item["notes"])})
            for item in items
        ]

    def _read(self, path: Path) -> dict[str, np.ndarray]:
        try:
            return read_arrays(path)
        except ValueError as error:
            raise UserError(
                f"{path} is damaged ({error}); remove {self._folder}, and begin again",
                code="journal.damaged",
            ) from error
