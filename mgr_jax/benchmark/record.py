"""The result of a benchmark, for programs and for people."""

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.files import expand, write_json, write_text

Row = dict[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """The numbers of a benchmark, and their tables.

    Attributes:
      content: all numbers, and the machine they were measured on; ready for JSON.
      text: the tables, in Markdown.
    """

    content: dict[str, Any]
    text: str

    def __str__(self) -> str:
        """The tables for a terminal."""
        return self.text

    def save(
        self,
        *,
        json: str | os.PathLike[str] | None = None,
        markdown: str | os.PathLike[str] | None = None,
    ) -> list[Path]:
        """Writes the files whose names are given.

        Args:
          json: a file for the numbers.
          markdown: a file for the tables.

        Returns:
          The paths of the files.

        Raises:
          OSError: a file cannot be written.
        """
        written = []
        if json:
            written.append(expand(json))
            write_json(written[-1], self.content)
        if markdown:
            written.append(expand(markdown))
            write_text(written[-1], self.text)
        return written


def compare(suite: str, case: str, peer: str, own: Sequence[float], others: Sequence[float]) -> Row:
    """The speed of this project relative to a peer that took turns with it.

    Args:
      suite: name of the benchmark.
      case: what was done.
      peer: name of the peer.
      own: seconds of every round.
      others: the peer's seconds, in the same rounds.

    Returns:
      {"suite", "case", "peer", "ratio", "low", "high"}: the median of the rounds' ratios, and
      their quartiles; above 1 this project is faster.
    """
    ratios = [other / one for one, other in zip(own, others, strict=True)]
    low, ratio, high = (
        statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    )
    return {"suite": suite, "case": case, "peer": peer, "ratio": ratio, "low": low, "high": high}


def format_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of `compare` as a table in Markdown."""
    lines = ["| case | peer | times as fast | quartiles |", "|---|---|--:|--:|"]
    for row in rows:
        spread = f"{row['low']:.2f} to {row['high']:.2f}"
        lines.append(f"| {row['case']} | {row['peer']} | {row['ratio']:.2f} | {spread} |")
    return "\n".join(lines)
