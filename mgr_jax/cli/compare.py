"""Puts scored runs side by side: one table, with the differences that are more than noise.

  mgr-jax compare runs/a runs/b runs/svm --split=test --out=runs/comparison
  mgr-jax compare runs/baselines runs/a --metric=macro_f1 --baseline=runs/a

Reads what `evaluate`, `crossval` and `baselines` stored; a folder of such runs stands for all of
them. Differences are to the best run, or to --baseline, over the tracks that both scored. Runs that
were scored on other tracks or by another protocol are shown, not compared. With --out also written:
compare.md, compare.csv and, with matplotlib, compare.png.
"""

import csv
import math
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.runs.scored import Run, define_aggregation_flag, find_runs, load_run


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines this command's flags."""
    del argv
    for name, default, text in (
        ("split", "test", "A split that all of them scored."),
        ("metric", None, "What to compare by; accuracy, of tags average_precision."),
        ("baseline", None, "Run to compare with; the best one."),
        ("out", None, "Folder to write the table to."),
    ):
        absl_flags.DEFINE_string(name, default, text, flag_values=flags)
    define_aggregation_flag(flags, None)


def main(flags: absl_flags.FlagValues, args: list[str]) -> None:
    """Compares, prints and writes."""
    if not args:
        raise UserError("give the folders of scored runs: mgr-jax compare runs/a runs/b")
    if flags.out:  # before the work, not after it
        Path(flags.out).expanduser().mkdir(parents=True, exist_ok=True)
    paths = find_runs(args, flags.split)
    baseline = find_runs([flags.baseline], flags.split) if flags.baseline else []
    if len(baseline) > 1:
        raise UserError(f"--baseline={flags.baseline} holds {len(baseline)} runs; name one of them")
    paths += [path for path in baseline if path not in paths]
    runs = [load_run(path, flags.split, flags.aggregation) for path in paths]
    # What leaks is compared with nothing, unless there is nothing else.
    honest = next((run for run in runs if not run.leaks), runs[0])
    first = runs[paths.index(baseline[0])] if baseline else honest
    single = first.tracks.task == "single_label"
    metric = flags.metric or ("accuracy" if single else "average_precision")
    if metric not in first.result["track"]:
        raise unknown_name("metric", metric, first.result["track"])

    alike = [run for run in runs if metric in run.result["track"] and _comparable(run, first)]
    reference = first if baseline else max(alike, key=lambda run: _goodness(run, metric))
    runs.sort(key=lambda run: (run not in alike, -_goodness(run, metric)))
    rows = [_row(run, reference, metric, compared=run in alike) for run in runs]
    text = _as_markdown(rows, runs, reference, metric, picked=not baseline)
    print(text)
    if flags.out:
        _write(Path(flags.out).expanduser(), text, rows, runs, metric)


def _comparable(run: Run, first: Run) -> bool:
    from mgr_jax.evaluation import same_tracks

    return run.division == first.division and same_tracks(run.tracks, first.tracks)


def _goodness(run: Run, metric: str) -> float:
    from mgr_jax.evaluation import LOWER_IS_BETTER

    value = run.result["track"].get(metric, [None])[0]
    if value is None:
        return -math.inf
    return -value if metric in LOWER_IS_BETTER else value


def _row(run: Run, reference: Run, metric: str, *, compared: bool) -> dict[str, Any]:
    """All numbers of a run; those of the comparison are None where there is none."""
    from mgr_jax.evaluation import mcnemar, paired_difference

    difference, test = None, {}
    if compared and run is not reference:
        try:
            difference = paired_difference(run.tracks, reference.tracks, metric)
            tables = (run.tracks, reference.tracks)
            if run.tracks.task == "single_label" and all(t.repeat is None for t in tables):
                test = mcnemar(*tables)
        except ValueError as error:
            raise UserError(f"{run.path} and {reference.path}: {error}") from error
    values = [x for x in run.result.get("repeats", {}).get(metric, []) if x is not None]
    return {
        "system": run.system,
        "run": str(run.path),
        "protocol": run.result["protocol"],
        "split": run.result["split"],
        "tracks": run.result["tracks"],
        "repeats": len(values) or None,
        "standard_deviation": statistics.stdev(values) if len(values) > 1 else None,
        "parameters": run.cost.get("parameters"),
        "seconds": run.cost.get("seconds"),
        **run.result["track"],
        "difference": difference,
        "mcnemar": test,
        "compared": "reference" if run is reference else compared,
    }


