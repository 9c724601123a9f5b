"""Finds prepared datasets; needs neither TFDS nor any other slow import."""

import os
from collections.abc import Iterator
from glob import escape
from itertools import chain
from pathlib import Path

from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.data.datasets import RATE, find_datasets, list_datasets
from mgr_jax.errors import UserError
from mgr_jax.files import expand

_LONGEST_NAME, _LONGEST_PATH = 240, 3800  # bytes, with room for a rate, a version and a file
_FILES = ("dataset_info.json", "protocol.json")  # a damaged dataset still has at least one of these
_TABLES = (".csv", ".npz", ".parquet", ".zip")


def default_data_dir() -> Path:
    """The folder where TFDS keeps datasets: $TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return expand(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets"))


def find_dataset(dataset: str, *, sample_rate: int, data_dir: str | Path | None = None) -> Path:
    """Finds a prepared dataset.

    Args:
      dataset: `builder/name`, such as rendered/demo or audio_folder/my_music; or the path of its
        folder, with or without the rate and the version at its end.
      sample_rate: rate of the stored audio in Hz; 0 for a feature_array.
      data_dir: the TFDS folder; see `default_data_dir`. A path needs none.

    Returns:
      The folder of the dataset.

    Raises:
      UserError: it does not exist (the message gives the command that makes it), or has another
        rate.
    """
    sample_rate = RATE.read(sample_rate)
    _require_possible(dataset)
    if _is_path(dataset):
        folder = _find_path(dataset, sample_rate)
        _require_rate(folder, dataset, sample_rate)
        return folder
    if not dataset:
        raise UserError(
            "the name of the dataset is empty; give <builder>/<name>, such as rendered/demo",
            code="dataset.wrong_name",
        )
    data_dir = expand(data_dir) if data_dir else default_data_dir()
    folder = data_dir / (f"{dataset}_{sample_rate}" if sample_rate else dataset)
    if versions := _versions(folder):
        return max(versions, key=_version)
    plain, _, rate = dataset.rpartition("_")
    if sample_rate and (data_dir / dataset).is_dir() and rate.isdecimal():
        raise UserError(
            f"dataset {dataset} is named by its folder; the name is {plain} and the sample rate "
            f"{rate}",
            code="dataset.wrong_name",
        )
    builder, _, name = dataset.partition("/")
    kind = find_datasets().get(builder)
    stores_features = kind is not None and not kind.waveforms
    if sample_rate and name and stores_features and (data_dir / dataset).is_dir():
        raise UserError(
            f"dataset {dataset} holds features, which have no sample rate; set "
            "config.sample_rate=0",
            code="dataset.no_sample_rate",
        )
    others = _names_in(data_dir)
    there = f"there are {', '.join(others)}" if others else "which holds none"
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
    """Finds a prepared dataset of audio or of features; features need no sample rate.

    Args:
      dataset: see `find_dataset`.
      sample_rate: rate of the audio in Hz, if it holds audio.
      data_dir: the TFDS folder; see `default_data_dir`.

    Returns:
      The folder of the dataset.

    Raises:
      UserError: see `find_dataset`.
    """
    sample_rate = RATE.read(sample_rate)
    _require_possible(dataset)
    if _is_path(dataset):
        folder = _find_path(dataset, sample_rate)
        if _rate(folder):
            _require_rate(folder, dataset, sample_rate)
        return folder
    kind = find_datasets().get(dataset.partition("/")[0])
    rate = 0 if kind and not kind.waveforms else sample_rate
    return find_dataset(dataset, sample_rate=rate, data_dir=data_dir)


def without_path(dataset: str, *, sample_rate: int, data_dir: str) -> tuple[str, str]:
    """A dataset and its TFDS folder, by name if it was given by its path.

    So a run's record names its training data as others can, and the data may move.

    Args:
      dataset: see `find_dataset`.
      sample_rate: see `find_dataset`.
      data_dir: see `find_dataset`.

    Raises:
      UserError: see `find_dataset`.
    """
    if not _is_path(dataset):
        return dataset, data_dir
    folder = find_dataset(dataset, sample_rate=sample_rate).absolute()
    name = folder.parent.name.removesuffix(f"_{sample_rate}")
    place = folder.parent.parent.parent
    named = f"{folder.parent.parent.name}/{name}"
    expected = place / (f"{named}_{sample_rate}" if sample_rate else named) / folder.name
    return (named, str(place)) if expected == folder else (str(folder), data_dir)


def _require_possible(dataset: str) -> None:
    """Raises a UserError if no folder can have this name."""
    longest = max((len(os.fsencode(part)) for part in dataset.split("/")), default=0)
    if longest > _LONGEST_NAME or len(os.fsencode(dataset)) > _LONGEST_PATH or "\0" in dataset:
        raise UserError(
            f"the dataset '{dataset[:40]}…' is named by {len(dataset)} characters that no folder "
            "can be called; give <builder>/<name>, such as rendered/demo",
            code="dataset.wrong_name",
        )


def _is_path(dataset: str) -> bool:
    return dataset.startswith(("/", "~", ".")) or dataset.count("/") > 1


def _find_path(dataset: str, sample_rate: int) -> Path:
    """The folder of a dataset that is given by its path."""
    path = expand(dataset).absolute()
    if any((path / name).is_file() for name in _FILES):
        return path
    for folder in (path, path.parent / f"{path.name}_{sample_rate}"):
        if versions := _versions(folder):
            return max(versions, key=_version)
    what = "not there" if not path.exists() else "no prepared dataset"
    advice = "give one by its name, <builder>/<name>, such as audio_folder/music"
    rates = list(_below(path.parent, f"{escape(path.name)}_*/*/dataset_info.json"))
    if rates and path.name:
        found = ", ".join(sorted({str(info.parent.parent) for info in rates}))
        what = f"not there at {sample_rate} Hz"
        advice = f"there is {found}: give its sample rate (config.sample_rate)"
    elif others := _names_in(path):
        what = "a folder of datasets"
        advice = f"give it as data_dir, and one of those in it as the dataset: {', '.join(others)}"
    elif path.is_dir() and _holds_audio(path):
        what = "a folder of audio"
        advice = (
            f"prepare it first (mgr-jax prepare_data, or mgr_jax.prepare('audio_folder', "
            f"manual_dir={str(path)!r})), then give audio_folder/{path.name}"
        )
    elif path.suffix.lower() in _TABLES and path.is_file():
        what = "a file"
        advice = (
            f"prepare the features in it first (mgr-jax prepare_data, or "
            f"mgr_jax.prepare('feature_array', features={str(path)!r}, frame_rate=…)), then give "
            f"feature_array/{path.stem}"
        )
    elif others := _names_in(default_data_dir()):
        advice += f"; in {default_data_dir()} there are {', '.join(others)}"
    raise UserError(f"the dataset {dataset} is {what}; {advice}", code="dataset.wrong_path")


def _versions(folder: Path) -> set[Path]:
    """The folders of a dataset's versions."""
    return {file.parent for name in _FILES for file in folder.glob(f"*/{name}")}


