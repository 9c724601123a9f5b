r"""Computes tables of hand-made features, with the columns of the published ones.

  mgr-jax extract_features --features=gtzan57 --audio=genres_original --out=features_30_sec.csv
  mgr-jax extract_features --features=gtzan57 --audio=genres_original --seconds=3 --out=3_sec.csv
  mgr-jax extract_features --features=fma518 --audio=fma_medium --out=features.csv
  mgr-jax extract_features --features=fma518 --corrected --dataset=rendered/demo \
    --sample_rate=22050 --out=table.parquet

gtzan57 are the columns of Kaggle's GTZAN tables (that of "30 s" is of whole clips, a bit longer, so
without --seconds), fma518 those of FMA's features.csv (published for the whole tracks, not for the
clips), mfcc_statistics means and deviations of 20 MFCCs and of their differences. The same command
goes on after an interruption; FILE.skipped.json lists what could not be used. The table is read by
prepare_data --dataset=feature_array, predict and evaluate.
"""

import os
import sys
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string(
        "features", None, "gtzan57, fma518 or mfcc_statistics.", flag_values=flags
    )
    absl_flags.DEFINE_string(
        "audio",
        None,
        "Folder of audio files, in a folder per genre or as FMA's.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string("dataset", None, "Or a prepared dataset.", flag_values=flags)
    absl_flags.DEFINE_integer(
        "sample_rate",
        None,
        "In Hz. Files: 22050, for fma518 that of each file; dataset: its rate, 22050.",
        lower_bound=1,
        flag_values=flags,
    )
    absl_flags.DEFINE_string("data_dir", None, "TFDS folder.", flag_values=flags)
    absl_flags.DEFINE_float(
        "seconds",
        0.0,
        "A row per segment of this length, such as 30, 10 or 3; 0: a row per track.",
        lower_bound=0.0,
        flag_values=flags,
    )
    absl_flags.DEFINE_bool(
        "corrected",
        False,
        "fma518: with the true sample rate, where FMA's own code takes 22050 Hz for granted.",
        flag_values=flags,
    )
    absl_flags.DEFINE_string("out", None, "The table, .csv or .parquet.", flag_values=flags)
    absl_flags.DEFINE_integer(
        "workers", os.cpu_count(), "Processes.", lower_bound=0, flag_values=flags
    )


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Computes the table and says where it is."""
    if args or not flags.features or not flags.out or bool(flags.audio) == bool(flags.dataset):
        raise UserError(
            "give --features, --out and one of --audio and --dataset: mgr-jax extract_features "
            "--features=gtzan57 --audio=genres --out=table.csv"
        )
    if flags.features == "fma518" and flags.dataset and not flags.corrected:
        raise UserError(
            "fma518 as FMA computed it needs the files at their own rate; give --audio, or add "
            "--corrected for a prepared dataset"
        )
    from mgr_jax import __version__
    from mgr_jax.cli.paths import find_prepared
    from mgr_jax.features.extract import extract, find_recipe
    from mgr_jax.features.write import check_path
    from mgr_jax.runs.extraction_sources import dataset_sources, folder_sources

    out = Path(flags.out).expanduser()
    check_path(out)  # before the work, not after it
    recipe = find_recipe(flags.features, corrected=flags.corrected)
    sample_rate = flags.sample_rate or recipe.sample_rate
    if flags.dataset:
        sample_rate = flags.sample_rate or 22_050
        origin = find_prepared(flags.dataset, sample_rate=sample_rate, data_dir=flags.data_dir)
        sources = dataset_sources(origin)
    else:
        origin = Path(flags.audio).expanduser()
        sources = folder_sources(origin, sample_rate)
    settings = {
        "features": flags.features,
        "corrected": flags.corrected,
        "source": str(origin.absolute()),
        "sample_rate": sample_rate,
        "version": __version__,
    }
    rows, skipped = extract(
        sources, recipe, out, settings=settings, seconds=flags.seconds, workers=flags.workers
    )
    for reason in list(skipped.values())[:10]:
        print(reason, file=sys.stderr)
    print(
        f"Wrote {out}: {rows} rows of {len(sources) - len(skipped)} tracks, {len(recipe.columns)} "
        f"features each ({len(skipped)} tracks skipped, {out.name}.skipped.json lists them)."
    )
