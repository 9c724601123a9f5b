"""What a benchmark measured, for programs and for people."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgr_jax.files import expand, write_json, write_text


@dataclass(frozen=True)
class Benchmark:
    """The numbers of a benchmark, and the tables that show them.

    Attributes:
      content: all numbers, and the machine that they were measured on; ready for JSON.
      text: tables to read.
      is_markdown: whether the text is Markdown; otherwise its columns are lined up by spaces.
    """

    content: dict[str, Any]
    text: str
    is_markdown: bool = False

    def __str__(self) -> str:
        """The tables, as they are read on a terminal."""
        return self.text

    def markdown(self) -> str:
        """The tables as Markdown."""
        return self.text if self.is_markdown else f"```\n{self.text}\n```\n"

    def save(
        self,
        *,
        json: str | os.PathLike[str] | None = None,
        markdown: str | os.PathLike[str] | None = None,
    ) -> list[Path]:
        """Writes the files that are named; returns their paths.

        Args:
          json: a file for the numbers.
          markdown: a file for the tables.

        Raises:
          OSError: a file cannot be written.
        """
        written = []
        if json:
            written.append(expand(json))
            write_json(written[-1], self.content)
        if markdown:
            written.append(expand(markdown))
            write_text(written[-1], self.markdown())
        return written
