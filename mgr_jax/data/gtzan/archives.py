"""The archives that may hold GTZAN, under any name."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from mgr_jax.data.archives import find_files
from mgr_jax.data.gtzan.names import file_genre, genre_of
from mgr_jax.data.tar import first_names, unpack_tar
from mgr_jax.errors import UserError

_TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_OTHERS = {  # by suffix, why they are not read
    (".7z", ".rar", ".tar.zst"): "is of a kind that is not read here; unpack it",
    (".crdownload", ".download", ".part"): "is not yet wholly downloaded",
}
_LOOKED_AT = 100  # files of a tar archive that are checked before it is unpacked


class Archives:
    """The archives in a folder, one after the other; those that need no unpacking come first.

    Attributes:
      passed: why archives were skipped, by path.
    """

    def __init__(self, folder: Path, unpacked: Path, max_expansion: float) -> None:
        self.passed: dict[Path, UserError | str] = {}
        self._unpacked, self._max_expansion = unpacked, max_expansion
        files = _files(folder)
        tars = [path for path in files if path.name.lower().endswith(_TARS)]
        self._zips = [path for path in files if path.suffix.lower() == ".zip"]
        self._tars = sorted(tars, key=lambda path: (path.name != "genres.tar.gz", path.name))
        self._others = {
            path: why
            for path in files
            for ends, why in _OTHERS.items()
            if path.name.lower().endswith(ends)
        }

    def __iter__(self) -> Iterator[tuple[Path, Path]]:
        """Yields what to read, a zip archive or a folder, and the archive that it comes from.

        A tar archive stays unpacked if the next one is never asked for.
        """
        for path in self._zips:
            try:
                find_files(path)
            except UserError as error:
                self.passed[path] = error
                continue
            yield path, path
            self.passed.setdefault(path, "holds no track of GTZAN")
        for path in self._tars:
            try:
                names = first_names(path, _LOOKED_AT, max_expansion=self._max_expansion)
                if any(map(_may_be_a_track, names)):
                    unpack_tar(path, self._unpacked, max_expansion=self._max_expansion)
                    yield self._unpacked, path
                    shutil.rmtree(self._unpacked)
            except UserError as error:
                self.passed[path] = error
            self.passed.setdefault(path, "holds no track of GTZAN")
        self.passed |= self._others


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if path.is_file() and path.name[0] != ".")


def _may_be_a_track(name: str) -> bool:
    return bool(file_genre(name)) or any(map(genre_of, name.split("/")[:-1]))
