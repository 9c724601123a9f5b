"""Prepares a dataset through its TFDS builder."""

import contextlib
import io
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.audio.io import Limits, LimitsLike
from mgr_jax.data.audio_builder import SAMPLE_RATES
from mgr_jax.data.cache import open_tracks
from mgr_jax.data.datasets import RATE, Dataset, find_datasets, list_datasets
from mgr_jax.data.locate import default_data_dir
from mgr_jax.data.prepared import Prepared, describe_prepared, read_account
from mgr_jax.data.published import copies_of_scored, copies_sentence
from mgr_jax.data.sources import current_marks, describe_changes, read_marks, write_marks
from mgr_jax.data.track_builder import Plan, TrackBuilder
from mgr_jax.errors import UserError, disk_errors_told, unknown_name
from mgr_jax.files import expand, lock, replace_folder, restore_folder, scratch

_LONGEST_NAME = 200  # bytes, with room for a rate and the names of locks
_SETTINGS = ("split_by", "fractions", "seed", "splits", "frame_rate")  # shown by name and value


def prepare(
    dataset: str,
    *,
    data_dir: str | Path | None = None,
    sample_rate: int = 22_050,
    overwrite: bool = False,
    num_workers: int | None = None,
    progress: bool = True,
    limits: LimitsLike = None,
    **options: Any,
) -> Prepared:
    """Prepares a dataset for training, or finds that it is prepared already.

    Audio is decoded, resampled, split and stored under a name by which training finds it. The
    dataset appears only when it is complete: a failed build leaves nothing behind, and what it was
    to replace stays. The leftovers of a killed build are removed by the next one in `data_dir`. If
    two processes, on one machine or several, build the same dataset at once, the second waits and
    then finds it (with `overwrite`, it builds again). Unreadable files are left out, and listed
    with reasons in `skipped`.

    Example:
      >>> music = mgr_jax.prepare("audio_folder", manual_dir="~/music", split_by=["artist"])
      >>> print(music)
      …/audio_folder/music_by_artist_22050/1.0.0: 3 classes, 42 train, 12 validation, 12 test …
      >>> config.dataset, config.sample_rate = music.name, music.sample_rate
      >>> music.skipped  # which files, and why
      {}

    Args:
      dataset: one of `mgr_jax.list_datasets()`; "gtzan" stands for gtzan/fault_filtered.
      data_dir: the TFDS folder that holds all datasets; by default $TFDS_DATA_DIR or
        ~/tensorflow_datasets.
      sample_rate: rate of the stored audio in Hz; not used for features.
      overwrite: build again even if the dataset exists.
      num_workers: processes that load; by default one per core, 0 loads in this process.
      progress: show bars.
      limits: which files are refused; see `audio.io.Limits`.
      **options: further options of the dataset, as `mgr-jax prepare_data --help` lists them:
        `manual_dir`, the folder that holds the files, or `features`, the file, and how to split.

    Returns:
      The dataset's name, folder and tracks.

    Raises:
      UserError: a dataset, rate or option does not exist, the input cannot be used, the disk is
        full, or a dataset of the same name was made from other files or settings.
    """
    limits = Limits.of(limits)
    sample_rate = RATE.read(sample_rate)
    record, variant = _find(dataset)
    chosen = _read_options(record, variant, options)
    if record.waveforms and sample_rate not in SAMPLE_RATES:
        raise UserError(
            f"datasets are not stored at a sample rate of {sample_rate}; "
            f"choose one of {', '.join(map(str, SAMPLE_RATES))}",
            code="dataset.wrong_rate",
        )
    where = expand(data_dir) if data_dir else default_data_dir()
    name = _name(record, variant, chosen, sample_rate)
    manual_dir = chosen.pop("manual_dir", None)
    if record.waveforms:
        chosen["sample_rate"] = sample_rate

    def make_builder(folder: Path) -> TrackBuilder:
        found = record.builder()
        config = found.make_config(name=name, variant=variant, **chosen)
        builder = found(config=config, data_dir=str(folder))
        builder.progress = progress
        builder.limits = limits
        if num_workers is not None:
            builder.num_workers = num_workers
        return builder

    with disk_errors_told(where), without_remarks():
        folder = _build(make_builder, where, manual_dir, overwrite=overwrite)
    return describe_prepared(folder, where)


@contextlib.contextmanager
def without_remarks() -> Iterator[None]:
    """Silences TFDS's log lines on configurations and folders; errors are still raised."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _find(dataset: str) -> tuple[Dataset, str]:
    """The record of a dataset, and its variant."""
    name, _, variant = dataset.partition("/")
    record = find_datasets().get(name)
    if record and not variant:
        variant = record.default_variant
    if not record or variant not in (record.variants or ("",)):
        raise unknown_name("dataset", dataset, list_datasets())
    return record, variant


def _read_options(record: Dataset, variant: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The value of every option of a dataset."""
    known = {option.name: option for option in record.all_options()}
    given = {name: value for name, value in given.items() if value is not None}
    chosen = {
        n: option.read(given[n]) if n in given else option.default for n, option in known.items()
    }
    idle = record.idle(variant, chosen)
    for name in given:
        if name not in known or (name in idle and chosen[name] != known[name].default):
            takes = ", ".join(f"`{taken}`" for taken in known if taken not in idle)
            full_name = f"{record.name}/{variant}" if variant else record.name
            raise UserError(
                f"{full_name} has no use for `{name}`; leave it out (it takes "
                f"{takes or 'no options'})",
                code="argument.not_applicable",
            )
    source = record.source
    if source and chosen[source.name] is None:
        raise UserError(
            f"{record.name} needs `{source.name}`, {source.help}", code="argument.missing"
        )
    folder = chosen.get("manual_dir")
    if source and folder and not folder.is_dir():
        raise UserError(
            f"{folder} is not a folder; give {source.help} (`manual_dir`)", code="folder.not_found"
        )
    return chosen


