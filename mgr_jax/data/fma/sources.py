"""Finds the published archives, or their unpacked folders, and checks them."""

import hashlib
from collections.abc import Sequence
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

    The clips of a subset are in every larger one too, so those serve where its own are missing;
    not `full`, which holds whole tracks.

    Args:
      manual_dir: holds them.
      subset: one of SUBSETS.
      allow_missing: be content with the clips of a smaller one.

    Raises:
      UserError: one of them is missing; says what belongs where.
    """
    place = SUBSETS.index(subset)
    clips = ("full",) if subset == "full" else SUBSETS[place:-1]
    smaller = () if subset == "full" else SUBSETS[:place][::-1]
    metadata = _existing(manual_dir, ["metadata"])
    audio = _existing(manual_dir, (*clips, *smaller) if allow_missing else clips)
    if not metadata or not audio:
        what = "the audio" if metadata else "the metadata"
        some_there = bool(metadata and _existing(manual_dir, smaller))
        raise missing(manual_dir, subset, what, some_there=some_there)
    return metadata[0], audio[0]


def _existing(folder: Path, names: Sequence[str]) -> list[Path]:
    places = [folder / f"fma_{name}{end}" for name in names for end in (".zip", "")]
    return [path for path in places if path.exists()]


def missing(manual_dir: Path, subset: str, what: str, *, some_there: bool) -> UserError:
    """Returns the error that says which files belong where, and whence they come."""
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
    """Returns the SHA-1 of an archive, or "folder" of a folder, which has none.

    Args:
      path: the archive or folder.
      allow_other: accept any sum.
      progress: show a bar, since a large archive takes minutes.

    Raises:
      UserError: the sum is not the published one, unless `allow_other`.
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
            disable=not progress,
        ) as bar,
    ):
        while block := file.read(1 << 22):
            sha1.update(block)
            bar.update(len(block))
    found = sha1.hexdigest()
    if found != SHA1[path.name] and not allow_other:
        raise UserError(
            f"{path} has SHA-1 {found}, but the published file has {SHA1[path.name]}; download it "
            f"again from {URL}/{path.name}, or accept it as it is (`allow_other_checksum`)",
            code="file.wrong_checksum",
        )
    return found


def find_clips(audio: Path) -> dict[int, str]:
    """Names of the tracks' mp3 files in an archive or folder, by track id; says what else is there.

    They may lie in further folders; of two of one track the first one counts.
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
