"""Measures how much leaking raises scores, in one call: `mgr_jax.measure_inflation`."""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax.baselines.classifiers import choose_classifiers
from mgr_jax.baselines.scoring import score_repeats
from mgr_jax.baselines.sources import read_examples
from mgr_jax.data.parts import assign_parts
from mgr_jax.data.pipeline import open_split, target_names
from mgr_jax.errors import UserError, printable
from mgr_jax.evaluation import Predictions, Protocol, format_interval
from mgr_jax.files import expand, require_folder, together, write_json, write_text
from mgr_jax.leakage.inflation import BY, choose_metric, inflation, inflation_rows
from mgr_jax.model_folder import name_system
from mgr_jax.reports import markdown_table, markdown_text
from mgr_jax.runs.cross_validate import train_folds

_NOTE = (
    "95 % intervals of a bootstrap over tracks, paired in the differences. They do not cover the "
    "choice of folds: repeat it with several seeds."
)
_CHECKPOINTS = (
    "The network of a fold was trained on the others, its checkpoint chosen on the next fold."
)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inflation:
    """Scores of the same models by protocols that leak less and less.

    Attributes:
      metric: the metric that is compared.
      systems: by the name of a model, for "segment" and for "track": the `scores` by protocol and
        their `differences`, each [value, low, high]; see `mgr_jax.leakage.inflation`.
      protocols: by name, from the one that leaks most to the one that leaks least.
      failed: why a requested model has no scores, one sentence each.
      notes: how to read the numbers.
    """

    metric: str
    systems: dict[str, dict[str, Any]]
    protocols: dict[str, Protocol]
    failed: tuple[str, ...] = ()
    notes: tuple[str, ...] = (_NOTE,)

    def markdown(self) -> str:
        """A table of all scores and differences, and a description of the protocols."""
        rows = [row for name in self.systems for row in inflation_rows(name, self.systems[name])]
        parts = [f"# What leaking is worth: {self.metric}", markdown_table(rows)]
        parts += [
            " ".join(self.notes),
            _list(markdown_text(p.sentence) for p in self.protocols.values()),
        ]
        if self.failed:
            parts += ["Not scored:", _list(map(markdown_text, self.failed))]
        return "\n\n".join(parts)

    def __str__(self) -> str:
        """The same for a terminal: a line for each score and difference."""
        lines = [f"What leaking is worth: {self.metric}"]
        for name in self.systems:
            for row in inflation_rows(name, self.systems[name]):
                numbers = {key: row[key] for key in row if key not in ("system", "level")}
                lines += ["", f"{printable(name)}, {row['level']}s"]
                lines += [f"  {key:<24}{format_interval(numbers[key]):>24}" for key in numbers]
        told = [*self.notes, *(p.sentence for p in self.protocols.values()), *self.failed]
        return "\n".join([*lines, "", *map(printable, told)])

    def save(self, folder: str | Path) -> Path:
        """Writes inflation.md and inflation.json.

        Args:
          folder: the folder to write to.

        Returns:
          The path of inflation.md.

        Raises:
          UserError: the folder cannot be written.
        """
        folder = expand(folder)
        require_folder(folder)
        content = {
            "metric": self.metric,
            "protocols": {name: protocol.as_dict() for name, protocol in self.protocols.items()},
            "systems": self.systems,
            "failed": list(self.failed),
        }
        with together(folder) as new:
            write_json(new / "inflation.json", content)
            write_text(new / "inflation.md", self.markdown() + "\n")
        return folder / "inflation.md"


@dataclass(frozen=True)
class _Systems:
    """The models to measure: by name, the function that scores one by a protocol's name."""

    metric: str
    score: dict[str, Callable[[str], Predictions]]
    notes: tuple[str, ...] = (_NOTE,)


