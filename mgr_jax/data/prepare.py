"""Prepares a dataset through its TFDS builder."""

import json
import re
import shutil
from pathlib import Path

import tensorflow_datasets as tfds

from mgr_jax.data.audio_builder import SAMPLE_RATES, AudioBuilder
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import AudioFolderConfig
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import Builder as AudioFolder
from mgr_jax.data.rendered.rendered_dataset_builder import Builder as Rendered
from mgr_jax.errors import UserError, unknown_name

BUILDERS: dict[str, type[AudioBuilder]] = {"audio_folder": AudioFolder, "rendered": Rendered}


def list_datasets() -> list[str]:
    """Names of the datasets that can be prepared, with their sizes where they have some."""
    sizes = sorted({config.name.rsplit("_", 1)[0] for config in Rendered.BUILDER_CONFIGS})
    return ["audio_folder", *(f"rendered/{size}" for size in sizes)]


def make_builder(
    dataset: str,
    *,
    sample_rate: int,
    data_dir: Path,
    manual_dir: Path | None = None,
    name: str | None = None,
    split_by: tuple[str, ...] = (),
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15),
    seed: int = 0,
) -> AudioBuilder:
    """Makes the builder of a dataset.

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

    Raises:
      UserError: an unknown dataset or rate, or an argument the dataset does not take.
    """
    if dataset not in list_datasets():
        raise unknown_name("dataset", dataset, list_datasets())
    if sample_rate not in SAMPLE_RATES:
        raise UserError(
            f"sample rate {sample_rate} is not one that datasets are stored at; "
            f"choose one of {', '.join(map(str, SAMPLE_RATES))}"
        )
    if dataset.startswith("rendered/"):
        if manual_dir or name or split_by:
            raise UserError(
                f"{dataset} is made by the project and split by artist; leave out --manual_dir, "
                "--name and --split_by"
            )
        return Rendered(config=f"{dataset.split('/')[1]}_{sample_rate}", data_dir=str(data_dir))
    if manual_dir is None:
        raise UserError("audio_folder needs --manual_dir, the folder that holds your genre folders")
    name = name or "_by_".join([manual_dir.resolve().name, *filter(None, ["_".join(split_by)])])
    config = AudioFolderConfig(
        name=f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)}_{sample_rate}",
        description="A folder of audio files.",
        sample_rate=sample_rate,
        split_by=split_by,
        fractions=fractions,
        seed=seed,
    )
    return AudioFolder(config=config, data_dir=str(data_dir))


def prepare(
    builder: AudioBuilder, *, manual_dir: Path | None = None, overwrite: bool = False
) -> Path:
    """Builds a dataset, or finds that it is there already.

    A failed build leaves nothing behind, and an overwritten dataset is kept until the new one
    stands.

    Args:
      builder: from `make_builder`.
      manual_dir: the folder it reads.
      overwrite: build again.

    Returns:
      The folder of the prepared dataset.

    Raises:
      UserError: bad input, or a dataset of the same name made from other files or settings.
    """
    target = Path(builder.data_dir)
    plan = builder.plan(manual_dir)  # first of all, since it finds most mistakes
    if target.exists() and not overwrite:
        _require_same(plan.protocol, target)
        return target
    backup = target.with_name(f"{target.name}.replaced")
    if target.exists():
        shutil.rmtree(backup, ignore_errors=True)
        target.rename(backup)
    try:
        # The builder shows a bar of its own, with a total.
        tfds.disable_progress_bar()
        builder.download_and_prepare(
            file_format="array_record",
            download_config=tfds.download.DownloadConfig(
                manual_dir=str(manual_dir) if manual_dir else None
            ),
        )
    except BaseException:
        if backup.exists():
            backup.rename(target)
        elif target.parent.exists() and not any(target.parent.iterdir()):
            target.parent.rmdir()
        raise
    shutil.rmtree(backup, ignore_errors=True)
    return target


def _require_same(protocol, target: Path) -> None:
    stored = json.loads((target / "protocol.json").read_text())
    for key, value in protocol.items():
        if stored.get(key) != value:
            what = "other files" if key == "source" else f"{key} = {stored.get(key)}"
            raise UserError(
                f"{target} was prepared from {what}; build it again with --overwrite or keep both "
                "with another --name"
            )