def _holds_audio(folder: Path) -> bool:
    """Whether a folder or one of its subfolders holds an audio file; does not look deeper."""
    files = chain(_below(folder, "*"), _below(folder, "*/*"))
    return any(file.suffix.lower() in AUDIO_SUFFIXES for file in files)


def _below(folder: Path, pattern: str) -> Iterator[Path]:
    """The contents of a folder, as far as it can be read."""
    if folder.parent == folder:
        return
    try:
        yield from folder.glob(pattern)
    except OSError:  # it may be unreadable, or was removed meanwhile
        return


def _names_in(data_dir: Path) -> list[str]:
    """The prepared datasets of a TFDS folder: names with rates, as users give them."""
    folders = {info.parent.parent for info in _below(data_dir, "*/*/*/protocol.json")}
    return sorted(_called(folder.relative_to(data_dir).as_posix()) for folder in folders)


def _called(folder: str) -> str:
    name, _, rate = folder.rpartition("_")
    return f"{name} at {rate} Hz" if name and rate.isdecimal() and int(rate) >= 1000 else folder


def _rate(folder: Path) -> int:
    """Sample rate of a prepared dataset's audio in Hz; 0 for features."""
    from mgr_jax.data.prepared import read_account  # imports NumPy

    stored = read_account(folder)["format"]
    return int(stored["rate"]) if stored["kind"] == "waveform" else 0


def _require_rate(folder: Path, dataset: str, sample_rate: int) -> None:
    if (rate := _rate(folder)) != sample_rate:
        what = f"audio at {rate} Hz" if rate else "features, which have no sample rate"
        raise UserError(
            f"the dataset {dataset} holds {what}, not audio at {sample_rate} Hz; set the sample "
            f"rate (config.sample_rate) to {rate}",
            code="dataset.other_rate",
        )


def _version(folder: Path) -> list[int]:
    """A sort key of versions: 1.10.0 comes after 1.9.0."""
    return [int(part) if part.isdecimal() else -1 for part in folder.name.split(".")]
