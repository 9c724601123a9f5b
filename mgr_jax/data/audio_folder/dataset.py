"""The options of a folder of audio files."""

from pathlib import Path

from mgr_jax.data.datasets import FRACTIONS, NAME, SEED, Dataset, Option

DATASET = Dataset(
    name="audio_folder",
    source=Option("manual_dir", Path, None, "the folder that holds your genre folders"),
    options=(
        NAME,
        Option(
            "split_by",
            str,
            (),
            "columns whose values stay in one split; by default the artist if artists are known, "
            "else the track",
            in_name="_by_{}",
        ),
        FRACTIONS,
        SEED,
    ),
)
