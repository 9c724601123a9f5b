"""The shipped configs as text: what each is, its arguments, and its recorded scores."""

import textwrap

from mgr_jax.config.base import DATASETS
from mgr_jax.config.files import config_names, describe_config, read_arguments, shipped_configs
from mgr_jax.evaluation.ledger import Entry, read_ledger, results_of, shipped_ledger

_WIDTH = 79
_INDENT = " " * 18
_METRICS = ("accuracy", "average_precision")
_SHORT = {full: short for short, full in DATASETS.items()}


def format_configs(*, details: bool = False) -> str:
    """The shipped configs as text for people: a line for each, in 80 columns.

    Args:
      details: also show their arguments, and each network with a recorded score if there is one:
        the newest track score without a leak on the config's own dataset; scores of splits by
        artist come first.

    Returns:
      The list as `mgr-jax` prints it.
    """
    abouts = {name: describe_config(name).partition("\n")[0].rstrip(".") for name in config_names()}
    if not details:
        lines = [
            f"{name:<16}{textwrap.shorten(about, _WIDTH - 16, placeholder=' …')}"
            for name, about in abouts.items()
        ]
        return "\n".join(lines)
    ledger = read_ledger(shipped_ledger())
    parts = []
    for name, about in abouts.items():
        arguments = read_arguments(shipped_configs() / f"{name}.py")
        data = arguments["data"].default
        values = (
            f"{key}={data if key == 'data' else ' '.join(known)}"
            for key, known in arguments.items()
        )
        parts.append(textwrap.fill(f"{name:<15} {about}", _WIDTH, subsequent_indent=" " * 16))
        parts.append(_fold("; ".join(values)))
        for model in arguments.get("model", ("",)):
            spec = f"{name}:model={model}" if model else name
            if found := _newest(results_of(spec, ledger), DATASETS[data]):
                short = _SHORT.get(found.dataset, found.dataset.partition("/")[2])
                where = f"{short} {found.split} ({found.protocol['name']})"
                parts.append(f"{_INDENT}{model or name:<18} {found}")
                parts.append(f"{_INDENT}    {where}")
    end = (
        "The first value is the default, and data= takes any dataset: "
        f"{', '.join(DATASETS)} or <builder>/<name>, such as audio_folder/my_music; "
        "stored features where that is the default. Scores are those of tracks; docs/results.md "
        "says what they are worth."
    )
    return "\n".join([*parts, "", textwrap.fill(end, _WIDTH)])


def _newest(entries: list[Entry], dataset: str) -> Entry | None:
    """The entry to show for a network; among entries without a date, the first."""
    fitting = [
        entry
        for entry in entries
        if entry.metric in _METRICS
        and entry.level == "track"
        and not entry.overrides
        and not entry.protocol.get("leaks")
    ]
    own = [entry for entry in fitting if entry.dataset == dataset] or fitting
    apart = [entry for entry in own if entry.protocol.get("crossing_artists") == 0]
    return max(apart or own, key=lambda entry: entry.date or "", default=None)


def _fold(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
