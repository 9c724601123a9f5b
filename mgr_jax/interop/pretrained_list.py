"""The list of pretrained networks, for people and for programs."""

import textwrap
from dataclasses import asdict
from typing import Any

from mgr_jax.catalogue import Pretrained, list_pretrained, models_folder

_WIDTH = 80
_HEADS = ("name", "values", "MB", "classes", "licence", "trained on", "taught", "there")
_NUMBERS = (1, 2, 3, 6)  # columns
_NOTE = (
    "there: yes, or how mgr-jax pretrained get NAME gets it. taught: accuracy of mgr-jax "
    "teach on 107 clips of GTZAN."
)
_NOTES = (
    "there: yes; or how `mgr-jax pretrained get NAME` gets it: by pip, or from a file that you "
    "download by hand (the command names it). Then NAME can be given for a model folder.",
    "taught: accuracy of `mgr-jax teach` on 107 clips of GTZAN, one artist left out at a time, "
    "which the network may have heard; docs/teach.md has the intervals.",
    "measured: with this program; published: by their authors, on other data. "
    "docs/pretrained.md has more about them.",
)


def format_pretrained(*, details: bool = False) -> str:
    """The pretrained networks as text for people, in 80 columns.

    Args:
      details: also show their scores, where they come from, and what the columns mean.
    """
    networks = list(list_pretrained().values())
    rows = [_HEADS, *map(_cells, networks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS))]
    lines = []
    for row, network in zip(rows, [None, *networks], strict=True):
        cells = (
            cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
        for line in _about(network) if network and details else ():
            lines += textwrap.wrap(
                line,
                _WIDTH,
                initial_indent="    ",
                subsequent_indent="      ",
                break_long_words=False,
                break_on_hyphens=False,
            )
    lines.append("")
    notes = (
        (*_NOTES, f"They are kept in {models_folder()} ($MGR_JAX_MODELS).") if details else (_NOTE,)
    )
    for note in notes:
        lines += textwrap.wrap(note, _WIDTH, break_long_words=False)
    return "\n".join(lines)


def describe_pretrained() -> list[dict[str, Any]]:
    """The pretrained networks for programs: the fields of `Pretrained`, `folder` and `is_there`."""
    return [
        asdict(network) | {"folder": str(network.folder), "is_there": network.is_there}
        for network in list_pretrained().values()
    ]


def _about(network: Pretrained) -> list[str]:
    """Its scores, and the origin of its file."""
    told = {"measured": network.measured, "published": network.published}
    scores = [f"{what}: {score}" for what, score in told.items() if score]
    return [*scores, network.upstream]


def _cells(network: Pretrained) -> tuple[str, ...]:
    how = "by pip" if network.requirement else "a file"
    return (
        network.name,
        f"{network.parameters / 1e6:.2f} M",
        f"{network.size / 1e6:.1f}",
        str(network.classes or "–"),
        network.license,
        network.dataset,
        f"{network.taught[0]:.3f}" if network.taught else "–",
        "yes" if network.is_there else how,
    )
