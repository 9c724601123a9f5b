"""Prepares a dataset through its TFDS builder."""

import contextlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data.audio_builder import SAMPLE_RATES, AudioBuilder
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import AudioFolderConfig
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import Builder as AudioFolder
from mgr_jax.data.rendered.rendered_dataset_builder import Builder as Rendered
from mgr_jax.errors import UserError, unknown_name


def list_datasets() -> list[str]:
    """Names of the datasets that can be prepared, with their sizes where they have some."""
    sizes = sorted({config.name.rsplit("_", 1)[0] for config in Rendered.BUILDER_CONFIGS})
    return ["audio_folder", *(f"rendered/{size}" for size in sizes)]


def prepare(
    dataset: str,
    *,
    sample_rate: int,
    data_dir: Path,
    manual_dir: Path | None = None,
    name: str | None = None,
    split_by: tuple[str, ...] = (),
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    overwrite: bool = False,
    num_workers: int | None = None,
) -> Path:
    """Builds a dataset, or finds that it is there already.

    It is built aside and takes its place when it is whole: a failed build leaves nothing behind,
    and what it was to replace stays.

    Args:
      dataset: one of `list_datasets()`.
      sample_rate: of the stored audio in Hz.
      data_dir: the TFDS folder that holds all datasets.
      manual_dir: audio_folder: the folder of genres.
      name: audio_folder: what to call it; by default the folder's name, and the columns it is
        split by.
      split_by: audio_folder: columns to be disjoint in, see AudioFolderConfig.
      fractions: audio_folder: shares of train, validation, test.
      seed: audio_folder: of the split.
      overwrite: build again.
      num_workers: processes that decode; by default one per core, 0 decodes in this process.

    Returns:
      The folder of the prepared dataset.

    Raises:
      UserError: a dataset, rate or argument that does not exist, bad input, or a dataset of the
        same name made from other files or settings.
    """
    _check_arguments(dataset, sample_rate, manual_dir, name, split_by)
    staging = data_dir / ".staging" / str(os.getpid())
    if dataset.startswith("rendered/"):
        config = f"{dataset.split('/')[1]}_{sample_rate}"
        builder: AudioBuilder = Rendered(config=config, data_dir=str(staging))
    else:
        assert manual_dir is not None
        config = AudioFolderConfig(
            name=_folder_name(manual_dir, name, split_by, sample_rate),
            description="A folder of audio files.",
            sample_rate=sample_rate,
            split_by=split_by,
            fractions=fractions,
            seed=seed,
        )
        builder = AudioFolder(config=config, data_dir=str(staging))
    if num_workers is not None:
        builder.num_workers = num_workers
    built = Path(builder.data_dir)
    target = data_dir / built.relative_to(staging)
    plan = builder.plan(manual_dir)  # first of all, since it finds most mistakes
    if target.exists() and not overwrite:
        _require_same(plan.protocol, target)
        return target
    _clear_killed(staging.parent)
    try:
        builder.planned = plan
        _build(builder, manual_dir)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        built.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _clear_killed(folder: Path) -> None:
    """Removes what builds have left whose process is no more."""
    for left in folder.glob("*"):
        try:
            os.kill(int(left.name), 0)  # asks whether the process exists
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)


def _check_arguments(
    dataset: str,
    sample_rate: int,
    manual_dir: Path | None,
    name: str | None,
    split_by: tuple[str, ...],
) -> None:
    if dataset not in list_datasets():
        raise unknown_name("dataset", dataset, list_datasets())
    if sample_rate not in SAMPLE_RATES:
        raise UserError(
            f"sample rate {sample_rate} is not one that datasets are stored at; "
            f"choose one of {', '.join(map(str, SAMPLE_RATES))}"
        )
    if dataset == "audio_folder" and manual_dir is None:
        raise UserError("audio_folder needs --manual_dir, the folder that holds your genre folders")
    if dataset != "audio_folder" and (manual_dir or name or split_by):
        raise UserError(
            f"{dataset} is made by the project and split by artist; leave out --manual_dir, "
            "--name and --split_by"
        )


def _folder_name(
    manual_dir: Path, name: str | None, split_by: tuple[str, ...], sample_rate: int
) -> str:
    if name is None:
        name = "_by_".join([manual_dir.resolve().name, *filter(None, ["_".join(split_by)])])
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not plain:
        raise UserError(f"the dataset name '{name}' has no letters; give another --name")
    return f"{plain}_{sample_rate}"


def _build(builder: AudioBuilder, manual_dir: Path | None) -> None:
    tfds.disable_progress_bar()  # the builder shows a bar of its own, with a total
    options = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS's lines on downloads and sizes
        builder.download_and_prepare(file_format="array_record", download_config=options)


def _require_same(protocol: Mapping[str, Any], target: Path) -> None:
    stored = json.loads((target / "protocol.json").read_text())
    for key, value in protocol.items():
        if stored.get(key) != value:
            what = "other files" if key == "source" else f"{key} = {stored.get(key)}"
            raise UserError(
                f"{target} was prepared from {what}; build it again with --overwrite or keep both "
                "with another --name"
            )
