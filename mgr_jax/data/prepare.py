"""Prepares a dataset through its TFDS builder."""

import contextlib
import dataclasses
import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data.audio_folder.audio_folder_dataset_builder import AudioFolderConfig
from mgr_jax.data.audio_folder.audio_folder_dataset_builder import Builder as AudioFolder
from mgr_jax.data.feature_array.feature_array_dataset_builder import Builder as FeatureArray
from mgr_jax.data.feature_array.feature_array_dataset_builder import FeatureArrayConfig
from mgr_jax.data.fma.fma_dataset_builder import Builder as Fma
from mgr_jax.data.fma.fma_dataset_builder import FmaConfig
from mgr_jax.data.fma.published import SUBSETS
from mgr_jax.data.gtzan.gtzan_dataset_builder import Builder as Gtzan
from mgr_jax.data.gtzan.gtzan_dataset_builder import GtzanConfig
from mgr_jax.data.gtzan.splits import SPLIT_NAMES
from mgr_jax.data.rendered.rendered_dataset_builder import Builder as Rendered
from mgr_jax.data.track_builder import SAMPLE_RATES, TrackBuilder
from mgr_jax.errors import UserError, unknown_name

# What may be said of each kind of dataset.
_TAKES = {
    "rendered": (),
    "audio_folder": ("manual_dir", "name", "split_by", "fractions", "seed"),
    "gtzan": ("manual_dir", "name", "artists", "fractions", "seed"),
    "fma": ("manual_dir", "allow_other_checksum"),
    "feature_array": (
        "features", "name", "tracks", "subset", "splits", "artists", "fractions", "seed",
        "frame_rate",
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Options:
    """What a user may say of a dataset; each kind takes some of it.

    Attributes:
      manual_dir: audio_folder, gtzan, fma: the folder that holds the files.
      features: feature_array: the .npz, .csv or .parquet file, or FMA's metadata.
      tracks: feature_array: FMA's tracks.csv, or the archive or folder that holds it.
      subset: feature_array: which tracks of FMA, see `read_features`.
      name: what to call the dataset, instead of the name that follows from the rest.
      split_by: audio_folder: columns to be disjoint in, see AudioFolderConfig.
      splits: feature_array: how to split, see FeatureArrayConfig.
      artists: gtzan, feature_array: an index of artists.
      fractions: shares of train, validation, test, where the splits are not published ones.
      seed: of the split.
      frame_rate: feature_array: frames per second; with 1, results count frames.
      allow_other_checksum: fma: accept archives that are not the published ones.
    """

    manual_dir: Path | None = None
    features: Path | None = None
    name: str | None = None
    tracks: Path | None = None
    subset: str | None = None
    split_by: tuple[str, ...] = ()
    splits: str = "stratified"
    artists: Path | None = None
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0
    frame_rate: float = 1.0
    allow_other_checksum: bool = False

    def given(self) -> list[str]:
        """Names of the options that differ from their defaults."""
        fields = dataclasses.fields(self)
        return [f.name for f in fields if getattr(self, f.name) != f.default]


def list_datasets() -> list[str]:
    """Names of the datasets that can be prepared, with their variants where they have some."""
    sizes = {config.name.rsplit("_", 1)[0] for config in Rendered.BUILDER_CONFIGS}
    return sorted(
        ["audio_folder", "feature_array"]
        + [f"rendered/{size}" for size in sizes]
        + [f"gtzan/{splits}" for splits in SPLIT_NAMES]
        + [f"fma/{subset}" for subset in SUBSETS]
    )


def prepare(
    dataset: str,
    *,
    data_dir: Path,
    sample_rate: int = 22_050,
    overwrite: bool = False,
    num_workers: int | None = None,
    **options: Any,
) -> Path:
    """Builds a dataset, or finds that it is there already.

    It is built aside and takes its place when it is whole: a failed build leaves nothing behind,
    and what it was to replace stays.

    Args:
      dataset: one of `list_datasets()`; "gtzan" stands for gtzan/fault_filtered.
      data_dir: the TFDS folder that holds all datasets.
      sample_rate: of the stored audio in Hz; not used by a feature_array.
      overwrite: build again.
      num_workers: processes that load; by default one per core, 0 loads in this process.
      **options: see `Options`.

    Returns:
      The folder of the prepared dataset.

    Raises:
      UserError: a dataset, rate or argument that does not exist, bad input, or a dataset of the
        same name made from other files or settings.
    """
    chosen = Options(**options)
    dataset = "gtzan/fault_filtered" if dataset == "gtzan" else dataset
    _check_arguments(dataset, sample_rate, chosen)
    staging = data_dir / ".staging" / str(os.getpid())
    _clear_killed(staging.parent)
    builder = _make_builder(dataset, sample_rate, chosen, str(staging))
    if num_workers is not None:
        builder.num_workers = num_workers
    built = Path(builder.data_dir)
    target = data_dir / built.relative_to(staging)
    try:
        plan = builder.plan(chosen.manual_dir)  # first of all, since it finds most mistakes
        if target.exists() and not overwrite:
            _require_same(plan.account, target)
            return target
        builder.planned = plan
        _build(builder, chosen.manual_dir)
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        built.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with contextlib.suppress(OSError):  # another build is there
            staging.parent.rmdir()
    return target


def _make_builder(dataset: str, sample_rate: int, options: Options, data_dir: str) -> TrackBuilder:
    kind, _, variant = dataset.partition("/")
    name = _plain_name(options.name or variant or _default_name(options))
    given: dict[str, Any] = {field: getattr(options, field) for field in _TAKES[kind]}
    for field in ("name", "manual_dir"):
        given.pop(field, None)
    rated: dict[str, Any] = {"name": f"{name}_{sample_rate}", "sample_rate": sample_rate}
    match kind:
        case "rendered":
            return Rendered(config=rated["name"], data_dir=data_dir)
        case "audio_folder":
            config = AudioFolderConfig(**rated, **given, description="A folder of audio files.")
            return AudioFolder(config=config, data_dir=data_dir)
        case "gtzan":
            config = GtzanConfig(**rated, **given, splits=variant, description="GTZAN.")
            return Gtzan(config=config, data_dir=data_dir)
        case "fma":
            config = FmaConfig(**rated, **given, subset=variant, description=f"FMA {variant}.")
            return Fma(config=config, data_dir=data_dir)
    given["file"] = given.pop("features")
    config = FeatureArrayConfig(name=name, **given, description="A file of feature arrays.")
    return FeatureArray(config=config, data_dir=data_dir)


def _default_name(options: Options) -> str:
    """The file's or the folder's name, the subset, and the columns it is split by."""
    source = options.features.stem if options.features else options.manual_dir.resolve().name  # type: ignore[union-attr]
    if options.subset:
        source += f"_{options.subset}"
    return "_by_".join([source, *filter(None, ["_".join(options.split_by)])])


def _plain_name(name: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", name).strip("-.")
    if not plain:
        raise UserError(f"the dataset name '{name}' has no letters; give another --name")
    return plain


def _clear_killed(folder: Path) -> None:
    """Removes what builds have left whose process is no more."""
    for left in folder.glob("[0-9]*"):
        try:
            os.kill(int(left.name), 0)  # asks whether the process exists
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)
        except PermissionError:
            continue  # it does, and is somebody else's


def _check_arguments(dataset: str, sample_rate: int, options: Options) -> None:
    if dataset not in list_datasets():
        raise unknown_name("dataset", dataset, list_datasets())
    kind = dataset.split("/")[0]
    if kind != "feature_array" and sample_rate not in SAMPLE_RATES:
        raise UserError(
            f"sample rate {sample_rate} is not one that datasets are stored at; "
            f"choose one of {', '.join(map(str, SAMPLE_RATES))}"
        )
    needed = {"rendered": None, "feature_array": "features"}.get(kind, "manual_dir")
    if needed and getattr(options, needed) is None:
        what = {
            "audio_folder": "the folder that holds your genre folders",
            "gtzan": "the folder that holds genres/ or its archive",
            "fma": "the folder that holds fma_metadata and the clips, or their archives",
            "feature_array": "an .npz, .csv or .parquet file",
        }[kind]
        raise UserError(f"{kind} needs --{needed}, {what}")
    if needed == "manual_dir" and options.manual_dir and not options.manual_dir.is_dir():
        raise UserError(
            f"{options.manual_dir} is not a folder; give --manual_dir the folder that holds the "
            "files or archives"
        )
    takes_all = _TAKES[kind]
    if dataset == "gtzan/fault_filtered" or options.splits in ("fault_filtered", "given"):
        takes_all = tuple(name for name in takes_all if name not in ("fractions", "seed"))
    for name in options.given():
        if name not in takes_all:
            takes = ", ".join(f"--{taken}" for taken in takes_all) or "none of these options"
            raise UserError(f"{dataset} has no use for --{name}; leave it out (it takes {takes})")


def _build(builder: TrackBuilder, manual_dir: Path | None) -> None:
    tfds.disable_progress_bar()  # the builder shows a bar of its own, with a total
    options = tfds.download.DownloadConfig(manual_dir=str(manual_dir) if manual_dir else None)
    with contextlib.redirect_stdout(io.StringIO()):  # TFDS's lines on downloads and sizes
        builder.download_and_prepare(file_format="array_record", download_config=options)


def _require_same(protocol: Mapping[str, Any], target: Path) -> None:
    stored = json.loads((target / "protocol.json").read_text())
    for key, value in protocol.items():
        if stored.get(key) != value:
            told = ("split_by", "fractions", "seed", "splits", "frame_rate")
            what = f"{key} = {stored.get(key)}" if key in told else "other files"
            raise UserError(
                f"{target} was prepared from {what}; build it again with --overwrite, or keep "
                "both with another --data_dir"
                + (" or --name" if "name" in _TAKES[target.parent.parent.name] else "")
            )
