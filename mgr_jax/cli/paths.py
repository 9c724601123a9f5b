"""Paths that flags give; shared by commands."""

from pathlib import Path

from mgr_jax.data.locate import find_dataset


def optional_path(text: str | None) -> Path | None:
    """The path that a flag gives, ~ being the home folder; None without one."""
    return Path(text).expanduser() if text else None


def find_prepared(dataset: str, *, sample_rate: int, data_dir: str | None) -> Path:
    """The folder of a prepared dataset; features need no sample rate. See `find_dataset`."""
    rate = 0 if dataset.startswith("feature_array/") else sample_rate
    return find_dataset(dataset, sample_rate=rate, data_dir=optional_path(data_dir))
