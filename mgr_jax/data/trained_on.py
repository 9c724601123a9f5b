"""What weights have been trained on, and whether a run would be scored on it.

Tracks are the same if they hold the same, whatever they and their dataset are called, or if they
have one name in one source. Of other tracks of equal names ("00.wav") it cannot be told.
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
_TAUGHT = "trained_on.json"  # of a folder that no config describes
ADVICE = "restore it, or train again in another folder"


@dataclasses.dataclass(frozen=True)
class TrainedOn:
    """The training tracks of a run.

    Attributes:
      run: its folder.
      source: of the dataset, as its protocol.json names it; equal for equal files.
      format: of the tracks, see protocol.json: kind, rate, dtype, item_shape.
      tracks: their names.
      digests: of what they hold, see `track_digests`; none in runs of older versions on audio.
      untold: the data in words, of weights from elsewhere whose tracks are not known; else empty.
    """

    run: str
    source: str
    format: Mapping[str, Any]
    tracks: tuple[str, ...]
    digests: tuple[str, ...]
    untold: str = ""


def trained_on(workdir: Path) -> tuple[TrainedOn, ...]:
    """What a run was trained on, then what the runs were that it began with.

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
    try:  # a run of an older version kept no such file
        return own, *trained_on(expand(origin))
    except UserError:
        warnings.warn(
            f"{workdir} began with the weights of {origin}, which cannot be read any more, so that "
            "the tracks these were trained on are not compared",
            stacklevel=2,
        )
        return (own,)


def _heard_elsewhere(workdir: Path) -> tuple[TrainedOn, ...] | None:
    """What weights were trained on that come from elsewhere; None where the folder is of a run.

    Those that name classes which are none of music, such as ImageNet's, have heard nothing.
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
    """What weights were trained on elsewhere, see `TrainedOn.untold`; nothing if unreadable."""
    try:
        return tuple(one.untold for one in trained_on(workdir) if one.untold)
    except UserError:
        return ()


def keep_trained_on(workdir: Path, encoder: Path, rate: float, digests: Mapping[str, str]) -> None:
    """Notes what a model was trained on that has no dataset: files of audio.

    Args:
      workdir: of the model.
      encoder: the folder of the model that it was taught on.
      rate: at which they were read, in Hz.
      digests: by name, of the samples; see `data.cache.digest`.
    """
    names, found = list(digests), list(digests.values())
    form = {"kind": "waveform", "rate": rate, "dtype": "int16", "item_shape": []}
    own = TrainedOn(str(workdir), "", form, tuple(names), tuple(found))
    try:
        before = trained_on(encoder)
    except UserError:  # a model of which that is not known
        before = ()
    rows = [dataclasses.asdict(one) for one in (own, *before)]
    write_sealed(workdir / _TAUGHT, {"trained_on": rows})
    tracks = {"train": names, "validation": [], "train_digests": found}
    write_sealed(workdir / "tracks.json", tracks)


def read_tracks(workdir: Path) -> dict[str, Any]:
    """Which tracks a run was trained on, and chosen by, by the names of their splits.

    With them come `train_digests` (see `track_digests`) and `draws` (by which version of sampling),
    where the version that wrote it has them.

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
    """What a file says under `trained_on`.

    Raises:
      UserError: it is damaged.
    """
    rows = read_sealed(path, ADVICE).get("trained_on")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise damaged(path, "trained_on")
    return tuple(_parse(path, **row) for row in rows)


def _parse(path: Path, **fields: Any) -> TrainedOn:
    """A record of fields that were read from a file."""
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
    """The error of a file in which a field is not as it was written."""
    return UserError(f"{path} is damaged ({field} is not as it was); {ADVICE}", "file.damaged")


def require_unseen(
    seen: Sequence[TrainedOn],
    config: ConfigDict,
    splits: Mapping[str, Tracks],
    *,
    progress: bool = False,
) -> str:
    """Makes sure that what weights were trained on is not scored.

    Args:
      seen: what they were trained on; what is `untold` cannot be compared.
      config: of the run that begins with them.
      splits: of that run, "train" and "validation".
      progress: show a bar where tracks are read.

    Returns:
      How the run may leak, where only names coincide and config.protocol.i_know_this_leaks is set;
      else nothing.

    Raises:
      UserError: tracks are scored that were trained on, or that have the names of such.
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
                "that its tracks were compared by name alone",
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
    """By scored split the tracks that were trained on, and those of which it cannot be told."""
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
