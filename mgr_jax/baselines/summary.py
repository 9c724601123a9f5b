"""The tables that baselines prints and keeps: as in FMA's paper, and one line per fit."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.baselines.jobs import Finished

_METRICS = ("accuracy", "macro_f1", "log_loss")


def write_tables(
    workdir: Path,
    finished: Sequence[Finished],
    sets: Mapping[str, Sequence[int]],
    classifiers: Sequence[str],
) -> None:
    """Writes baselines.md and baselines.csv, and prints the former."""
    order = {name: place for place, name in enumerate(classifiers)}
    places = {name: place for place, name in enumerate(sets)}
    finished = sorted(finished, key=lambda one: (places[one.feature_set], order[one.classifier]))
    with (workdir / "baselines.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(_row(finished[0], sets)))
        writer.writeheader()
        writer.writerows(_row(one, sets) for one in finished)
    text = _markdown(finished, sets, classifiers)
    (workdir / "baselines.md").write_text(text + "\n", encoding="utf-8")
    print(f"{text}\nwritten: {workdir / 'baselines.md'}, {workdir / 'baselines.csv'}")


def _row(one: Finished, sets: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """A line of the .csv file; scores of tracks, in their units (accuracies of 0 to 1)."""
    result = one.result.scores
    repeats = result.get("repeats", {})
    row = {
        "feature_set": one.feature_set,
        "columns": len(sets[one.feature_set]) or "",
        "classifier": one.classifier,
        "protocol": one.result.protocol.sentence,
        "leaks": "yes" if one.result.protocol.leaks else "no",
        "split": result["split"],
        "tracks": result["tracks"],
        "aggregation": result["aggregation"],
        "seeds": len(repeats.get("accuracy", [0])),
    }
    for metric in _METRICS:
        value, low, high = result["track"].get(metric, ("", "", ""))
        row |= {metric: value, f"{metric}_low": low, f"{metric}_high": high}
    row["accuracy_std_over_seeds"] = _spread(repeats["accuracy"]) if repeats else ""
    row["segment_accuracy"] = result["segment"]["accuracy"][0]
    return row | {"seconds": one.seconds}


def _markdown(
    finished: Sequence[Finished], sets: Mapping[str, Sequence[int]], classifiers: Sequence[str]
) -> str:
    protocols = dict.fromkeys(one.result.protocol.sentence for one in finished)
    result = finished[0].result.scores
    lines = [f"- {text}" for text in protocols] + [
        "",
        f"Accuracy in % of {result['tracks']} tracks ({result['split']}), "
        f"{100 * result['confidence']:g} % intervals over tracks; – could not be fitted.",
        "",
    ]
    cells = {(one.feature_set, one.classifier): one for one in finished}
    if len(sets) > 1:
        lines += _lines(["features", "dim", *classifiers])
        for name, columns in sets.items():
            scores = [_percent(cells.get((name, classifier))) for classifier in classifiers]
            lines += [_line([name, len(columns), *scores])]
        return "\n".join(lines)
    lines += _lines(["classifier", "accuracy", "interval", "seeds", "± over seeds", "seconds"])
    (only,) = sets
    for classifier in classifiers:
        one = cells.get((only, classifier))
        more: list[Any] = [""] * 4
        if one:
            _, low, high = one.result.scores["track"]["accuracy"]
            repeats = one.result.scores.get("repeats", {}).get("accuracy", [0])
            spread = _spread(repeats)
            more = [
                "" if low is None else f"{100 * low:.1f} to {100 * high:.1f}",
                len(repeats),
                f"{100 * spread:.2f}" if len(repeats) > 1 else "",
                f"{one.seconds:.1f}",
            ]
        lines += [_line([classifier, _percent(one), *more])]
    return "\n".join(lines)


def _percent(one: Finished | None) -> str:
    return f"{100 * one.result.scores['track']['accuracy'][0]:.2f}" if one else "–"


def _spread(values: Sequence[float]) -> float:
    """Standard deviation over seeds; 0 for one seed."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _lines(names: Sequence[str]) -> list[str]:
    return [_line(names), "|" + " --- |" * len(names)]


def _line(cells: Iterable[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
