"""Teaches a pretrained network your own genres, with an honest score."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.errors import UserError, some_names
from mgr_jax.files import expand, lock, restore_folder
from mgr_jax.integrity import read_sealed
from mgr_jax.model_folder import find_model
from mgr_jax.runs.teaching.model import (
    ACCOUNT,
    is_begun,
    path_of_encoder,
)
from mgr_jax.runs.teaching.result import Taught, write_teach_report
from mgr_jax.runs.teaching.work import Work

_ADVICE = "remove the folder and teach again"


def teach(
    music: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    *,
    on: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str],
    add: bool = False,
    labels: str | os.PathLike[str] | None = None,
    columns: Mapping[str, str] | str | None = None,
    class_names: Mapping[str, str] | str | Path | None = None,
    mapping: Mapping[str, Sequence[str]] | str | Path | None = None,
    group_by: str | None = None,
    folds: int | None = None,
    svm: bool | None = None,
    seed: int = 0,
    limits: LimitsLike = None,
    workers: int | None = None,
    progress: bool = True,
) -> Taught:
    """Teaches a pretrained network your own genres, and scores the result by cross-validation.

        taught = mgr_jax.teach("my_music", on="models/encoder", out="models/mine")
        print(taught)
        mgr_jax.load("models/mine").predict("song.mp3").label

    The network does not change: a small classifier (the head) is fitted to its embeddings. The
    embeddings are kept in `out`, so that the same call resumes after a kill and added songs need no
    other song to be embedded again. docs/teach.md describes the method. Songs in a folder called
    `_other` belong to none of the genres; similar songs are then "undecided".

    Args:
      music: folders that each hold a folder per genre, or an index.csv (columns path, genre,
        artist).
      on: the network: the folder of a trained or imported model, or the name of a pretrained one;
        with `add`, None is the network of the existing model.
      out: the model folder to write.
      add: add these songs to those of the existing model in `out`; without `music`, teach those
        again as they are now.
      labels: path of an index that lies elsewhere, for one folder.
      columns: names of the index's columns, as in "path=file,genre=style,artist=band".
      class_names: which label is which genre, see `data.class_names.read_class_names`.
      mapping: which of the network's own classes mean which genres: a dict by genre, or a CSV file
        with the columns genre and class; None: classes of the same name.
      group_by: a column of the index whose values are kept in one fold; None: artist, album or
        folder.
      folds: outer folds; 0: leave one group out; None: 5, or leave one group out if there are few
        groups.
      svm: also score an SVM on 57 hand-made features; None: only for up to 120 files.
      seed: seed of the folds.
      limits: which files are refused; see `audio.io.Limits`.
      workers: processes that decode; see `predict_stream`.
      progress: show bars.

    Returns:
      The scores, and the path of the model.

    Raises:
      UserError: there is no such model or folder, `out` holds something else, the network does not
        read audio, there are fewer than two genres with songs, or `folds` or `seed` is out of
        range.
    """
    _require_range(folds, seed)
    out, limits = expand(out).absolute(), Limits.of(limits)
    given = [music] if isinstance(music, str | os.PathLike) else list(music)
    folders = [expand(folder).absolute() for folder in given]
    out.parent.mkdir(parents=True, exist_ok=True)
    told = f"{out} is being written by another process; wait until it is done"
    with lock(out.with_name(f".{out.name}.lock"), told):
        restore_folder(out)
        before = _before(out, folders, add)
        sources = [*before.get("sources", [])] if add else []
        taken = {source["folder"] for source in sources}
        if gone := [folder for folder in sorted(taken) if not Path(folder).is_dir()]:
            raise UserError(
                f"{gone[0]}, whose songs {out} was taught, no longer exists; restore it, or "
                "teach all songs into another folder (`out`)",
                code="folder.not_found",
            )
        asked = {
            "labels": str(expand(labels).absolute()) if labels else None,
            "columns": columns,
            "class_names": class_names if not isinstance(class_names, Path) else str(class_names),
        }
        sources = [s for s in sources if s["folder"] not in map(str, folders)] + [
            {"folder": str(folder), **asked} for folder in folders
        ]
        if not sources:
            raise UserError(
                "give the folder that holds your genre folders, such as my_music",
                code="argument.missing",
            )
        encoder = _find_encoder(on, out, bool(before))
        work = Work(encoder, out, sources, limits, workers, progress)
        if isinstance(mapping, str | Path):
            mapping = str(expand(mapping).absolute())
        elif mapping is None and add:
            mapping = before.get("mapping_given")
        known = [song["path"] for song in before.get("songs", ())]
        made = work.teach(mapping, group_by, folds, svm, seed, known, added=sorted(taken))
    write_teach_report(made)
    return made


def _require_range(folds: int | None, seed: int) -> None:
    if folds is not None and (folds < 0 or folds == 1):
        raise UserError(
            f"`folds` is {folds}; give 2 or more, or 0 to leave one group out at a time",
            code="argument.out_of_range",
        )
    if seed < 0:
        raise UserError(f"`seed` is {seed}; give 0 or more", code="argument.out_of_range")


def _before(out: Path, folders: Sequence[Path], add: bool) -> dict[str, Any]:
    """The account of the existing model; empty if there is none.

    Raises:
      UserError: `out` holds something else, or a model that was taught other folders and `add` is
        not given.
    """
    if out.exists() and not is_begun(out) and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            f"{out} exists already and was not taught; choose another folder (`out`)",
            code="folder.exists",
        )
    if not (out / ACCOUNT).exists():
        if add:
            raise UserError(
                f"{out} is not a taught model to add songs to; teach it first, without `add`",
                code="teach.nothing_to_add_to",
            )
        return {}
    account = read_sealed(out / ACCOUNT, _ADVICE)
    known = {source["folder"] for source in account["sources"]}
    if not add and set(map(str, folders)) != known:
        raise UserError(
            f"{out} was taught {some_names(sorted(known))}; add songs to it (`add`), or choose "
            "another folder (`out`)",
            code="teach.other_music",
        )
    return account


def _find_encoder(on: str | os.PathLike[str] | None, out: Path, begun: bool) -> Path:
    if on is None and begun:
        on = path_of_encoder(out)
    if not on:
        raise UserError(
            "give the model to teach (`on`), such as models/encoder", code="argument.missing"
        )
    return find_model(on)
