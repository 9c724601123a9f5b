"""What leaking is worth: the same model scored by row, by track and by artist."""

import functools
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags as absl_flags

from mgr_jax.config.files import define_config_flag, require_config
from mgr_jax.errors import UserError, unknown_name

if TYPE_CHECKING:
    from mgr_jax.evaluation import Predictions

_NOTE = (
    "95 % intervals of a bootstrap over tracks, paired in the differences. They know nothing of "
    "how lucky a division into folds was: repeat it with `--seeds`."
)
_CHECKPOINTS = (
    "The checkpoint that scores a fold was chosen on the fold after it, and fitted on the others."
)
_OF_BASELINES = (
    "classifiers", "features", "seconds", "components", "artists", "tracks", "subset",
    "sample_rate", "data_dir", "workers",
)  # fmt: skip

# The name of a system, a metric, and what scores the system by a protocol.
System = tuple[str, str, Callable[[str], "Predictions"]]


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines the flags of `mgr-jax audit inflation` that other audits do not have."""
    absl_flags.DEFINE_list(
        "classifiers", ["svm"], "Baselines to score, as in mgr-jax baselines.", flag_values=flags
    )
    for name, chosen, text in (
        ("features", None, "Of audio, as in mgr-jax baselines."),
        ("metric", None, "What is compared; accuracy, or of tags average_precision."),
    ):
        absl_flags.DEFINE_string(name, chosen, text, flag_values=flags)
    absl_flags.DEFINE_float(
        "seconds",
        0.0,
        "Length of segments; 0: whole tracks, or the rows of a table.",
        lower_bound=0,
        flag_values=flags,
    )
    define_config_flag(flags, argv)
    for name, default, text, least in (
        ("components", 256, "Of --features=random_projection.", 1),
        ("folds", 5, "Of every protocol.", 2),
        ("seeds", 1, "Repeats.", 1),
    ):
        absl_flags.DEFINE_integer(name, default, text, lower_bound=least, flag_values=flags)


def main(flags: absl_flags.FlagValues) -> None:
    """Scores every model by every protocol, compares, writes inflation.md and .json to --out."""
    if sum(map(bool, (flags.dataset, flags.table, flags.config))) != 1:
        raise UserError(
            "audit inflation takes one of --dataset, --table (baselines) and --config (a network), "
            "such as --config=audio_folder/choi_crnn --config.dataset=audio_folder/music"
        )
    _refuse(
        flags, ("audio", "strict", "fingerprint", "protocol"), "is of other audits than inflation"
    )
    if flags.config:
        _refuse(flags, _OF_BASELINES, "is of baselines, not of the network of a --config")
    from tqdm import tqdm

    from mgr_jax.leakage.inflation import BY, inflation_rows
    from mgr_jax.reports import markdown_table

    out = Path(flags.out).expanduser()
    results, rows, failed = {}, [], []
    for system, metric, score in (_networks if flags.config else _baselines)(flags, out):
        try:
            tables = {protocol: score(protocol) for protocol in tqdm(BY, system, unit="protocol")}
            results[system] = _compare(system, tables, metric)
        except UserError as mistake:
            failed.append(mistake)
            continue
        rows += inflation_rows(system, results[system])
        protocols = {name: table.protocol for name, table in tables.items()}
    if not results:
        raise failed[0]
    for reason in failed:
        print(f"Warning: {reason}", file=sys.stderr)
    out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(
        [
            f"# What leaking is worth: {metric}",
            markdown_table(rows),
            f"{_NOTE} {_CHECKPOINTS}" if flags.config else _NOTE,
            "\n".join(f"- {text}" for text in protocols.values()),
        ]
    )
    (out / "inflation.md").write_text(text + "\n", encoding="utf-8")
    content = {"metric": metric, "protocols": protocols, "systems": results}
    (out / "inflation.json").write_text(json.dumps(content, indent=2) + "\n")
    print(f"{text}\nWrote {out}/inflation.md")


def _refuse(flags: absl_flags.FlagValues, names: Iterable[str], why: str) -> None:
    for name in names:
        if flags[name].present:
            raise UserError(f"--{name} {why}; leave it out")


def _compare(system: str, tables: Mapping[str, "Predictions"], metric: str) -> dict[str, Any]:
    from mgr_jax.leakage.inflation import inflation

    try:
        return inflation(tables, metric=metric)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{system} has no {metric} to compare ({error}); choose another --metric"
        ) from error


def choose_metric(metric: str | None, task: str, classes: Sequence[str]) -> str:
    """The metric, or the usual one of a task; raises a UserError for one that the task lacks."""
    import numpy as np

    from mgr_jax.evaluation import Predictions, evaluate

    count = len(classes)
    table = Predictions(
        track=np.array(["a", "b"]),
        start=np.zeros(2),
        end=np.ones(2),
        probabilities=np.full((2, count), 1 / count),
        label=np.arange(2) if task == "single_label" else np.eye(2, count),
        classes=tuple(classes),
        task=task,
        split="",
        protocol="",
    )
    known = evaluate(table, resamples=2)["track"]
    if metric and metric not in known:
        raise unknown_name("metric", metric, known)
    return metric or ("accuracy" if task == "single_label" else "average_precision")


def _baselines(flags: absl_flags.FlagValues, out: Path) -> Iterator[System]:
    from mgr_jax.baselines.classifiers import choose_classifiers
    from mgr_jax.baselines.scoring import score_repeats
    from mgr_jax.baselines.sources import Wanted, read_examples
    from mgr_jax.data.parts import assign_parts
    from mgr_jax.leakage.inflation import BY

    del out  # baselines leave nothing but their scores
    classifiers = choose_classifiers(flags.classifiers)
    examples, source = read_examples(Wanted.by_flags(flags, scored=None))
    metric = choose_metric(flags.metric, "single_label", examples.classes)
    for protocol in BY:  # what cannot be divided is refused before anything is fitted
        assign_parts(protocol, examples.tracks, folds=flags.folds, parts=2)

    def score(name: str, protocol: str) -> "Predictions":
        return score_repeats(
            examples, name, protocol=protocol, folds=flags.folds, seeds=flags.seeds
        )

    for name in classifiers:
        yield f"{name} on {source}", metric, functools.partial(score, name)


def _networks(flags: absl_flags.FlagValues, out: Path) -> Iterator[System]:
    from mgr_jax.data.pipeline import open_split
    from mgr_jax.evaluation.results import describe_system
    from mgr_jax.runs.cross_validate import cross_validate
    from mgr_jax.training.inputs import target_names

    config = require_config(flags)
    config.protocol.update(
        {"name": "dataset", "folds": flags.folds, "parts": 3, "i_know_this_leaks": True}
    )
    classes = target_names(open_split(config, "train"), config.task)
    metric = choose_metric(flags.metric, config.task, classes)

    def score(protocol: str) -> "Predictions":
        config.protocol.name = protocol
        return cross_validate(config, out / protocol, seeds=flags.seeds)

    yield describe_system(config), metric, score
