"""Finds prepared datasets; needs neither TFDS nor anything else that is slow to import."""

import os
from pathlib import Path

from mgr_jax.data.datasets import find_datasets, list_datasets
from mgr_jax.errors import UserError


def default_data_dir() -> Path:
    """Where TFDS keeps datasets: $TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()


def find_dataset(dataset: str, *, sample_rate: int, data_dir: str | Path | None = None) -> Path:
    """Finds a prepared dataset.

    Args:
      dataset: `builder/name`, such as rendered/demo or audio_folder/my_music.
      sample_rate: of the stored audio in Hz; 0 for a feature_array.
      data_dir: the TFDS folder; see `default_data_dir`.

    Raises:
      UserError: it is not there, with the command that makes it.
    """
    data_dir = Path(data_dir).expanduser() if data_dir else default_data_dir()
    folder = data_dir / (f"{dataset}_{sample_rate}" if sample_rate else dataset)
    if versions := [info.parent for info in folder.glob("*/dataset_info.json")]:
        return max(versions, key=_version)
    plain, _, rate = dataset.rpartition("_")
    if sample_rate and (data_dir / dataset).is_dir() and rate.isdecimal():
        raise UserError(
            f"dataset {dataset} is named by its folder; the name is {plain} and the sample rate "
            f"{rate}",
            code="dataset.wrong_name",
        )
    if sample_rate and (data_dir / dataset).is_dir():
        raise UserError(
            f"dataset {dataset} holds features, which have no sample rate; set "
            "config.sample_rate=0",
            code="dataset.no_sample_rate",
        )
    others = sorted(
        str(info.parent.parent.relative_to(data_dir))
        for info in data_dir.glob("*/*/*/protocol.json")
    )
    there = f"there are {', '.join(others)}" if others else "which holds none"
    kind = find_datasets().get(dataset.split("/")[0])
    if not kind:
        raise UserError(
            f"dataset {dataset} is not in {data_dir} ({there}), and none that can be prepared; "
            f"those are {', '.join(list_datasets())}",
            code="dataset.unknown",
        )
    told = [repr(dataset if kind.variants else kind.name)]
    if kind.source:
        told.append(f"{kind.source.name}=…")
    if sample_rate and kind.waveforms:
        told.append(f"sample_rate={sample_rate}")
    raise UserError(
        f"dataset {dataset}{f' at {sample_rate} Hz' if sample_rate else ''} is not in {data_dir} "
        f"({there}); make it with "
        f"mgr-jax prepare_data, or mgr_jax.prepare({', '.join(told)})",
        code="dataset.not_prepared",
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
    kind = find_datasets().get(dataset.partition("/")[0])
    rate = 0 if kind and not kind.waveforms else sample_rate
    return find_dataset(dataset, sample_rate=rate, data_dir=data_dir)


def _version(folder: Path) -> list[int]:
    """What versions are ordered by: 1.10.0 comes after 1.9.0."""
    return [int(part) if part.isdecimal() else -1 for part in folder.name.split(".")]
