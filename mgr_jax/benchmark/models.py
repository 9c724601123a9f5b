"""Describes the networks of the shipped configs and their cost: the table of docs/models.md."""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from tqdm import tqdm

from mgr_jax.audio.dsp import to_float
from mgr_jax.benchmark.flops import count_flops
from mgr_jax.benchmark.record import Benchmark
from mgr_jax.benchmark.timing import conditions, interleave, load_average, speed, tell_conditions
from mgr_jax.classifier import (
    GenreClassifier,
    abstract_variables,
    create_classifier,
    init_variables,
)
from mgr_jax.config.files import list_configs, read_config
from mgr_jax.errors import UserError
from mgr_jax.input_spec import FeatureFormat, InputSpec
from mgr_jax.models import MODELS
from mgr_jax.side_inputs import SideFormat

CLASSES = 50  # the number of classes of most published counts
# Shapes of stored features and of tables, which a config does not contain.
FORMATS = {
    "feature_array/gtzan_features": FeatureFormat((57,), "float32", 1 / 30),
    "feature_array/gtzan_mel3": FeatureFormat((128,), "float16", 43.07),
    "feature_array/gtzan_mel30": FeatureFormat((218,), "uint8", 11.2),
}
TABLES = {
    "": SideFormat(),
    "features.csv": SideFormat(57),
    "features_30_sec.csv": SideFormat(57),
    "fma_metadata.zip": SideFormat(518),
}
_ROUNDS = 5
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")


@dataclasses.dataclass(frozen=True)
class Card:
    """One network of a config.

    Attributes:
      config: spec of the config.
      model: name of the model.
      summary: a line on the network.
      source: where it was published.
      clip: its input at a time, in words.
      shape: shape of the features: frames x bins (x channels).
      parameters: parameters of the network with `CLASSES` classes, and of a learnable front end.
      flops: operations of the network per clip, see `count_flops`; without the front end.
    """

    config: str
    model: str
    summary: str
    source: str
    clip: str
    shape: str
    parameters: int
    flops: int


def build(config: ConfigDict, *, axis_name: str | None = None) -> tuple[GenreClassifier, InputSpec]:
    """The classifier of a config with `CLASSES` classes.

    Args:
      config: config of a network and its data.
      axis_name: mapped axis over which batch statistics are averaged; None: there is none.

    Raises:
      UserError: it needs stored features or side inputs whose format is not known here.
    """
    if config.frontend.name == "precomputed" and config.dataset not in FORMATS:
        raise UserError(
            f"{config.dataset} holds features of unknown shape; choose a config for audio",
            code="benchmark.unknown_shape",
        )
    side = config.side_inputs
    if side.categories or side.table not in TABLES:
        raise UserError(
            "the numbers of columns and values of config.side_inputs are not known here; choose a "
            "config without them",
            code="benchmark.unknown_shape",
        )
    return create_classifier(
        config,
        CLASSES,
        features=FORMATS.get(config.dataset),
        side=TABLES[side.table],
        axis_name=axis_name,
    )


def describe(name: str) -> Card:
    """Describes the network of a config, without computing anything.

    Args:
      name: spec of a config, see `mgr_jax.read_config`.

    Returns:
      The description.

    Raises:
      UserError: there is no such config, or its network cannot be built without a dataset.
    """
    config = read_config(name)
    classifier, spec = build(config)
    variables = abstract_variables(classifier, spec)
    clips = jax.ShapeDtypeStruct((1, *spec.shape), spec.dtype)
    aux = {key: jax.ShapeDtypeStruct((1, *shape), np.float32) for key, shape in spec.aux.items()}

    def frontend(variables, clips, aux):
        parts = {kind: tree["frontend"] for kind, tree in variables.items() if "frontend" in tree}
        return classifier.frontend.apply(parts, to_float(clips), aux)

    def network(variables, features):
        parts = {kind: tree.get("model", {}) for kind, tree in variables.items()}
        return classifier.model.apply(parts, features, train=False)

    features = jax.eval_shape(frontend, variables, clips, aux)
    if spec.kind == "waveform":
        clip = f"{spec.clip_samples / spec.sample_rate:.3g} s at {spec.sample_rate / 1000:g} kHz"
    else:
        rows = "1 row" if spec.clip_samples == 1 else f"{spec.clip_samples} rows"
        clip = f"{rows} of {config.dataset.partition('/')[2]}"
    return Card(
        config=name,
        model=config.model.name,
        summary=(MODELS[config.model.name].__doc__ or "").partition("\n")[0].rstrip("."),
        source=MODELS[config.model.name].source,
        clip=f"{clip}, {config.frontend.name}",
        shape=" × ".join(map(str, features.shape[1:])),
        parameters=sum(
            math.prod(x.shape)
            for part in ("frontend", "model")
            for x in jax.tree.leaves(variables["params"].get(part, {}))
        ),
        flops=count_flops(network, variables, features),
    )


