"""Stores embeddings of files in the taught model's folder, so that no file is embedded twice."""

import dataclasses
import json
import time
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.array_files import read_arrays, write_arrays
from mgr_jax.errors import UserError
from mgr_jax.files import require_folder
from mgr_jax.integrity import read_sealed, write_sealed

_ROWS, _SECONDS = 4096, 20.0  # between two parts; a kill loses what came after the last one
_ARRAYS = ("embedding", "outputs", "start", "end")


@dataclasses.dataclass(frozen=True)
class Item:
    """The outcome for one file.

    Attributes:
      path: absolute path of the file.
      state: state of the file, see `data.sources.file_state`.
      rows: number of clips; 0 if it cannot be used.
      sound: digest of its samples.
      artist: artist in its tags.
      album: album in its tags.
      error: why it cannot be used.
      notes: warnings about it, though it is used.
    """

    path: str
    state: tuple[int, ...]
    rows: int = 0
    sound: str = ""
    artist: str = ""
    album: str = ""
    error: str = ""
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Clips:
    """An encoder's outputs for the clips of a file.

    Attributes:
      embedding: [clips, dim] float32.
      outputs: the encoder's own probabilities, [clips, classes] float32.
      start: start of each clip in seconds, [clips].
      end: end of each clip in seconds, [clips].
    """

    embedding: np.ndarray
    outputs: np.ndarray
    start: np.ndarray
    end: np.ndarray


class Store:
    """A folder of stored embeddings.

    Attributes:
      items: finished files, by path.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Opens the folder, or makes it.

        Args:
          folder: the folder.
          settings: what the embeddings depend on, such as the encoder.

        Raises:
          UserError: the folder was made with other settings.
        """
        self.items: dict[str, Item] = {}
        self._folder, self._last = folder, time.monotonic()
        self._place: dict[str, tuple[Path, int]] = {}
        self._new: list[tuple[Item, Clips | None]] = []
        self._open: tuple[Path | None, dict[str, np.ndarray]] = (None, {})
        require_folder(folder)
        told, settings = folder / "settings.json", json.loads(json.dumps(settings))
        if told.exists():
            begun = read_sealed(told, f"remove {folder}")
            for name in {**begun, **settings}:
                if begun.get(name) != settings.get(name):
                    raise UserError(
                        f"{folder} holds embeddings of {name} {_brief(begun.get(name))}, not "
                        f"{_brief(settings.get(name))}; give the same, or another folder to write "
                        "(`out`)",
                        code="teach.other_encoder",
                    )
        else:
            write_sealed(told, settings)
        self._parts = sorted(folder.glob("part-*.npz"))
        for path in self._parts:
            self._read_items(path)

    def _read_items(self, path: Path) -> None:
        try:
            listed = json.loads(str(read_arrays(path)["items"]))
            items = [Item(**item) for item in listed]
        except (ValueError, KeyError, TypeError):
            warnings.warn(f"{path} is damaged; its embeddings are computed again", stacklevel=4)
            return
        self._keep(path, items)

    def _keep(self, path: Path, items: Iterable[Item]) -> None:
        first = 0
        for item in items:
            lists = {"state": tuple(item.state), "notes": tuple(item.notes)}
            self.items[item.path] = dataclasses.replace(item, **lists)  # type: ignore[arg-type]
            self._place[item.path] = path, first
            first += item.rows

    def add(self, item: Item, clips: Clips | None) -> None:
        """Adds the outcome for a file; `close` writes it at the latest."""
        self._new.append((item, clips))
        late = time.monotonic() - self._last > _SECONDS
        if late or sum(new.rows for new, _ in self._new) >= _ROWS:
            self.close()

    def close(self) -> None:
        """Writes what is not written yet."""
        if not self._new:
            return
        last = int(self._parts[-1].stem.rpartition("-")[2]) if self._parts else -1
        path = self._folder / f"part-{last + 1:05d}.npz"
        found = [clips for _, clips in self._new if clips is not None]
        arrays = {
            name: np.concatenate([getattr(clips, name) for clips in found])
            for name in _ARRAYS
            if found
        }
        items = [item for item, _ in self._new]
        text = json.dumps([dataclasses.asdict(item) for item in items])
        write_arrays(path, {**arrays, "items": np.array(text)})
        self._parts.append(path)
        self._keep(path, items)
        self._new, self._last = [], time.monotonic()

    def read(self, paths: Iterable[str]) -> dict[str, Clips]:
        """The clips of files that are finished and can be used, by path."""
        found = {}
        for path in sorted(paths, key=lambda p: self._place[p][0]):
            part, first = self._place[path]
            if self._open[0] != part:
                self._open = part, read_arrays(part)
            rows = slice(first, first + self.items[path].rows)
            found[path] = Clips(**{name: self._open[1][name][rows] for name in _ARRAYS})
        return found


def _brief(value: Any) -> str:
    """A setting as a sentence shows it; the beginning of a digest."""
    return f"{value[:12]}…" if isinstance(value, str) else str(value)
