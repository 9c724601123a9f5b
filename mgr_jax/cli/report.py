"""Writes <model>/report/ (or report/<split>/): report.md with tables and pictures of a run.

  mgr-jax report --model=runs/a --compare=runs/svm,runs/b
  mgr-jax report frontends --audio=song.mp3 --start=30 --seconds=10 --out=song

The first draws what `evaluate` and `baselines` stored; it computes no prediction. The second draws
a clip as every front end sees it, and as every augmentation changes it.
"""

import json
from pathlib import Path

from absl import flags as absl_flags

from mgr_jax.cli import gallery
from mgr_jax.errors import UserError, unknown_name


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    absl_flags.DEFINE_string("model", None, "Work directory of a run.", flag_values=flags)
    absl_flags.DEFINE_string("split", "test", "An evaluated split.", flag_values=flags)
    absl_flags.DEFINE_list("compare", [], "Further evaluated runs.", flag_values=flags)
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
    from mgr_jax.evaluation import confusion_matrix, per_class
    from mgr_jax.reports import write_report

    workdir = Path(flags.model).expanduser()
    runs = [workdir, *(Path(run).expanduser() for run in flags.compare)]
    results, tables = zip(*(_result(run, flags.split) for run in runs), strict=True)
    result, predictions = results[0], tables[0]
    for run, table in zip(runs[1:], tables[1:], strict=True):
        _require_comparable(workdir, predictions, run, table)
    names = [each["system"] for each in results]
    rows = [
        {"system": f"{name} ({run.name})" if names.count(name) > 1 else name, **each["track"]}
        for name, run, each in zip(names, runs, results, strict=True)
    ]
    if "majority" in result:
        majority = result["majority"]
        rows.append({"system": f"majority class ({majority['class']})", **majority["track"]})
    single = predictions.task == "single_label"
    try:
        path = write_report(
            workdir / "report" / ("" if flags.split == "test" else flags.split),
            title=f"{result['system']}: {flags.split} tracks",
            summary_rows=rows,
            matrix=confusion_matrix(predictions) if single else None,
            classes=predictions.classes,
            per_class_rows=per_class(predictions),
            history=_history(workdir / "metrics.jsonl"),
            notes=[
                f"{each['system']}: {each['protocol']}; {each['tracks']} tracks, "
                f"{100 * each['confidence']:g} % bootstrap intervals over tracks."
                for each in results
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


def _result(workdir: Path, split: str):
    """The stored scores of a run, and its predictions per track."""
    from mgr_jax.evaluation import Predictions

    path = workdir / "predictions" / f"{split}.json"
    if not path.is_file():
        scored = sorted(other.stem for other in path.parent.glob("*.json"))
        raise UserError(
            f"{path} is not there; "
            + (
                f"scored are {', '.join(scored)}: give one of them as --split"
                if scored
                else f"run mgr-jax evaluate --model={workdir} --split={split} first"
            )
        )
    try:
        return json.loads(path.read_text()), Predictions.load(path.with_suffix(".npz")).by_track()
    except ValueError as error:
        raise UserError(f"{error}; evaluate {workdir} again") from error


def _require_comparable(first_run: Path, first, run: Path, other) -> None:
    same = first.task == other.task and first.classes == other.classes
    if not same or set(first.track) != set(other.track):
        raise UserError(
            f"{first_run} and {run} were not scored on the same tracks and classes, so they "
            "cannot be compared; evaluate both on one dataset"
        )


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
