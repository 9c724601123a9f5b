"""Writes <model>/report/ (or report/<split>/): report.md with tables and pictures of a run.

  mgr-jax report --model=runs/a --compare=runs/svm,runs/b
  mgr-jax report frontends --audio=song.mp3 --start=30 --seconds=10 --out=song

The first draws what `evaluate` and `baselines` stored; it computes no prediction. The second draws
a clip as every front end sees it, and as every augmentation changes it.
"""

from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.cli import gallery
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.runs.scored import define_aggregation_flag, find_runs, load_run


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("model", None, "Work directory of a run.", flag_values=flags)
    absl_flags.DEFINE_string("split", "test", "An evaluated split.", flag_values=flags)
    absl_flags.DEFINE_list("compare", [], "Further evaluated runs.", flag_values=flags)
    define_aggregation_flag(flags, None)
    gallery.define_flags(flags)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Writes the report and prints its summary."""
    if args == ["frontends"]:
        gallery.main(flags)
        return
    if args:
        raise unknown_name("report", " ".join(args), ["frontends"])
    if flags.audio:
        raise UserError("--audio belongs to mgr-jax report frontends; add that word")
    if not flags.model:
        raise UserError("give --model, the work directory of an evaluated run, such as runs/a")
    from mgr_jax.evaluation import (
        AGGREGATIONS,
        confusion_matrix,
        per_class,
        reliability,
        same_tracks,
    )
    from mgr_jax.reports import write_report

    workdir = Path(flags.model).expanduser()
    paths = [workdir, *find_runs(flags.compare, flags.split)]
    runs = [load_run(path, flags.split, flags.aggregation) for path in paths]
    result, tracks = runs[0].result, runs[0].tracks
    for run in runs[1:]:
        if not same_tracks(tracks, run.tracks):
            raise UserError(
                f"{workdir} and {run.path} were not scored on the same tracks and classes; "
                "evaluate both on one dataset, or use mgr-jax compare, which shows both"
            )
    names = [run.system for run in runs]
    rows = [
        {
            "system": f"{name} ({run.path.name})" if names.count(name) > 1 else name,
            **run.result["track"],
        }
        for name, run in zip(names, runs, strict=True)
    ]
    if majority := result.get("majority"):
        rows.append({"system": f"majority class ({majority['class']})", **majority["track"]})
    single = tracks.task == "single_label"
    probable = not runs[0].segments.only_decisions
    try:
        path = write_report(
            workdir / "report" / ("" if flags.split == "test" else flags.split),
            title=f"{runs[0].system}: {flags.split} tracks",
            summary_rows=rows,
            matrix=confusion_matrix(tracks) if single else None,
            classes=tracks.classes,
            per_class_rows=per_class(tracks),
            reliability=reliability(tracks.label, tracks.probabilities) if probable else None,
            history=_history(workdir / "metrics.jsonl"),
            notes=[
                f"{run.system}: {run.result['protocol']}; {run.result['tracks']} tracks by "
                f"{AGGREGATIONS[run.result['aggregation']]}, {100 * run.result['confidence']:g} % "
                "bootstrap intervals over tracks."
                for run in runs
            ],
        )
    except ImportError as error:
        raise UserError(str(error)) from error
    name = "accuracy" if single else "average_precision"
    print(f"{flags.split} tracks, {name} with {100 * result['confidence']:g} % interval:")
    for row in rows:
        value, low, high = ("n/a" if x is None else f"{x:.3f}" for x in row[name])
        print(f"  {row['system']:<32} {value} [{low}, {high}]")
    print(f"Wrote {path}")


def _history(path: Path):
    """Curves of the training log: (steps, values by name), None without a log."""
    if not path.is_file():
        return None
    from mgr_jax.training.summary import read_metrics

    rows = read_metrics(path)
    names = (
        "train/loss",
        "train/accuracy",
        "validation/track/log_loss",
        "validation/track/accuracy",
    )
    steps = sorted({row["step"] for row in rows})
    series = {name: [float("nan")] * len(steps) for name in names if any(name in r for r in rows)}
    for row in rows:
        for name in series:
            if row.get(name) is not None:
                series[name][steps.index(row["step"])] = row[name]
    return (steps, series) if series else None
