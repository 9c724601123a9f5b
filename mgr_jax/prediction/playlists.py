"""Playlists of the files that are predicted to be of a class (M3U, in UTF-8)."""

import itertools
import json
import os
import re
from pathlib import Path

from mgr_jax.errors import printable
from mgr_jax.files import write_text
from mgr_jax.prediction.entries import SCHEMA
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.places import begins, require_no_file, require_ours
from mgr_jax.prediction.record import Record, Writer
from mgr_jax.prediction.rows import ResultRow, escape, rows_of

MARK = "#MGR-JAX:"  # start of our comments, which players skip
_PLAYLIST = f"#EXTM3U\n{MARK}".encode()


class Playlists(Writer):
    """A folder with a playlist for each predicted class, written at the end."""

    def __init__(self, folder: Path, origin: Origin, record: Record) -> None:
        """Writes nothing yet.

        Args:
          folder: folder of the playlists.
          origin: origin of the results.
          record: the record that the playlists are made from.
        """
        require_no_file(folder)
        self._folder, self._origin, self._record = folder, origin, record

    def begin(self, record: Record) -> None:
        """Does nothing: playlists are written at the end."""

    def close(self) -> None:
        """Writes the playlists, and removes those of classes that no file has any more."""
        lists: dict[str, list[str]] = {}
        for entry in self._record.entries():
            for row in itertools.islice(rows_of(entry), 1):
                for name in row.labels:
                    lists.setdefault(name, []).append(self._item(row, name))
        self._folder.mkdir(parents=True, exist_ok=True)
        taken: set[str] = set()
        for name in sorted(lists):
            path = self._folder / f"{_file_name(name, taken)}.m3u8"
            require_ours(path, _PLAYLIST)
            text = "".join([self._head(name), *lists[name]])
            write_text(path, text)
        for path in self._folder.glob("*.m3u8"):
            if path.stem not in taken and begins(path, _PLAYLIST):
                path.unlink()

    def _head(self, name: str) -> str:
        origin = self._origin
        known = {
            "schema": SCHEMA,
            "label": name,
            "model": origin.model,
            "model_digest": origin.model_digest,
            "mgr_jax": origin.mgr_jax,
            "settings": origin.settings,
        }
        return f"{_PLAYLIST.decode()}{json.dumps(known)}\n#PLAYLIST:{printable(name)}\n"

    def _item(self, row: ResultRow, name: str) -> str:
        known = {
            "file": row.file,
            "labels": row.labels,
            "probability": row.probabilities[name],
            "seconds": row.seconds,
            "size": row.size,
            "modified": row.modified,
        }
        title = printable(escape(Path(row.file).stem))
        where = location(row.file, self._folder)
        return f"{MARK}{json.dumps(known)}\n#EXTINF:{round(row.seconds or 0)},{title}\n{where}\n"


def location(name: str, folder: Path) -> str:
    """A file's name in a playlist: relative to the folder; a URI if a line cannot hold the path."""
    path = os.path.relpath(os.path.abspath(name), os.path.abspath(folder))
    if path.isprintable() and path == path.strip():
        return path if not path.startswith("#") and ":" not in path.split("/")[0] else f"./{path}"
    return Path(os.path.abspath(name)).as_uri()


def _file_name(name: str, taken: set[str]) -> str:
    """A class as a file name for any system, different from all others."""
    plain = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", name).strip(". ") or "_"
    names = itertools.chain([plain], (f"{plain} {n}" for n in itertools.count(2)))
    lower = {one.casefold() for one in taken}
    found = next(one for one in names if one.casefold() not in lower)
    taken.add(found)
    return found
