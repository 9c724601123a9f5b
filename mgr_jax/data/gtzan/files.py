"""Finds GTZAN's tracks in the user's folders or archives, in any spelling."""

import difflib
import itertools
import logging
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.audio import listing
from mgr_jax.audio.listing import AUDIO_SUFFIXES, Files
from mgr_jax.data.archives import find_files
from mgr_jax.data.expansion import MAX_EXPANSION
from mgr_jax.data.genres import alike_key
from mgr_jax.data.gtzan.archives import Archives
from mgr_jax.data.gtzan.names import GENRES, file_genre, genre_of, track_of, why_no_track
from mgr_jax.data.gtzan.trees import Tree, find_trees
from mgr_jax.errors import UserError

log = logging.getLogger(__name__)

# Where to find the files; the checksum is from torchaudio's datasets/gtzan.py (2.11.0).
WANTED = (
    "genres/<genre>/<genre>.<5 digits>.au (or genres.tar.gz itself, once at "
    "http://opihi.cs.uvic.ca/sound/genres.tar.gz, SHA-256 "
    "24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6), or "
    "genres_original/<genre>/<genre>.<5 digits>.wav (or the zip itself, from "
    "https://www.kaggle.com/datasets/andradaolteanu/gtzan-dataset-music-genre-classification)"
)

_TRACKS = 100  # tracks of each genre
_MOST_FOLDERS = 1000  # folders that are searched for files with nearly GTZAN's names


@dataclass(frozen=True)
class Found:
    """The tracks that were found.

    Attributes:
      shown: name of the folder or archive, for messages.
      source: the folder or zip archive to read them from.
      names: of the files there, by track, such as blues.00000.
      sizes: in bytes, by name.
    """

    shown: Path
    source: Path
    names: dict[str, str]
    sizes: dict[str, int]


def find_tracks(manual_dir: Path, unpacked: Path, *, max_expansion: float = MAX_EXPANSION) -> Found:
    """Finds the tracks' files; logs what it leaves out, and which genres are missing.

    Folders and files in other spellings, such as Hip-Hop/hip-hop.00000.WAV, are recognised with a
    warning; so are all files in one folder. Archives are used if the folder holds no tracks: .zip,
    then .tar, .tar.gz and .tgz, under any name. An archive that is damaged or holds something else
    is skipped with a warning.

    Args:
      manual_dir: holds the folders or an archive.
      unpacked: a folder to unpack a tar archive into.
      max_expansion: largest allowed expansion of an archive.

    Returns:
      The tracks.

    Raises:
      UserError: there are none, a file occurs twice, or a folder of another name is probably one of
        the genres; the message says what is nearly GTZAN.
    """
    archives = Archives(manual_dir, unpacked, max_expansion)
    folder = [(manual_dir, manual_dir)] if manual_dir.is_dir() else []
    nearly = ""
    for source, shown in itertools.chain(folder, archives):
        if found := _find_in(source, shown):
            _tell_of_passed(archives.passed, shown)
            if nearly:
                warnings.warn(f"read {shown}, since {nearly}", stacklevel=2)
            return found
        nearly = nearly or _nearly(source, shown)
    if not nearly:
        for error in archives.passed.values():
            if isinstance(error, UserError):
                raise error
        nearly = next((f"{path} {why}" for path, why in archives.passed.items()), "")
    raise UserError(
        f"GTZAN is not in {manual_dir}{f' ({nearly})' if nearly else ''}; expected there: {WANTED}",
        code="dataset.incomplete",
    )


def _find_in(source: Path, shown: Path) -> Found | None:
    """The tracks of the first tree that a folder or zip archive holds."""
    for tree in find_trees(source):
        root, sizes = tree.root, tree.files.sizes
        tracks = {
            name: track
            for name in sizes
            if ("/" in name) != tree.flat and (track := track_of(name))
        }
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
        _require_genres(tree.files, tracks, place)
        _tell_of_others(tree, tracks, place)
        _tell_of_spellings(tracks, place)
        return Found(
            shown,
            source,
            {track: root + names[track] for track in sorted(names)},
            {root + name: sizes[name] for name in tracks},
        )
    return None


def _nearly(source: Path, shown: Path) -> str:
    """Which file is nearly one of GTZAN's, and why it is not; empty if there is none."""
    if source.is_dir():
        names: Iterable[str] = _names_below(source)
    else:
        members = find_files(source)
        for reason, out in members.left_out.items():
            if reason != listing.HIDDEN and (name := next(filter(file_genre, out), "")):
                return f"{shown} holds {name}, one of {len(out)} {reason}"
        names = members.sizes
    found = ((name, why) for name in names if (why := why_no_track(name)))
    return next((f"{shown / name} {why}" for name, why in found), "")


def _names_below(source: Path) -> Iterator[str]:
    """Names of the files in the first folders, without searching a whole disk."""
    for folder, folders, files in itertools.islice(os.walk(source), _MOST_FOLDERS):
        folders.sort()
        yield from (Path(folder, file).relative_to(source).as_posix() for file in sorted(files))


def _tell_of_passed(passed: Mapping[Path, UserError | str], shown: Path) -> None:
    for path, why in passed.items():
        told = str(why) if isinstance(why, UserError) else f"{path} {why}"
        warnings.warn(f"read {shown} and passed over {path.name}: {told}", stacklevel=3)


def _tell_of_others(tree: Tree, tracks: Mapping[str, str], place: Path) -> None:
    """Logs what is left out; where many other files may lie, only those named after genres."""

    def strange(name: str) -> bool:
        return bool(file_genre(name) if tree.flat else genre_of(name.split("/")[0]))

    def counts(name: str) -> bool:
        return tree.own or bool(file_genre(name)) or any(map(genre_of, name.split("/")))

    sizes = {
        name: size
        for name, size in tree.files.sizes.items()
        if name not in tracks and (tree.own or strange(name))
    }
    left_out = {why: list(filter(counts, names)) for why, names in tree.files.left_out.items()}
    left_out = {why: names for why, names in left_out.items() if names}
    others = Files(place, sizes, left_out, tree.files.outside).only(AUDIO_SUFFIXES)
    others = others.without(filter(strange, others.sizes), "not called <genre>.<5 digits>")
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
    """Compares the tracks with those of GTZAN; see `find_tracks`."""
    count = Counter(track.split(".")[0] for track in tracks.values())
    missing = [genre for genre in GENRES if not count[genre]]
    for name in files.only(AUDIO_SUFFIXES).sizes:
        folder, _, file = name.partition("/")
        if not file or genre_of(folder):
            continue
        meant = "" if "/" in file else track_of(file).partition(".")[0]
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
