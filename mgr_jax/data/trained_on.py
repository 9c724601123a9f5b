"""The training data of weights, and whether a run would be scored on it.

Tracks are equal if their data are, whatever the names of tracks and datasets, or if they have one
name in one source. For other tracks of equal names ("00.wav") it is unknown.
"""

import dataclasses
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from mgr_jax.config import load_config
from mgr_jax.data.cache import Tracks
from mgr_jax.data.digests import same_format, track_digests
from mgr_jax.data.pipeline import next_split, open_split, read_run_account
from mgr_jax.data.table_rows import match_rows
from mgr_jax.errors import UserError
from mgr_jax.files import expand
from mgr_jax.integrity import read_sealed, write_sealed

INIT_FROM = "init_from.json"
_TAUGHT = "trained_on.json"  # a folder without a config
ADVICE = "restore it, or train again in another folder"


@dataclasses.dataclass(frozen=True)
class TrainedOn:
    """The training tracks of a run.

    Attributes:
      run: its folder.
      source: digest of the dataset, from its protocol.json; equal for equal files.
      format: format of the tracks, see protocol.json: kind, rate, dtype, item_shape.
      tracks: their names.
      digests: digests of their data, see `track_digests`; none in runs of older versions on audio.
      untold: for imported weights whose training tracks are not known: the data in words; else
        empty.
    """

    run: str
    source: str
    format: Mapping[str, Any]
    tracks: tuple[str, ...]
    digests: tuple[str, ...]
    untold: str = ""


def trained_on(workdir: Path) -> tuple[TrainedOn, ...]:
    """The training tracks of a run, then those of the runs whose weights it began with.

    Raises:
      UserError: the folder is not that of a run, or a file of it is damaged.
    """
    if (workdir / _TAUGHT).exists():
        return read_rows(workdir / _TAUGHT)
    if (heard := _heard_elsewhere(workdir)) is not None:
        return heard
    dataset, tracks = read_run_account(workdir), read_tracks(workdir)
    own = _parse(
        workdir / "dataset.json",
        run=str(workdir),
        source=dataset.get("source", ""),
        format=dataset.get("format"),
        tracks=tracks["train"],
        digests=tracks.get("train_digests", ()),
    )
    if not (origin := load_config(workdir / "config.json").init_from):
        return (own,)
    if (path := workdir / INIT_FROM).exists():
        return own, *read_rows(path)
    try:  # a run of an older version has no such file
        return own, *trained_on(expand(origin))
    except UserError:
        warnings.warn(
            f"{workdir} began with the weights of {origin}, which can no longer be read, so "
            "their training tracks are not compared",
            stacklevel=2,
        )
        return (own,)


def _heard_elsewhere(workdir: Path) -> tuple[TrainedOn, ...] | None:
    """The training data of imported weights; None if the folder is that of a run.

    Weights whose classes are not music, such as ImageNet's, were trained on no music.
    """
    path = workdir / "model.json"
    if (workdir / "dataset.json").exists() or not path.exists():
        return None
    content = read_sealed(path, ADVICE)
    provenance, labels = content.get("provenance"), content.get("labels")
    if not isinstance(provenance, dict) or not isinstance(provenance.get("import"), dict):
        return None
    if content.get("trained_to_classify") is False and labels and labels.get("classes"):
        return ()
    told = provenance.get("trained_on") or f"what {provenance['import'].get('file')} was trained on"
    return (TrainedOn(str(workdir), "", {}, (), (), untold=str(told)),)


def untold_of(workdir: Path) -> tuple[str, ...]:
    """The external training data of weights, see `TrainedOn.untold`; empty if unreadable."""
    try:
        return tuple(one.untold for one in trained_on(workdir) if one.untold)
    except UserError:
        return ()


def keep_trained_on(workdir: Path, encoder: Path, rate: float, digests: Mapping[str, str]) -> None:
    """Records the training data of a model without a dataset: files of audio.

    Args:
      workdir: folder of the model.
      encoder: folder of the model that it was taught on.
      rate: sample rate at which they were read, in Hz.
      digests: digests of the samples by name; see `data.cache.digest`.
    """
    names, found = list(digests), list(digests.values())
    form = {"kind": "waveform", "rate": rate, "dtype": "int16", "item_shape": []}
    own = TrainedOn(str(workdir), "", form, tuple(names), tuple(found))
    try:
        before = trained_on(encoder)
    except UserError:  # a model whose training data is not known
        before = ()
    rows = [dataclasses.asdict(one) for one in (own, *before)]
    write_sealed(workdir / _TAUGHT, {"trained_on": rows})
    tracks = {"train": names, "validation": [], "train_digests": found}
    write_sealed(workdir / "tracks.json", tracks)


def read_tracks(workdir: Path) -> dict[str, Any]:
    """The tracks that a run was trained on and chosen by, by the names of their splits.

    `train_digests` (see `track_digests`) and `draws` (the version of sampling) are included if the
    version that wrote them has them.

    Raises:
      UserError: it is missing or damaged.
    """
    path = workdir / "tracks.json"
    tracks = read_sealed(path, ADVICE)
    for name in ("train", "validation", "train_digests"):
        if not _are_texts(tracks.get(name, () if name == "train_digests" else None)):
            raise damaged(path, name)
    if type(tracks.get("draws", 1)) is not int:
        raise damaged(path, "draws")
    return tracks


