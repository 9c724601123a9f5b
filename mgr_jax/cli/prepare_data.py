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

import os
from collections import defaultdict
from typing import Any

from absl import flags as absl_flags

from mgr_jax.data.datasets import Option, find_datasets, list_datasets
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags; what a dataset takes follows from its record."""
    del argv
    where: dict[str, Any] = {"flag_values": flags}
    absl_flags.DEFINE_string("dataset", None, f"One of {', '.join(list_datasets())}.", **where)
    options: dict[str, Option] = {}
    help_of: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for dataset in find_datasets().values():
        for option in dataset.all_options():
            options[option.name] = option
            help_of[option.name][option.help].append(dataset.name)
    for name, option in options.items():
        text = "; ".join(f"{', '.join(those)}: {told}" for told, those in help_of[name].items())
        many = isinstance(option.default, tuple)
        default = ",".join(map(str, option.default)) if many else option.default
        if default not in (None, "") and not option.asked and option.type is not bool:
            text += f" ({default})"
        define = absl_flags.DEFINE_bool if option.type is bool else absl_flags.DEFINE_string
        (absl_flags.DEFINE_list if many else define)(name, None, f"{text}.", **where)
    absl_flags.DEFINE_integer("sample_rate", 22_050, "Stored rate in Hz.", **where)
    absl_flags.DEFINE_string("data_dir", None, "TFDS folder; ~/tensorflow_datasets.", **where)
    absl_flags.DEFINE_integer(
        "workers", os.cpu_count(), "Decoding processes.", lower_bound=0, **where
    )
    absl_flags.DEFINE_bool("overwrite", False, "Build again what is there.", **where)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Prepares the dataset and says how to use it."""
    if args or not flags.dataset:
        raise UserError(f"give --dataset, one of: {', '.join(list_datasets())}")
    given = {}
    for dataset in find_datasets().values():
        for option in dataset.all_options():
            if (value := flags[option.name].value) is not None:
                given[option.name] = value
            elif option.asked and flags.dataset.split("/")[0] == dataset.name:
                raise UserError(f"{dataset.name} needs --{option.name}, {option.help}")
    from mgr_jax.data.prepare import prepare  # starts TFDS, and a mistake is told before that

    prepared = prepare(
        flags.dataset,
        sample_rate=flags.sample_rate,
        data_dir=flags.data_dir,
        overwrite=flags.overwrite,
        num_workers=flags.workers,
        **given,
    )
    print(f"Prepared {prepared}.")
    print(
        f"Train with: --config.dataset={prepared.name} --config.sample_rate={prepared.sample_rate}"
    )
