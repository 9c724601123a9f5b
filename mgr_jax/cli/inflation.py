"""What leaking is worth: the same model scored by row, by track and by artist."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from absl import flags as absl_flags

from mgr_jax.cli.config_files import define_config_flag, require_config
from mgr_jax.errors import UserError


def define_flags(flags: absl_flags.FlagValues, argv: list[str]) -> None:
    """Defines the flags of `mgr-jax audit inflation` that other audits do not have."""
    absl_flags.DEFINE_list("classifiers", ["svm"], "Baselines to score.", flag_values=flags)
    for name, chosen, text in (
        ("features", None, "Of audio, as in mgr-jax baselines."),
        ("artists", None, "An index of artists, as in mgr-jax baselines."),
        ("metric", "accuracy", "What is compared; roc_auc, say, of tags."),
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
    from mgr_jax.evaluation import inflation, inflation_rows
    from mgr_jax.reports import markdown_table

    out = Path(flags.out).expanduser()
    metric = flags.metric
    tables = _networks(flags, out) if flags.config else _baselines(flags)
    results, rows = {}, []
    for system, by_protocol in tables:
        try:
            results[system] = inflation(by_protocol, metric=metric)
        except (KeyError, ValueError) as error:
            raise UserError(
                f"{system} has no {metric} to compare ({error}); choose another --metric"
            ) from error
        rows += inflation_rows(system, results[system])
    protocols = {name: table.protocol for name, table in by_protocol.items()}
    out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(
        [
            f"# What leaking is worth: {metric}",
            markdown_table(rows),
            "95 % intervals of a bootstrap over tracks, paired in the differences. They know "
            "nothing of how lucky a division into folds was: repeat it with `--seeds`.",
            "\n".join(f"- {text}" for text in protocols.values()),
        ]
    )
    (out / "inflation.md").write_text(text + "\n", encoding="utf-8")
    content = {"metric": metric, "protocols": protocols, "systems": results}
    (out / "inflation.json").write_text(json.dumps(content, indent=2) + "\n")
    print(f"{text}\nWrote {out}/inflation.md")


def _baselines(flags: absl_flags.FlagValues) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from tqdm import tqdm

    from mgr_jax.cli.baseline_sources import read_examples
    from mgr_jax.evaluation.inflation import BY
    from mgr_jax.tables.classifiers import make_classifier
    from mgr_jax.tables.scoring import score_repeats

    for name in set(flags.classifiers) - {"svm"}:
        make_classifier(name)
    examples, source = read_examples(flags)
    for name in flags.classifiers:
        bar = tqdm(BY, f"{name} on {source}", unit="protocol")
        yield (
            f"{name} on {source}",
            {
                protocol: score_repeats(
                    examples, name, protocol=protocol, folds=flags.folds, seeds=flags.seeds
                )
                for protocol in bar
            },
        )


def _networks(flags: absl_flags.FlagValues, out: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from mgr_jax.cli.results import describe_system
    from mgr_jax.evaluation.inflation import BY
    from mgr_jax.training.crossval import cross_validate

    config = require_config(flags)
    config.protocol.update({"folds": flags.folds, "parts": 2, "i_know_this_leaks": True})
    tables = {}
    for protocol in BY:
        config.protocol.name = protocol
        tables[protocol] = cross_validate(config, out / protocol, seeds=flags.seeds)
    yield describe_system(config), tables
