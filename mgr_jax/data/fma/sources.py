"""Finds the published archives, or their unpacked folders, and checks them."""

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from mgr_jax.data.archives import find_files
from mgr_jax.data.fma.published import HOMEPAGE, SHA1, SUBSETS, URL
from mgr_jax.data.fma_names import fma_track
from mgr_jax.errors import UserError


def find_sources(
    manual_dir: Path, subset: str, *, allow_missing: bool = False
) -> tuple[Path, Path]:
    """Finds the metadata and the audio of a subset, each a zip archive or a folder.

    The clips of a subset are in every larger one too, so a larger subset is used if its own clips
    are missing; but not `full`, which holds whole tracks.

    Args:
      manual_dir: the folder that holds them, or one of them, or a folder above.
      subset: one of SUBSETS.
      allow_missing: also accept the clips of a smaller subset.

    Returns:
      The paths of the metadata and of the audio.

    Raises:
      UserError: one of them is missing; the message says which files to put where.
    """
    place = SUBSETS.index(subset)
    clips = ("full",) if subset == "full" else SUBSETS[place:-1]
    smaller = () if subset == "full" else SUBSETS[:place][::-1]
    folders = _folders(manual_dir)
    metadata = _existing(folders, ["metadata"])
    audio = _existing(folders, (*clips, *smaller) if allow_missing else clips)
    if not metadata or not audio:
        what = "the audio" if metadata else "the metadata"
        some_there = bool(metadata and _existing(folders, smaller))
        raise missing(manual_dir, subset, what, some_there=some_there)
    return _readable(metadata[0]), _readable(audio[0])


def _folders(manual_dir: Path) -> list[dict[str, Path]]:
    """The contents of the folder, of the one above if it is FMA's own, and of its subfolders.

    For each, the paths by their names in lower case.
    """
    own = {f"fma_{name}" for name in ("metadata", *SUBSETS)}
    above = [manual_dir.parent] if manual_dir.name.lower() in own else []
    below = sorted(manual_dir.iterdir()) if _may_be_read(manual_dir) else []
    return [
        {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True)}
        for folder in (manual_dir, *above, *below)
        if _may_be_read(folder)
    ]


def _may_be_read(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)


def _existing(folders: Sequence[Mapping[str, Path]], names: Sequence[str]) -> list[Path]:
    return [
        folder[name + end]
        for name in (f"fma_{name}" for name in names)
        for folder in folders
        for end in (".zip", "")
        if name + end in folder
    ]


def _readable(path: Path) -> Path:
    """The path; or the unpacked folder beside it, if it is an archive that cannot be read."""
    if path.is_dir() or not (folder := unpacked(path)):
        return path
    try:
        find_files(path)
    except UserError as error:
        warnings.warn(f"read {folder}, since {error}", stacklevel=3)
        return folder
    return path


def unpacked(archive: Path) -> Path | None:
    """The folder beside an archive that it was unpacked into; None if that holds nothing of it."""
    for folder in archive.parent.iterdir():
        if folder.is_dir() and folder.name.lower() == archive.stem.lower():
            files = (path.name.lower() for path in folder.rglob("*"))
            if any(name.endswith(".mp3") or name == "tracks.csv" for name in files):
                return folder
    return None


def missing(manual_dir: Path, subset: str, what: str, *, some_there: bool) -> UserError:
    """The error that says which files to put where, and where to get them.

    Args:
      manual_dir: the folder that should hold them.
      subset: one of SUBSETS.
      what: the missing part.
      some_there: whether some of the clips exist.
    """
    way_out = "; or prepare the clips that are there (`allow_missing`)" if some_there else ""
    archives = " and ".join(
        f"{name} ({URL}/{name}, SHA-1 {SHA1[name]})"
        for name in ("fma_metadata.zip", f"fma_{subset}.zip")
    )
    return UserError(
        f"{manual_dir} lacks {what} of FMA {subset} ({HOMEPAGE}); put there {archives}, or their "
        f"unpacked folders (fma_metadata/tracks.csv, genres.csv; fma_{subset}/000/000002.mp3, …)"
        f"{way_out}",
        code="dataset.incomplete",
    )


def check_sha1(path: Path, *, allow_other: bool, progress: bool = True) -> str:
    """The SHA-1 of an archive, or "folder" for a folder.

    Args:
      path: the archive or folder.
      allow_other: accept any checksum.
      progress: show a bar, since a large archive takes minutes.

    Raises:
      UserError: the checksum is not the published one, unless `allow_other`.
    """
    if path.is_dir():
        return "folder"
    sha1 = hashlib.sha1(usedforsecurity=False)
    with (
        path.open("rb") as file,
        tqdm(
            desc=f"check {path.name}",
            total=path.stat().st_size,
            unit="B",
            unit_scale=True,
            disable=None if progress else True,
        ) as bar,
    ):
        while block := file.read(1 << 22):
            sha1.update(block)
            bar.update(len(block))
    found = sha1.hexdigest()
    name = path.name.lower()
    if found != SHA1[name] and not allow_other:
        folder = unpacked(path)
        raise UserError(
            f"{path} has SHA-1 {found}, but the published file has {SHA1[name]}; download it "
            f"again from {URL}/{name}, or accept it as it is (`allow_other_checksum`)"
            f"{f', or remove it to use {folder}' if folder else ''}",
            code="file.wrong_checksum",
        )
    return found


def find_clips(audio: Path) -> dict[int, str]:
    """The names of the tracks' mp3 files in an archive or folder, by track id; logs other files.

    They may lie in further folders; if a track has two, the first one counts.
    """
    found = find_files(audio).only((".mp3",))
    clips: dict[int, str] = {}
    for name in found.sizes:
        track = fma_track(name)
        if track and clips.setdefault(int(track), name) == name:
            continue
        reason = "of a track that is there already" if track else "called unlike 000/000002.mp3"
        found.left_out.setdefault(reason, []).append(name)
    found.tell()
    return clips
