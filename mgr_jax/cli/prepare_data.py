r"""Builds a dataset: decodes, resamples, splits and stores it through TFDS, with its cache.

  mgr-jax prepare_data --dataset=rendered/demo --sample_rate=12000
  mgr-jax prepare_data --dataset=audio_folder --manual_dir=~/music --split_by=artist
  mgr-jax prepare_data --dataset=gtzan --manual_dir=~/Downloads/gtzan
  mgr-jax prepare_data --dataset=fma/small --manual_dir=~/Downloads/fma
  mgr-jax prepare_data --dataset=feature_array --features=mel.npz --frame_rate=43.07
  mgr-jax prepare_data --dataset=feature_array --features=features_3_sec.csv --frame_rate=0.3333
  mgr-jax prepare_data --dataset=feature_array --features=fma_metadata.zip --subset=medium \
    --splits=given --frame_rate=0.0333

An audio_folder holds <genre>/<file> (mp3, flac, ogg, wav, au) and may hold an index.csv with the
columns path, genre, artist, split; any further column is kept, and can be split by.
"""

import json
import os
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.cli.paths import optional_path
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string(
        "dataset", None, "gtzan, fma/small, audio_folder, feature_array, rendered/demo, …",
        flag_values=flags,
    )  # fmt: skip
    absl_flags.DEFINE_string(
        "manual_dir", None, "audio_folder, gtzan, fma: the folder of files.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "features",
        None,
        "feature_array: an .npz (mel, track), .csv or .parquet file, or fma_metadata.zip.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "tracks", None, "feature_array: FMA's tracks.csv or fma_metadata.zip.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "subset", None, "feature_array, with --tracks: small, medium, large, full.",
        flag_values=flags,
    )  # fmt: skip
    absl_flags.DEFINE_float(
        "frame_rate", None, "feature_array: frames or rows per second.", flag_values=flags
    )
    absl_flags.DEFINE_string("name", None, "What to call the dataset.", flag_values=flags)
    absl_flags.DEFINE_integer("sample_rate", 22_050, "Stored rate in Hz.", flag_values=flags)
    absl_flags.DEFINE_list(
        "split_by",
        [],
        "audio_folder: columns no value of which may stand in two splits. By default the artist "
        "where artists are known, else the track.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "splits",
        "stratified",
        "feature_array: stratified, given (by the file), or GTZAN's fault_filtered or artist.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "artists", None, "gtzan, feature_array: an index of GTZAN's artists.", flag_values=flags
    )
    absl_flags.DEFINE_list(
        "fractions",
        ["0.7", "0.15", "0.15"],
        "Of train, validation, test, where the splits are not published ones.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer("seed", 0, "Of the split.", lower_bound=0, flag_values=flags)
    absl_flags.DEFINE_bool(
        "allow_other_checksum",
        False,
        "fma: use archives that are not the published ones.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string(
        "data_dir", None, "TFDS folder; ~/tensorflow_datasets.", flag_values=flags
    )
    absl_flags.DEFINE_integer(
        "workers", os.cpu_count(), "Decoding processes.", lower_bound=0, flag_values=flags
    )
    absl_flags.DEFINE_bool("overwrite", False, "Build again what is there.", flag_values=flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Prepares the dataset and says how to use it."""
    from mgr_jax.data.cache import open_tracks
    from mgr_jax.data.locate import default_data_dir
    from mgr_jax.data.prepare import list_datasets, prepare

    if args or not flags.dataset:
        raise UserError(f"give --dataset, one of: {', '.join(list_datasets())}")
    try:
        train, validation, test = map(float, flags.fractions)
    except ValueError:
        raise UserError(
            f"--fractions={','.join(flags.fractions)} must be three numbers, like 0.7,0.15,0.15"
        ) from None
    if flags.dataset == "feature_array" and flags.frame_rate is None:
        raise UserError(
            "feature_array needs --frame_rate, frames per second: sample rate / hop length, or for "
            "rows of 30 s 0.0333"
        )
    data_dir = Path(flags.data_dir or default_data_dir()).expanduser()
    folder = prepare(
        flags.dataset,
        sample_rate=flags.sample_rate,
        data_dir=data_dir,
        overwrite=flags.overwrite,
        num_workers=flags.workers,
        manual_dir=optional_path(flags.manual_dir),
        features=optional_path(flags.features),
        tracks=optional_path(flags.tracks),
        subset=flags.subset,
        artists=optional_path(flags.artists),
        name=flags.name,
        split_by=tuple(flags.split_by),
        splits=flags.splits,
        fractions=(train, validation, test),
        seed=flags.seed,
        frame_rate=1.0 if flags.frame_rate is None else flags.frame_rate,
        allow_other_checksum=flags.allow_other_checksum,
    )
    protocol = json.loads((folder / "protocol.json").read_text())
    for split in protocol["tracks"]:
        open_tracks(folder, split)

    counts = ", ".join(f"{sum(n.values())} {split}" for split, n in protocol["tracks"].items())
    skipped = len(json.loads((folder / "skipped.json").read_text()))
    rate = 0 if protocol["format"]["kind"] == "features" else flags.sample_rate
    name = str(folder.parent.relative_to(data_dir))
    if rate:
        name = name.removesuffix(f"_{rate}")
    print(
        f"Prepared {folder}: {len(protocol['classes'])} classes, {counts} tracks "
        f"({skipped} skipped), {'- and '.join(protocol['split_by'])}-disjoint."
    )
    print(f"Train with: --config.dataset={name} --config.sample_rate={rate}")