def measure_inflation(
    config: ConfigDict | None = None,
    workdir: str | Path | None = None,
    *,
    classifiers: Sequence[str] | None = None,
    metric: str | None = None,
    folds: int = 5,
    seeds: int = 1,
    progress: bool = True,
    **examples: Any,
) -> Inflation:
    """Measures how much each leak adds: scores the same models by row, by track and by artist.

        inflation = mgr_jax.measure_inflation(
            table="features_3_sec.csv", artists="artists.csv", classifiers=["svm", "mlp1"]
        )
        print(inflation)

    By row, segments of one track are in training and in test, as in much that was published on
    GTZAN. By track, other tracks of the same artist are. By artist, nothing is shared.

    Args:
      config: config of a network, which is trained for every fold of every protocol. None:
        baselines are measured, on what `examples` names.
      workdir: folder of the networks, which are kept: the same call resumes. Baselines need none.
      classifiers: names of baselines; None: an SVM.
      metric: what is compared; None: accuracy, or average_precision for tags.
      folds: number of folds of every protocol.
      seeds: number of repeats, each with other folds and another initialisation.
      progress: show bars, and results of the networks.
      **examples: for baselines: dataset or table, and further arguments of
        `mgr_jax.baselines.sources.read_examples`, such as artists, features and seconds.

    Returns:
      The scores and their differences with intervals. A model that could not be scored is left
      out, with a warning.

    Raises:
      UserError: not exactly one of config, dataset and table is given; the input cannot be read, or
        cannot be divided by row, track and artist; or no model could be scored.
    """
    examples = {name: value for name, value in examples.items() if value is not None}
    if sum((config is not None, "dataset" in examples, "table" in examples)) != 1:
        raise UserError(
            "give one of config (measures a network), dataset and table (measure baselines), "
            "such as the config demo:data=audio_folder/music",
            code="argument.choose_one",
        )
    folder = None if workdir is None else expand(workdir)
    if folder:  # checked before the work, not after it
        require_folder(folder)
    if config is None:
        systems = _baselines(examples, classifiers, metric, folds, seeds, progress)
    else:
        if of_baselines := [*examples, *(["classifiers"] if classifiers else [])]:
            raise UserError(
                f"{of_baselines[0]} is for baselines, not for a config's network; leave it out",
                code="argument.not_applicable",
            )
        if folder is None:
            raise UserError(
                "give workdir, the folder to keep the networks in, such as runs/leaks",
                code="argument.missing",
            )
        systems = _network(config, folder, metric, folds, seeds, progress)
    return _measure(systems, progress)


def _measure(systems: _Systems, progress: bool) -> Inflation:
    results: dict[str, dict[str, Any]] = {}
    failed: list[UserError] = []
    protocols: dict[str, Protocol] = {}
    for name, score in systems.score.items():
        bar = tqdm(BY, name, unit="protocol", disable=None if progress else True)
        try:
            tables = {protocol: score(protocol) for protocol in bar}
            results[name] = _compare(name, tables, systems.metric)
        except UserError as mistake:
            log.warning(str(mistake))
            failed.append(mistake)
            continue
        protocols = protocols or {name: table.protocol for name, table in tables.items()}
    if not results:
        raise failed[0]
    reasons = tuple(map(str, failed))
    return Inflation(systems.metric, results, protocols, reasons, systems.notes)


def _compare(system: str, tables: Mapping[str, Predictions], metric: str) -> dict[str, Any]:
    try:
        return inflation(tables, metric=metric)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{system} has no {metric} to compare ({error}); choose another metric",
            code="comparison.missing_metric",
        ) from error


def _baselines(
    wanted: Mapping[str, Any],
    classifiers: Sequence[str] | None,
    metric: str | None,
    folds: int,
    seeds: int,
    progress: bool,
) -> _Systems:
    names = choose_classifiers(["svm"] if classifiers is None else classifiers)
    examples, source = read_examples(**wanted, scored=None, progress=progress)
    metric = choose_metric(metric, "single_label", examples.classes)
    for protocol in BY:  # an example set that cannot be divided is refused before any fitting
        assign_parts(protocol, examples.tracks, folds=folds, parts=2)

    def score(name: str, protocol: str) -> Predictions:
        return score_repeats(examples, name, protocol=protocol, folds=folds, seeds=seeds)

    return _Systems(
        metric, {f"{name} on {source}": functools.partial(score, name) for name in names}
    )


def _network(
    config: ConfigDict, workdir: Path, metric: str | None, folds: int, seeds: int, progress: bool
) -> _Systems:
    if config.init_from:
        raise UserError(
            f"config.init_from is {config.init_from}, whose weights were trained on tracks of all "
            "parts; measure a network that starts from random weights",
            code="init_from.not_applicable",
        )
    config = ConfigDict(config.to_dict())
    config.protocol.update(
        {"name": "dataset", "folds": folds, "parts": 3, "i_know_this_leaks": True}
    )
    classes = target_names(open_split(config, "train", progress=progress), config.task)
    metric = choose_metric(metric, config.task, classes)

    def score(protocol: str) -> Predictions:
        config.protocol.name = protocol
        return train_folds(config, workdir / protocol, seeds=seeds, progress=progress)

    name = name_system(config.frontend.name, config.model.name, bool(config.classification_weight))
    return _Systems(metric, {name: score}, (_NOTE, _CHECKPOINTS))


def _list(sentences: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)
