r"""Build a dataset: decode, resample, split and store it.

  mgr-jax prepare_data --dataset=rendered/demo --sample_rate=12000
  mgr-jax prepare_data --dataset=audio_folder --manual_dir=~/music \
    --split_by=artist
  mgr-jax prepare_data --dataset=gtzan --manual_dir=~/Downloads/gtzan
  mgr-jax prepare_data --dataset=fma/small --manual_dir=~/Downloads/fma
  mgr-jax prepare_data --dataset=feature_array --features=features_3_sec.csv \
    --frame_rate=0.3333
  mgr-jax prepare_data --dataset=feature_array --features=fma_metadata.zip \
    --subset=medium --splits=given --frame_rate=0.0333

An audio_folder holds <genre>/<file> or <split>/<genre>/<file>, in any format that FFmpeg reads. It
may have an index.csv with the columns path, genre, artist, split. Other columns are kept, and
--split_by may name them.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags
from mgr_jax.data.datasets import list_datasets, list_options, needed_options

GROUP = "data"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags; what a dataset takes follows from its record."""
    flags.text("dataset", None, f"One of {', '.join(list_datasets())}.")
    for option, meaning in list_options().items():
        default = f" ({option.shown_default})" if option.shown_default else ""
        if option.type is bool:
            flags.switch(option.name, None, f"{meaning}.")
        elif isinstance(option.default, tuple):
            flags.names(option.name, None, f"{meaning}{default}.")
        else:
            flags.text(option.name, None, f"{meaning}{default}.")
    flags.integer("sample_rate", 22_050, "Stored rate in Hz.")
    flags.path("data_dir", None, "TFDS folder; unless given ~/tensorflow_datasets.")
    flags.limits()
    flags.integer("workers", None, "Decoding processes; one per CPU unless given.", least=0)
    flags.switch("overwrite", False, "Build the dataset again if it exists.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Prepares the dataset and says how to use it."""
    flags.require(dataset=f"one of {', '.join(list_datasets())}")
    flags.require(**needed_options(flags.dataset))
    given = flags.given(*(option.name for option in list_options()))
    given = {name: value for name, value in given.items() if value is not None}
    how = flags.given("sample_rate", "data_dir", "overwrite", "progress", "limits")
    prepared = mgr_jax.prepare(flags.dataset, num_workers=flags.workers, **how, **given)
    say(f"Prepared {prepared}.")
    rate = f"--config.sample_rate={prepared.sample_rate}"
    say(f"Train with: --config=NAME:data={prepared.name} {rate}")
