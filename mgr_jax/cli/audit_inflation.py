r"""Measure how much a leak raises the scores of a model.

  mgr-jax audit inflation --table=features_3_sec.csv --artists=artists.csv \
    --classifiers=svm,mlp1
  mgr-jax audit inflation --config=demo:data=audio_folder/music

Scores the same models by artist, by track and by row, and shows with intervals how much each leak
adds. The models are baselines on a dataset or a table, or the network of a config, which is trained
once for each fold of the three protocols. Writes inflation.md, inflation.json and the networks to
--out.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "data"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.config()
    flags.text("dataset", None, "For baselines: a prepared dataset, by its name in prepare_data.")
    flags.integer("sample_rate", None, "Rate of a dataset of audio, in Hz; 22050 unless given.")
    flags.path("data_dir", None, "TFDS folder.")
    flags.path("table", None, "For baselines: a file of features.")
    flags.path("tracks", None, "--table: FMA's tracks.csv or fma_metadata.zip.")
    flags.text("subset", None, "--table of FMA: small, medium, large, full.")
    flags.path("artists", None, "An index of artists, as in mgr-jax baselines.")
    flags.names("classifiers", None, "Baselines, as in mgr-jax baselines; svm unless given.")
    flags.text("features", None, "Features of audio, as in mgr-jax baselines.")
    flags.number("seconds", None, "Length of segments; unless given, whole tracks or rows.", 0)
    flags.integer("components", None, "Components of random_projection; 256 unless given.", least=1)
    flags.integer("workers", None, "Decoding processes.", least=0)
    flags.text("metric", None, "accuracy, or average_precision of tags, unless given.")
    flags.integer("folds", 5, "Number of folds.", least=2)
    flags.integer("seeds", 1, "Number of repetitions, each with another seed.", least=1)
    flags.path("out", "audit", "Folder to write to.")
    flags.switch("progress", True, "Show bars.")


def main(flags: Flags, args: list[str]) -> None:
    """Measures, writes and prints by how much scores are too high."""
    config = flags.require_config() if flags["config"].present else None
    examples = flags.given("dataset", "table", "sample_rate", "data_dir", "tracks", "subset")
    features = flags.given("artists", "features", "seconds", "components", "workers")
    how = flags.given("classifiers", "metric", "folds", "seeds", "progress")
    inflation = mgr_jax.measure_inflation(config, flags.out, **how, **examples, **features)
    say(f"{inflation}\nWrote {inflation.save(flags.out)}")