def read_rows(path: Path) -> tuple[TrainedOn, ...]:
    """The entries of a file under `trained_on`.

    Raises:
      UserError: it is damaged.
    """
    rows = read_sealed(path, ADVICE).get("trained_on")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise damaged(path, "trained_on")
    return tuple(_parse(path, **row) for row in rows)


def _parse(path: Path, **fields: Any) -> TrainedOn:
    """A record from fields that were read from a file."""
    texts = {"run": str, "source": str, "format": dict}
    for name, kind in texts.items():
        if not isinstance(fields.get(name), kind):
            raise damaged(path, name)
    for name in ("tracks", "digests"):
        if not _are_texts(fields.get(name)):
            raise damaged(path, name)
        fields[name] = tuple(fields[name])
    untold = fields.setdefault("untold", "")
    if not isinstance(untold, str):
        raise damaged(path, "untold")
    if unknown := fields.keys() - {field.name for field in dataclasses.fields(TrainedOn)}:
        raise damaged(path, min(unknown))
    if not untold and not {"kind", "dtype", "item_shape"} <= fields["format"].keys():
        raise damaged(path, "format")
    return TrainedOn(**fields)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


def damaged(path: Path, field: str) -> UserError:
    """The error for a file with a damaged field."""
    return UserError(f"{path} is damaged ({field} is not as it was); {ADVICE}", "file.damaged")


def require_unseen(
    seen: Sequence[TrainedOn],
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    *,
    progress: bool = False,
) -> str:
    """Checks that no training track of some weights is scored.

    Args:
      seen: training data of the weights; `untold` data cannot be compared.
      config: config of the run that begins with them.
      splits: tracks of that run, "train" and "validation".
      progress: show a bar while tracks are read.

    Returns:
      How the run may leak, if only names coincide and config.protocol.i_know_this_leaks is set;
      else empty.

    Raises:
      UserError: training tracks are scored, or tracks with the names of training tracks.
    """
    parts = dict(splits)
    if next_split(splits["train"].account) == "test":
        parts["test"] = open_split(config, "test", progress=progress)
    held = {
        name: dict(
            zip(tracks.track_id.tolist(), track_digests(tracks, progress=progress), strict=True)
        )
        for name, tracks in parts.items()
    }
    account = splits["train"].account
    doubtful: dict[str, set[str]] = {}
    for run in seen:
        if run.untold:
            continue
        which = config.init_from if run is seen[0] else f"{config.init_from}, begun with {run.run}"
        found = _compare(run, held, account)
        if told := _count({name: sure for name, (sure, _) in found.items()}, held):
            renamed = {t for sure, _ in found.values() for t in sure} - set(run.tracks)
            raise UserError(
                f"config.init_from is {which}, which was trained on {told} of this run"
                + (f" ({len(renamed)} of them under other names)" if renamed else "")
                + "; use a run of the same splits",
                code="init_from.leaks",
            )
        for name, (_, names) in found.items():
            doubtful.setdefault(name, set()).update(names)
        if not run.digests and same_format(run.format, account["format"]):
            warnings.warn(
                f"{run.run} was trained by an older version, which kept no digests of audio, so "
                "its tracks were compared only by name",
                stacklevel=2,
            )
    if not (told := _count(doubtful, held)):
        return ""
    example = next(track for names in doubtful.values() for track in sorted(names))
    reason = (
        f"config.init_from is {config.init_from}, whose training tracks have the names of {told} "
        f"of this run (such as {example}), with other content or in another form"
    )
    if not config.protocol.i_know_this_leaks:
        raise UserError(
            f"{reason}; use a run of the same splits, or, if they are other music, set "
            "config.protocol.i_know_this_leaks",
            code="init_from.may_leak",
        )
    warnings.warn(f"{reason}: scores may be too high", stacklevel=2)
    return f"config.init_from may have been trained on {told}: tracks of these names"


def _compare(
    run: TrainedOn, held: Mapping[str, Mapping[str, str]], account: Mapping[str, Any]
) -> dict[str, tuple[set[str], set[str]]]:
    """By scored split, the tracks that are training tracks, and those that may be."""
    digests = set(run.digests) if same_format(run.format, account["format"]) else set()
    everywhere = {track: digest for tracks in held.values() for track, digest in tracks.items()}
    equal = everywhere.keys() & set(run.tracks)
    alike = equal | match_rows(run.tracks, everywhere).keys()
    one_source = run.source != "" and run.source == account.get("source")

    def known(tracks: Mapping[str, str], names: set[str]) -> Iterator[str]:
        """Those of the names, and their copies under other names within this dataset."""
        copies = {everywhere[name] for name in names}
        return (track for track, digest in tracks.items() if digest in copies)

    found = {}
    for name, tracks in held.items():
        if name == "train":
            continue
        sure = {track for track, digest in tracks.items() if digest in digests}
        sure |= set(known(tracks, equal)) if one_source else set()
        found[name] = sure, set(known(tracks, alike)) - sure
    return found


def _count(found: Mapping[str, set[str]], held: Mapping[str, Mapping[str, str]]) -> str:
    """Such as "3 of the 55 validation tracks and 2 of the 60 test tracks"; empty for none."""
    return " and ".join(
        f"{len(tracks)} of the {len(held[name])} {name} tracks"
        for name, tracks in found.items()
        if tracks
    )
