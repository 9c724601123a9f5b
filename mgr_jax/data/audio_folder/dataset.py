"""What may be said of a folder of audio files."""

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
            "columns no value of which may stand in two splits; by default the artist where "
            "artists are known, else the track",
            in_name="_by_{}",
        ),
        FRACTIONS,
        SEED,
    ),
)
