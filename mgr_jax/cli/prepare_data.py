"""Builds a dataset: decodes, resamples, splits and stores it through TFDS, with its cache.

  mgr-jax prepare_data --dataset=rendered/demo --sample_rate=12000
  mgr-jax prepare_data --dataset=audio_folder --manual_dir=~/music --split_by=artist

An audio_folder holds <genre>/<file> (mp3, flac, ogg, wav, au) and may hold an index.csv with the
columns path, genre, artist, split; any further column is kept, and can be split by.
"""

import json
import os
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("dataset", None, "audio_folder, rendered/demo, …", flag_values=flags)
    absl_flags.DEFINE_string(
        "manual_dir", None, "audio_folder: the folder of genres.", flag_values=flags
    )
    absl_flags.DEFINE_string("name", None, "audio_folder: what to call it.", flag_values=flags)
    absl_flags.DEFINE_integer("sample_rate", 22_050, "Stored rate in Hz.", flag_values=flags)
    absl_flags.DEFINE_list(
        "split_by",
        [],
        "audio_folder: columns no value of which may stand in two splits. By default the artist "
        "where artists are known, else the track.",
        flag_values=flags,
    )
    absl_flags.DEFINE_list(
        "fractions",
        ["0.7", "0.15", "0.15"],
        "audio_folder: train, validation, test.",
        flag_values=flags,
    )
    absl_flags.DEFINE_integer(
        "seed", 0, "audio_folder: of the split.", lower_bound=0, flag_values=flags
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
    from mgr_jax.data.cache import open_waveforms
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
    manual_dir = Path(flags.manual_dir).expanduser() if flags.manual_dir else None
    data_dir = Path(flags.data_dir or default_data_dir()).expanduser()
    folder = prepare(
        flags.dataset,
        sample_rate=flags.sample_rate,
        data_dir=data_dir,
        manual_dir=manual_dir,
        name=flags.name,
        split_by=tuple(flags.split_by),
        fractions=(train, validation, test),
        seed=flags.seed,
        overwrite=flags.overwrite,
        num_workers=flags.workers,
    )
    protocol = json.loads((folder / "protocol.json").read_text())
    for split in protocol["tracks"]:
        open_waveforms(folder, split)

    counts = ", ".join(f"{sum(n.values())} {split}" for split, n in protocol["tracks"].items())
    skipped = len(json.loads((folder / "skipped.json").read_text()))
    name = str(folder.parent.relative_to(data_dir)).removesuffix(f"_{flags.sample_rate}")
    print(
        f"Prepared {folder}: {len(protocol['classes'])} classes, {counts} tracks "
        f"({skipped} skipped), {'- and '.join(protocol['split_by'])}-disjoint."
    )
    print(f"Train with: --config.dataset={name} --config.sample_rate={flags.sample_rate}")