def _as_markdown(
    rows: Sequence[dict[str, Any]],
    runs: Sequence[Run],
    reference: Run,
    metric: str,
    *,
    picked: bool,
) -> str:
    from mgr_jax.evaluation import AGGREGATIONS
    from mgr_jax.reports import markdown_table

    shown = metric.replace("_", " ")
    cells = [_cells(row, shown) for row in rows]
    name = f"{reference.system} ({reference.path})"
    ways = sorted({AGGREGATIONS[run.result["aggregation"]] for run in runs})
    confidences = sorted({f"{100 * run.result['confidence']:g} %" for run in runs})
    notes = [
        f"Scores of tracks, by {' or '.join(ways)}, with {' or '.join(confidences)} bootstrap "
        "intervals over tracks."
    ]
    if any(row["difference"] for row in rows):
        notes.append(
            f"Differences in {shown} are to {name}, over the same tracks, with the 95 % interval "
            "of a paired bootstrap; nothing corrects for comparing several."
            + " It was chosen by these very scores, which flatters it."
            * picked
        )
    if any(row["mcnemar"] for row in rows):
        notes.append(
            "McNemar's p: how likely accuracies as different as these are if the two are equally "
            "good (exact binomial below 25 tracks that only one gets right, else chi-squared with "
            "continuity correction)."
        )
    if any(_is_noise(row) for row in rows):
        notes.append(
            "≈ marks differences within noise: their interval holds 0, so that these tracks do not "
            "tell which of the two is better."
        )
    if not all(row["compared"] for row in rows):
        notes.append(
            f"† marks runs that were scored on other tracks or classes, or by another protocol, "
            f"than {name}, or have no {shown}: a difference would say nothing."
        )
    if any(run.leaks for run in runs):
        notes.append(
            "LEAKS marks protocols that put rows of one track or artist on both sides: such scores "
            "do not say how a system does on other music."
        )
    return markdown_table(cells) + "\n\n" + "\n".join(f"- {note}" for note in notes)


def _cells(row: dict[str, Any], metric: str) -> dict[str, Any]:
    """A row as people read it."""
    apart = ("difference", "mcnemar", "compared", "standard_deviation")
    cells = {name: row[name] for name in row if name not in apart}
    if row["standard_deviation"] is not None:
        cells["repeats"] = f"{row['repeats']}, standard deviation {row['standard_deviation']:.3f}"
    for name, digits in (("parameters", 0), ("seconds", 0)):
        value = row[name]
        cells[name] = None if value is None else f"{value:,.{digits}f}"
    if row["compared"] == "reference":
        difference = "reference"
    elif row["difference"] is None:
        difference = "†"
    else:
        value, low, high = row["difference"]
        difference = f"{value:+.3f}" + ("" if low is None else f" [{low:+.3f}, {high:+.3f}]")
        difference += " ≈" * _is_noise(row)
    cells[f"difference in {metric}"] = difference
    p = row["mcnemar"].get("p")
    cells["McNemar p"] = None if p is None else "<0.001" if p < 0.001 else f"{p:.3f}"
    return cells


def _is_noise(row: dict[str, Any]) -> bool:
    if row["difference"] is None:
        return False
    _, low, high = row["difference"]
    return low is None or low <= 0 <= high


def _write(
    out: Path, text: str, rows: Sequence[dict[str, Any]], runs: Sequence[Run], metric: str
) -> None:
    flat = [_flatten(row) for row in rows]
    with (out / "compare.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in flat for name in row)))
        writer.writeheader()
        writer.writerows(flat)
    title = f"Comparison: {rows[0]['split']} tracks"
    parts = [f"# {title}", text]
    try:
        from mgr_jax.reports import draw_comparison

        systems = [run.system for run in runs]
        names = [
            run.system
            + f" ({run.path.name})" * (systems.count(run.system) > 1)
            + " †" * (not row["compared"])
            for run, row in zip(runs, rows, strict=True)
        ]
        scores = [run.result["track"].get(metric, [None] * 3) for run in runs]
        draw_comparison(names, scores, metric.replace("_", " "), title).savefig(out / "compare.png")
        parts.append(f"![{metric} of every run](compare.png)")
    except ImportError as error:
        print(f"No picture: {error}", file=sys.stderr)
    (out / "compare.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(f"Wrote {out / 'compare.md'}")


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    """A row for CSV: every number in a column of its own."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "mcnemar":
            flat |= {"mcnemar_p": value.get("p"), "mcnemar_test": value.get("test")}
        elif isinstance(value, list) or name == "difference":
            numbers = value or [None] * 3
            flat |= dict(zip((name, f"{name}_low", f"{name}_high"), numbers, strict=True))
        else:
            flat[name] = value
    return flat
