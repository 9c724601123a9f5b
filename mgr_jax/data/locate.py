"""Finds prepared datasets; needs neither TFDS nor anything else that is slow to import."""

import os
from pathlib import Path

from mgr_jax.errors import UserError


def default_data_dir() -> Path:
    """Where TFDS keeps datasets: $TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def find_dataset(dataset: str, *, sample_rate: int, data_dir: Path | None = None) -> Path:
    """Finds a prepared dataset.

    Args:
      dataset: `builder/name`, such as rendered/demo or audio_folder/my_music.
      sample_rate: of the stored audio in Hz; 0 for a feature_array.
      data_dir: the TFDS folder; see `default_data_dir`.

    Raises:
      UserError: it is not there, with the command that makes it.
    """
    data_dir = data_dir or default_data_dir()
    folder = data_dir / (f"{dataset}_{sample_rate}" if sample_rate else dataset)
    versions = sorted(folder.glob("*/dataset_info.json"))
    if versions:
        return versions[-1].parent
    plain, _, rate = dataset.rpartition("_")
    if sample_rate and (data_dir / dataset).is_dir() and rate.isdecimal():
        raise UserError(
            f"dataset {dataset} is named by its folder; the name is {plain} and the sample rate "
            f"{rate}"
        )
    if sample_rate and (data_dir / dataset).is_dir():
        raise UserError(
            f"dataset {dataset} holds features, which have no sample rate; set config.sample_rate=0"
        )
    others = sorted(
        str(info.parent.parent.relative_to(data_dir))
        for info in data_dir.glob("*/*/*/protocol.json")
    )
    kind = dataset.split("/")[0]
    flags = {
        "rendered": f"--dataset={dataset}",
        "audio_folder": "--dataset=audio_folder --manual_dir=DIR",
        "feature_array": "--dataset=feature_array --features=FILE",
    }.get(kind, f"--dataset={dataset} --manual_dir=DIR")
    raise UserError(
        f"dataset {dataset}{f' at {sample_rate} Hz' if sample_rate else ''} is not in {data_dir} "
        f"({'there are ' + ', '.join(others) if others else 'which holds none'}); make it with: "
        f"mgr-jax prepare_data {flags}" + (f" --sample_rate={sample_rate}" if sample_rate else "")
    )


def find_prepared(dataset: str, *, sample_rate: int, data_dir: str | Path | None = None) -> Path:
    """Finds a prepared dataset, of audio or of features, which need no sample rate.

    Args:
      dataset: see `find_dataset`.
      sample_rate: of the audio in Hz, if it holds audio.
      data_dir: the TFDS folder; see `default_data_dir`.

    Raises:
      UserError: it is not there, with the command that makes it.
    """
    rate = 0 if dataset.startswith("feature_array/") else sample_rate
    folder = Path(data_dir).expanduser() if data_dir else None
    return find_dataset(dataset, sample_rate=rate, data_dir=folder)
