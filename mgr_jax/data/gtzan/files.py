"""Finds GTZAN's tracks in the folders or archives that the user has, however they are spelled."""

import difflib
import logging
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.audio.listing import AUDIO_SUFFIXES, Files, list_files
from mgr_jax.data.archives import file_sizes
from mgr_jax.data.expansion import MAX_EXPANSION
from mgr_jax.data.genres import alike_key, tidy_name
from mgr_jax.data.tar import unpack_tar
from mgr_jax.errors import UserError

log = logging.getLogger(__name__)

GENRES = (
    "blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip
# Where to find the files; the checksum stands in torchaudio's datasets/gtzan.py (2.11.0).
WANTED = (
    "genres/<genre>/<genre>.<number>.au (or genres.tar.gz itself, once at "
    "http://opihi.cs.uvic.ca/sound/genres.tar.gz, SHA-256 "
    "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6), or "
    "genres_original/<genre>/<genre>.<number>.wav (or the zip itself, from "
    "https://www.kaggle.com/datasets/andradaolteanu/gtzan-dataset-music-genre-classification)"
)

_OWN = ("genres/", "genres_original/", "Data/genres_original/")  # these hold nothing else
_ROOTS = (*_OWN, "")
_GENRE_OF = {alike_key(genre): genre for genre in GENRES}
_TRACK = re.compile(r"(.+?)[\W_]*(\d{5})")  # the genre and the number, without a suffix
_TRACKS = 100  # of each genre


@dataclass(frozen=True)
class Found:
    """The tracks that were found.

    Attributes:
      shown: what to call the folder or archive that holds them.
      source: the folder or zip archive to read them from.
      names: of the files there, by track, such as blues.00000.
      sizes: in bytes, by name.
    """

    shown: Path
    source: Path
    names: dict[str, str]
    sizes: dict[str, int]


def find_tracks(manual_dir: Path, unpacked: Path, *, max_expansion: float = MAX_EXPANSION) -> Found:
    """Finds the tracks' files; says what it leaves out, and which genres are missing.

    Folders and files whose names are spelled otherwise, such as Hip-Hop/hip-hop.00000.WAV, are
    read as what they surely are, with a warning.

    Args:
      manual_dir: holds the folders or an archive.
      unpacked: a folder to unpack a tar archive into.
      max_expansion: how many times its size that may become.

    Raises:
      UserError: there are none, a file is there twice, or a folder of another name is probably
        one of the genres.
    """
    for path in (manual_dir, *sorted(manual_dir.glob("*.zip"))):
        if path.exists() and (found := _find_in(path, path)):
            return found
    archive = manual_dir / "genres.tar.gz"
    if archive.is_file():
        unpack_tar(archive, unpacked, max_expansion=max_expansion)
        if found := _find_in(unpacked, archive):
            return found
    raise UserError(
        f"GTZAN is not in {manual_dir}; expected there: {WANTED}", code="dataset.incomplete"
    )


def _find_in(source: Path, shown: Path) -> Found | None:
    """The tracks of the first tree that a folder or zip archive holds."""
    for root, files in _trees(source):
        tracks = {name: track for name in files.sizes if (track := _track_of(name))}
        if not tracks:
            continue
        place = shown / root
        names = {track: name for name, track in tracks.items()}
        if len(names) < len(tracks):
            twice = next(name for name, track in tracks.items() if names[track] != name)
            raise UserError(
                f"{place} holds {tracks[twice]} more than once ({twice}, "
                f"{names[tracks[twice]]}); keep one file of it",
                code="dataset.duplicate_track",
            )
        _require_genres(files, tracks, place)
        _tell_of_others(files, tracks, place, only_genres=not root.endswith(_OWN))
        _tell_of_spellings(tracks, place)
        return Found(
            shown,
            source,
            {track: root + names[track] for track in sorted(names)},
            {root + name: files.sizes[name] for name in tracks},
        )
    return None


def _trees(source: Path) -> Iterator[tuple[str, Files]]:
    """The folders in a folder or zip archive that hold folders called after genres."""
    if source.is_dir():
        folders = sorted(path for path in source.iterdir() if path.is_dir())
        wrapping = [f"{path.name}/" for path in folders if os.access(path, os.R_OK | os.X_OK)]
    else:
        members = file_sizes(source)
        wrapping = sorted({f"{name.split('/')[0]}/" for name in members if "/" in name})
    for root in (*_ROOTS, *(outer + inner for outer in wrapping for inner in _ROOTS)):
        folder = source / root
        if not source.is_dir():
            below = {n.removeprefix(root): s for n, s in members.items() if n.startswith(root)}
            if any(_genre_of(name.split("/")[0]) for name in below):
                yield root, Files(folder, below)
        elif folder.is_dir() and (
            not os.access(folder, os.R_OK) or any(map(_genre_of, os.listdir(folder)))
        ):
            yield root, list_files(folder)


def _genre_of(name: str) -> str:
    """The genre that is meant; empty if none is."""
    return _GENRE_OF.get(alike_key(name), "")


def _track_of(name: str) -> str:
    """The track that a name below the genres' folder means; empty if none."""
    folder, _, file = name.rpartition("/")
    stem, suffix = os.path.splitext(tidy_name(file))
    match = _TRACK.fullmatch(stem)
    genre = _genre_of(folder)
    if not match or suffix.lower() not in AUDIO_SUFFIXES or genre != _genre_of(match[1]):
        return ""
    return f"{genre}.{match[2]}" if genre else ""


def _tell_of_others(
    files: Files, tracks: Mapping[str, str], place: Path, *, only_genres: bool
) -> None:
    """Says what is left out; where much else may lie, only of what the genres' folders hold."""

    def counts(name: str) -> bool:
        return bool(_genre_of(name.split("/")[0])) or not only_genres

    sizes = {n: size for n, size in files.sizes.items() if n not in tracks and counts(n)}
    left_out = {why: list(filter(counts, names)) for why, names in files.left_out.items()}
    left_out = {why: names for why, names in left_out.items() if names}
    others = Files(place, sizes, left_out, files.outside).only(AUDIO_SUFFIXES)
    strange = [name for name in others.sizes if _genre_of(name.split("/")[0])]
    others = others.without(strange, "not called <genre>.<5 digits>")
    others.without(others.sizes, "in folders that are none of GTZAN's genres").tell()


def _tell_of_spellings(tracks: Mapping[str, str], place: Path) -> None:
    others = [
        name
        for name, track in tracks.items()
        if os.path.splitext(name)[0] != f"{track.split('.')[0]}/{track}"
    ]
    if others:
        more = f", and {len(others) - 1} more such names" if len(others) > 1 else ""
        warnings.warn(
            f"{place}: read {others[0]} as track {tracks[others[0]]}{more}; GTZAN calls tracks "
            "<genre>/<genre>.<5 digits>",
            stacklevel=2,
        )


def _require_genres(files: Files, tracks: Mapping[str, str], place: Path) -> None:
    """Compares what is there with what GTZAN has; see `find_tracks`."""
    count = Counter(track.split(".")[0] for track in tracks.values())
    missing = [genre for genre in GENRES if not count[genre]]
    for name in files.only(AUDIO_SUFFIXES).sizes:
        folder, _, file = name.partition("/")
        if not file or _genre_of(folder):
            continue
        match = _TRACK.fullmatch(os.path.splitext(file)[0])
        meant = _genre_of(match[1]) if match else ""
        if meant not in missing:
            close = difflib.get_close_matches(alike_key(folder), missing, n=1, cutoff=0.75)
            meant = close[0] if close else ""
        if meant:
            raise UserError(
                f"{place / folder} is probably {meant}, of which GTZAN has {_TRACKS} tracks and "
                f"{place} none; rename the folder to {meant} and its files to {meant}.<5 digits>, "
                "or take it out of there",
                code="dataset.incomplete",
            )
    if missing:
        warnings.warn(
            f"{place} has no track of {', '.join(missing)}; GTZAN has {_TRACKS} of each of "
            f"{len(GENRES)} genres, so add them, or results are not those of GTZAN",
            stacklevel=2,
        )
    if set(count.values()) != {_TRACKS}:
        told = ", ".join(f"{n} of {genre}" for genre, n in sorted(count.items()) if n != _TRACKS)
        log.info("GTZAN has %d tracks of each genre; %s holds %s", _TRACKS, place, told)