def _name(record: Dataset, variant: str, chosen: dict[str, Any], sample_rate: int) -> str:
    """The dataset's name: as asked, or after the variant or the source; then the rate."""
    name = chosen.pop("name", None) or variant
    if not name and record.source:
        source = chosen[record.source.name].resolve()
        name = source.name if source.is_dir() else source.stem
        for option in record.options:
            if option.in_name and (value := chosen[option.name]):
                told = "_".join(value) if isinstance(value, tuple) else value
                name += option.in_name.format(told)
    plain = re.sub(r"[^\w.-]+", "-", name or record.name).strip("-.")
    if len(os.fsencode(plain)) > _LONGEST_NAME:
        raise UserError(
            f"the dataset name '{plain[:20]}…' has {len(plain)} characters, too many for a "
            "folder's name; give a shorter one (`name`)",
            code="dataset.wrong_name",
        )
    if not plain:
        raise UserError(
            f"the dataset name '{name}' has no letters; give another (`name`)",
            code="dataset.wrong_name",
        )
    return f"{plain}_{sample_rate}" if record.waveforms else plain


def _build(
    make_builder: Callable[[Path], TrackBuilder],
    data_dir: Path,
    manual_dir: Path | None,
    *,
    overwrite: bool,
) -> Path:
    """Builds a dataset in a temporary folder, moves it into place, and returns its folder."""
    is_new = not data_dir.exists()
    can_write = is_new or os.access(data_dir, os.W_OK)  # otherwise it may exist already
    try:
        with scratch(data_dir if can_write else Path(tempfile.gettempdir())) as aside:
            builder = make_builder(aside)
            plan = builder.plan(manual_dir)  # first, since it finds most errors
            if copies := copies_of_scored(t.track_id for t in plan.tracks.get("train", ())):
                warnings.warn(copies_sentence(copies), stacklevel=3)
            built = Path(builder.data_dir)
            place = built.relative_to(aside)
            target = data_dir / place
            if overwrite or not target.exists():
                told = f"another process builds {target}; waiting for it"
                with lock(data_dir / f".{'.'.join(place.parts)}.lock", told, wait=True):
                    restore_folder(target)
                    if overwrite or not target.exists():  # it may have been built meanwhile
                        builder.planned = plan
                        _download_and_prepare(builder, manual_dir)
                        replace_folder(built, target)
                        return target
            _require_same(plan, target, progress=builder.progress)
            _build_caches(target, progress=builder.progress)
            return target
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds something
                data_dir.rmdir()


def _download_and_prepare(builder: TrackBuilder, manual_dir: Path | None) -> None:
    tfds.disable_progress_bar()  # the builder shows a bar of its own, with a total
    options = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS's lines on downloads and sizes
        builder.download_and_prepare(file_format="array_record", download_config=options)


def _build_caches(folder: Path, *, progress: bool) -> None:
    for split in read_account(folder)["tracks"]:
        open_tracks(folder, split, progress=progress)


def _require_same(plan: Plan, target: Path, *, progress: bool) -> None:
    """Raises a UserError if the existing dataset has other source files or settings."""
    stored = read_account(target)
    known = read_marks(target)
    account = {**plan.account, "tags": list(plan.tags), **(plan.former if known is None else {})}
    other = [key for key, value in account.items() if stored.get(key) != value]
    settings = [key for key in _SETTINGS if key in other]
    changes = ""
    if known is not None and not settings:
        tracks = [track for some in plan.tracks.values() for track in some]
        files = {track.track_id: track.file for track in tracks if track.file}
        now = current_marks(files, known, progress=progress)
        changes = describe_changes(known, now)
        if not other and not changes and now != known:  # the same files, but copied or touched
            with contextlib.suppress(OSError):  # a dataset of another user
                write_marks(target, now)
    if not other and not changes:
        return
    if settings:
        what = f"{settings[0]} = {stored.get(settings[0])}"
    elif changes:
        what = f"other files: {changes}"
    else:
        what = "other labels, artists or splits of the same files" if known else "other files"
    names = [option.name for option in find_datasets()[target.parts[-3]].options]
    raise UserError(
        f"{target} was prepared from {what}; build it again (`overwrite`), or keep both "
        f"with another `data_dir`{' or `name`' if 'name' in names else ''}",
        code="dataset.other_settings",
    )