def clips_per_second(config: ConfigDict, *, clips: int) -> float:
    """The speed of front end and network together: clips per second, median of five rounds.

    Args:
      config: the config.
      clips: clips per batch.
    """
    classifier, spec = build(config)
    variables = init_variables(classifier, spec, 0)
    rng = np.random.default_rng(0)
    audio = (0.1 * 2**15 * rng.standard_normal((clips, *spec.shape))).astype(spec.dtype)
    aux = {key: np.ones((clips, *shape), np.float32) for key, shape in spec.aux.items()}
    classify = jax.jit(lambda audio: classifier.apply(variables, audio, aux)[0])
    placed = jax.device_put(audio)
    times = interleave({"": lambda: classify(placed).block_until_ready()}, _ROUNDS)
    return speed(times[""], clips)["median"]


def benchmark_models(
    configs: Sequence[str] = (),
    *,
    clips: int = 4,
    times: bool = True,
    measured: str | Path | None = None,
    progress: bool = True,
) -> Benchmark:
    """Describes the networks of configs, and times them one after the other.

        report = mgr_jax.benchmark_models(["won2020:model=fcn"])
        report.save(markdown="models.md")

    Args:
      configs: specs; none: those of all shipped configs.
      clips: clips per batch.
      times: also measure the speed of prediction.
      measured: a JSON file of an earlier benchmark, whose speeds are taken instead.
      progress: show a progress bar.

    Returns:
      The numbers, as a table when printed.

    Raises:
      UserError: there is no such config, its network cannot be built without a dataset, or
        `measured` holds no speeds.
    """
    old = read_measured(measured) if measured else {}
    cards = [describe(name) for name in configs or list_configs()]  # errors come first
    rows = [dataclasses.asdict(card) for card in cards]
    content: dict[str, Any] = {"suite": "models", "models": rows}
    if measured:
        for row in rows:
            row["clips_per_second"] = old["speeds"].get(row["config"])
        content |= {key: value for key, value in old.items() if key != "speeds"}
    elif times:
        loads = [load_average()]
        for row in tqdm(rows, unit="network", disable=None if progress else True):
            row["clips_per_second"] = clips_per_second(read_config(row["config"]), clips=clips)
            jax.clear_caches()  # compiled programs fill the memory
        content |= {**conditions(loads), "clips": clips, "rounds": _ROUNDS}
    return Benchmark(content, format_models(content))


def read_measured(path: str | Path) -> dict[str, Any]:
    """The speeds by config that `benchmark_models` measured, and under which conditions.

    Raises:
      UserError: the file is not there, or holds no speeds.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        kept = ("date", "machine", "load_average", "clips", "rounds")
        speeds = {row["config"]: row["clips_per_second"] for row in content["models"]}
        return {"speeds": speeds, **{key: content[key] for key in kept}}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UserError(
            f"{path} has no speeds of networks; give the JSON of mgr-jax benchmark models",
            code="benchmark.not_measured",
        ) from error


def format_models(report: Mapping[str, Any]) -> str:
    """The content of `benchmark_models` as a page in Markdown."""
    text = (
        "This page lists the networks of all shipped configs, as `mgr-jax benchmark models` found "
        "them. "
        "`mgr-jax train` takes the config of a row, and trains its network with the input that the "
        f"source describes. Parameters are for {CLASSES} classes. FLOPs are those of the matrix "
        "products and convolutions of the network for one clip; a multiplication and an addition "
        "count as two."
    )
    titles = ["config", "network", "source", "input", "parameters", "GFLOP"]
    lines = "|---|---|---|---|--:|--:|"
    if "machine" in report:
        text += (
            " Clips per second are from samples to logits, front end and network in one program, "
            f"{report['clips']} clips at a time, median of {report['rounds']} rounds: a hint, not "
            "a comparison, since clips are as long as each source has them. "
            f"{tell_conditions(report)}"
        )
        titles, lines = [*titles, "clips/s"], f"{lines}--:|"
    table = [f"| {' | '.join(titles)} |", lines, *map(format_row, report["models"])]
    return "\n".join(["# Networks", "", text, "", *table, ""])


def format_report(content: Mapping[str, Any]) -> str:
    """The speeds of `benchmark_models` in Markdown, the fastest first, two configs to a line."""
    ranked = sorted(content["models"], key=lambda row: -row["clips_per_second"])
    cells = [f"| `{row['config']}` | {row['clips_per_second']:,.3g} " for row in ranked]
    half = -(-len(cells) // 2)
    pairs = zip_longest(cells[:half], cells[half:], fillvalue="| | ")
    table = ["| config | clips/s | config | clips/s |", "|---|--:|---|--:|"]
    table += [f"{one}{other}|" for one, other in pairs]
    text = (
        f"{content['clips']} clips at a time, medians of {content['rounds']} rounds. "
        f"{tell_conditions(content)}"
    )
    return "\n".join([text, "", *table, ""])


def format_row(row: Mapping[str, Any]) -> str:
    """A row of the table: a `Card`, and "clips_per_second" if that was measured."""
    cells = [
        f"`{row['config']}`",
        f"`{row['model']}`: {row['summary']}",
        _ARXIV.sub(r"[\g<0>](https://arxiv.org/abs/\1)", row["source"]),
        f"{row['shape']} ({row['clip']})",
        f"{row['parameters']:,}",
        f"{row['flops'] / 1e9:.3g}",
    ]
    if "clips_per_second" in row:
        speed = row["clips_per_second"]
        cells.append("" if speed is None else f"{speed:,.3g}")
    return f"| {' | '.join(cells)} |"
