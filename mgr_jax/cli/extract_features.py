r"""Compute tables of hand-made features.

  mgr-jax extract_features --features=gtzan57 --audio=genres_original \
    --out=features_30_sec.csv
  mgr-jax extract_features --features=gtzan57 --audio=genres_original \
    --seconds=3 --out=3_sec.csv
  mgr-jax extract_features --features=fma518 --corrected \
    --dataset=rendered/demo --sample_rate=22050 --out=table.parquet

gtzan57 has the columns of Kaggle's GTZAN tables; leave out --seconds to make the table of "30 s",
which is of whole clips. fma518 has the columns of FMA's features.csv, which was published for whole
tracks, not for clips. mfcc_statistics has means and deviations of 20 MFCCs and of their
differences. After an interruption the same command resumes; FILE.skipped.json lists the files that
could not be used. baselines, prepare_data --dataset=feature_array, predict and evaluate read the
table.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "data"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("features", None, "gtzan57, fma518 or mfcc_statistics.")
    flags.path("audio", None, "Folder of audio files, with a folder per genre or FMA's layout.")
    flags.text("dataset", None, "A prepared dataset, instead of --audio.")
    flags.integer(
        "sample_rate", None, "In Hz; unless given 22050, or for fma518 the file's own.", least=1
    )
    flags.path("data_dir", None, "TFDS folder.")
    flags.number("seconds", 0.0, "A row per segment of this length; 0: a row per track.", 0)
    flags.switch("corrected", False, "fma518: with the true sample rate, not always 22050 Hz.")
    flags.path("out", None, "The table, .csv or .parquet.")
    flags.limits()
    flags.integer("workers", None, "Processes; one per CPU unless given.", 0)


def main(flags: Flags, args: list[str]) -> None:
    """Computes the table and says where it is."""
    flags.require(features="gtzan57, fma518 or mfcc_statistics", out="the table to write")
    table = mgr_jax.extract_table(
        **flags.given("features", "out", "audio", "dataset", "sample_rate", "data_dir"),
        **flags.given("seconds", "corrected", "workers", "limits"),
    )
    say(table)
