"""A journal of finished items: what was computed before a run was killed is not computed again."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from mgr_jax.errors import UserError


class Journal:
    """A file of JSON lines, the settings and then one entry per item; the same settings go on.

    A line that a kill has left half-written is cut off.

    Attributes:
      path: of the file.
      items: those that have an entry.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Opens or begins a journal.

        Args:
          path: of the file.
          settings: what the entries depend on; of JSON's types.

        Raises:
          UserError: the file is no journal, or was begun with other settings.
        """
        self.path = path
        self.items: set[str] = set()
        size = self._read(settings) if path.exists() else 0
        self._file = path.open("ab")
        self._file.truncate(size)
        if not size:
            self._write({"settings": dict(settings)})

    def _read(self, settings: Mapping[str, Any]) -> int:
        """Reads the whole lines; returns how many bytes they are."""
        size = 0
        with self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                try:
                    content = json.loads(line)
                    if size:
                        self.items.add(content["item"])
                    else:
                        self._require_same(content["settings"], settings)
                except (ValueError, TypeError, KeyError) as error:
                    raise UserError(
                        f"{self.path} is no journal, or is damaged after {size} bytes; remove it"
                    ) from error
                size += len(line)
        return size

    def _require_same(self, begun: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        for name in {**begun, **settings}:
            if begun.get(name) != settings.get(name):
                raise UserError(
                    f"{self.path} was begun with {name} = {begun.get(name)}, not "
                    f"{settings.get(name)}; give the same, choose another --out, or remove the "
                    "journal"
                )

    def append(self, item: str, entry: Any) -> None:
        """Notes what is known of an item, for good."""
        self._write({"item": item, "entry": entry})
        self.items.add(item)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Reads what is known of each item from the file, since it may be too much to keep."""
        with self.path.open("rb") as file:
            next(file)  # the settings
            for line in file:
                content = json.loads(line)
                yield content["item"], content["entry"]

    def _write(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content).encode() + b"\n")
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
