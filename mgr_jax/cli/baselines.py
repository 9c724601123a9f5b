r"""Scores classical models on hand-made features, by the same protocols as networks.

  mgr-jax baselines --dataset=rendered/demo --sample_rate=12000 --workdir=runs/svm
  mgr-jax baselines --table=features_30_sec.csv --protocol=fault_filtered --classifiers=all \
    --seeds=10 --workdir=runs/gtzan
  mgr-jax baselines --table=fma_metadata.zip --subset=medium --protocol=official \
    --classifiers=fma --feature_sets=fma --workdir=runs/fma

Classifiers: svm (settings chosen within the training part, calibrated), lr, knn, svc_rbf,
svc_poly1, svc_linear, linear_svc, dt, rf, ada, mlp1, mlp2, nb, qda (these thirteen are `fma`, with
its settings), lda, gradient_boosting, lr_c01, svm_rbf_c100, majority; or `all`.

Fixed protocols (dataset, official, fault_filtered) fit on the training part and score --split.
With stratified_kfold, artist_kfold and row_random every fold is scored by a model of the others.
--aggregation=features averages the features of a track before fitting.

Writes <workdir>/<feature set>/<classifier>/predictions/, which `compare` and `report` read, and
baselines.md and .csv; with one feature set and one classifier <workdir>/predictions/ only. The same
command again only fits what is not there.
"""

from collections.abc import Iterator
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.errors import UserError
from mgr_jax.runs.scored import define_aggregation_flag


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv

    def text(name: str, default: str | None, help: str) -> None:
        absl_flags.DEFINE_string(name, default, help, flag_values=flags)

    def number(name: str, default: int | None, help: str, least: int) -> None:
        absl_flags.DEFINE_integer(name, default, help, lower_bound=least, flag_values=flags)

    text("dataset", None, "A prepared dataset of audio or arrays, as prepare_data names it.")
    number("sample_rate", 22_050, "Of the dataset, in Hz.", 0)
    text("data_dir", None, "TFDS folder.")
    text("table", None, "Instead of a dataset: a .csv, .parquet or .npz file, or fma_metadata.zip.")
    text("tracks", None, "FMA's tracks.csv, or the zip or folder that holds it.")
    text("subset", None, "With FMA's tracks: small, medium, large or full.")
    text("artists", None, "A CSV index of artists (track, artist), or GTZAN's index.txt.")
    text(
        "features",
        None,
        "Of audio: mfcc_statistics (default), gtzan57, fma518 (corrected) or random_projection (of "
        "log-mel spectrograms); of arrays: bin_statistics (default) or random_projection.",
    )
    absl_flags.DEFINE_float(
        "seconds", 0.0, "Length of segments; 0: whole tracks.", lower_bound=0, flag_values=flags
    )
    number("components", 256, "Of random_projection.", 1)
    absl_flags.DEFINE_list("classifiers", ["svm"], "See above.", flag_values=flags)
    absl_flags.DEFINE_list(
        "feature_sets",
        ["all"],
        "Columns of a table: features such as mfcc or mfcc+zcr; all of them together; single, each "
        "on its own; fma, the 18 sets of FMA's table.",
        flag_values=flags,
    )
    text("protocol", "dataset", "See above.")
    number("folds", 5, "Of protocols with folds.", 2)
    number("parts", 2, "3: leave one more fold out of fitting, as networks must.", 2)
    number("seeds", 1, "Repeats; seed 0, 1, … decides folds and classifiers.", 1)
    text("split", "", "What a fixed protocol scores; test, or validation without one.")
    define_aggregation_flag(flags, "probabilities")
    absl_flags.DEFINE_bool(
        "i_know_this_leaks", False, "Needed for --protocol=row_random.", flag_values=flags
    )
    number("workers", None, "Processes; default: the cores, if there is much to do.", 0)
    text("workdir", None, "Where to write.")


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Fits and scores every classifier on every feature set."""
    if args or bool(flags.dataset) == bool(flags.table) or not flags.workdir:
        raise UserError(
            "give --workdir and one of --dataset and --table: mgr-jax baselines --dataset=… "
            "--workdir=…"
        )
    workdir = Path(flags.workdir).expanduser()
    if (workdir / "config.json").exists():
        raise UserError(f"{workdir} holds a trained model; choose another --workdir for baselines")
    from mgr_jax.data.parts import is_kfold, require_consent, require_folds

    # Refused before anything slow happens.
    if is_kfold(flags.protocol) and flags.split:
        raise UserError(
            f"--split belongs to fixed protocols; leave it out, as all folds of {flags.protocol} "
            "are scored"
        )
    require_consent(flags.protocol, flags.i_know_this_leaks)
    require_folds(flags.protocol, flags.folds, 0, flags.parts)

    from mgr_jax.baselines.classifiers import choose_classifiers
    from mgr_jax.baselines.feature_sets import select_columns
    from mgr_jax.baselines.jobs import Job, run_jobs
    from mgr_jax.baselines.sources import Wanted, read_examples
    from mgr_jax.baselines.summary import write_tables

    classifiers = choose_classifiers(flags.classifiers)
    scored = flags.split if flags.protocol == "dataset" else None
    examples, source = read_examples(Wanted.by_flags(flags, scored=scored))
    sets = select_columns(flags.feature_sets, examples.columns)
    options = {
        name: flags[name].value
        for name in ("protocol", "folds", "parts", "seeds", "split", "aggregation")
    }
    alone = len(sets) * len(classifiers) == 1
    _require_room(workdir, alone)
    digest = examples.digest()

    def jobs() -> Iterator[Job]:
        for feature_set, columns in sets.items():
            part = examples.with_columns(columns) if examples.columns else examples
            for classifier in classifiers:
                title = "SVM" if classifier == "svm" else classifier
                yield Job(
                    folder=workdir if alone else workdir / feature_set / classifier,
                    examples=part,
                    feature_set=feature_set,
                    classifier=classifier,
                    system=f"{title} on {source if feature_set == 'all' else feature_set}",
                    options=options,
                    digest=digest,
                )

    finished = run_jobs(jobs(), total=len(sets) * len(classifiers), workers=flags.workers)
    if not alone:
        write_tables(workdir, finished, sets, classifiers)


def _require_room(workdir: Path, alone: bool) -> None:
    """Refuses to mix one result at the top with several below it, which the former would hide."""
    single, several = (any(workdir.glob(f"{at}predictions")) for at in ("", "*/*/"))
    if several if alone else single:
        found = "several baselines" if alone else "a single baseline"
        raise UserError(
            f"{workdir} holds {found}, and compare and report find either one or several in a "
            "folder; choose another --workdir, or remove it"
        )
