r"""Score classical models on hand-made features.

  mgr-jax baselines --dataset=rendered/demo --sample_rate=12000 \
    --workdir=runs/svm
  mgr-jax baselines --table=features_30_sec.csv --protocol=fault_filtered \
    --classifiers=all --seeds=10 --workdir=runs/gtzan
  mgr-jax baselines --table=fma_metadata.zip --subset=medium \
    --protocol=official --classifiers=fma --feature_sets=fma \
    --workdir=runs/fma

Classifiers: svm (settings chosen within the training part, calibrated), lr, knn, svc_rbf,
svc_poly1, svc_linear, linear_svc, dt, rf, ada, mlp1, mlp2, nb, qda (these thirteen are `fma`, with
its settings), lda, gradient_boosting, lr_c01, svm_rbf_c100, majority; or `all`. Features of audio:
mfcc_statistics (default), gtzan57, fma518 (corrected), random_projection; of arrays: bin_statistics
(default), random_projection. Feature sets of a table: features such as mfcc or mfcc+zcr; all of
them together; single, each on its own; fma, the 18 sets of FMA's table.

Fixed protocols (dataset, official, fault_filtered) fit on the training part and score --split.
With stratified_kfold, artist_kfold and row_random, a model of the other folds scores each fold.
--aggregation=features averages the features of a track before fitting.

Writes <workdir>/<feature set>/<classifier>/predictions/, which `compare` and `report` read, and
baselines.md and .csv; with one feature set and one classifier <workdir>/predictions/ only. The same
command again fits only what is missing.
"""

import mgr_jax
from mgr_jax.cli._console import say
from mgr_jax.cli._flags import Flags

GROUP = "train"


def define_flags(flags: Flags) -> None:
    """Defines this command's flags."""
    flags.text("dataset", None, "A prepared dataset of audio or arrays, as prepare_data names it.")
    flags.integer("sample_rate", 22_050, "Sample rate of the dataset, in Hz.", 0)
    flags.path("data_dir", None, "TFDS folder.")
    flags.path("table", None, "Or a file: .csv, .parquet or .npz, or fma_metadata.zip.")
    flags.path("tracks", None, "FMA's tracks.csv, or the zip or folder that holds it.")
    flags.text("subset", None, "With FMA's tracks: small, medium, large or full.")
    flags.path("artists", None, "A CSV index of artists (track, artist), or GTZAN's index.txt.")
    flags.text("features", None, "See above.")
    flags.number("seconds", 0.0, "Length of segments; 0: whole tracks.", 0)
    flags.integer("components", 256, "Components of random_projection.", 1)
    flags.names("classifiers", ["svm"], "See above.")
    flags.names("feature_sets", ["all"], "See above.")
    flags.text("protocol", "dataset", "See above.")
    flags.integer("folds", 5, "Number of folds, if the protocol has folds.", 2)
    flags.integer("parts", 2, "3: leave one more fold out of fitting, as for networks.", 2)
    flags.integer("seeds", 1, "Repetitions, with seeds 0, 1, … of folds and classifiers.", 1)
    flags.text("split", "", "For a fixed protocol; unless given test, else validation.")
    flags.aggregation("probabilities")
    flags.switch("i_know_this_leaks", False, "Needed for --protocol=row_random.")
    flags.integer("workers", None, "Processes; unless given, one per CPU if it is worth it.", 0)
    flags.path("workdir", None, "Folder to write to.")


def main(flags: Flags, args: list[str]) -> None:
    """Fits and scores every classifier on every feature set."""
    flags.require(workdir="the folder to write to, such as runs/svm")
    scores = mgr_jax.score_baselines(
        **flags.given("dataset", "sample_rate", "data_dir", "table", "tracks", "subset", "artists"),
        **flags.given("features", "seconds", "components", "classifiers", "feature_sets"),
        **flags.given("protocol", "folds", "parts", "seeds", "split", "aggregation"),
        **flags.given("i_know_this_leaks", "workers", "workdir"),
    )
    say(scores)
