"""Writes the tables of README.md and docs/results.md from the ledger, docs/results.jsonl.

It also writes the table of sources of weights in docs/pretrained.md, from the program, and the
tables of docs/performance.md from the results of benchmarks, docs/performance/<suite>.json.

  python docs/render.py

A page marks the place of a table: the text between `<!-- results: NAME -->` and
`<!-- /results -->` is replaced. An entry of the ledger says in `cells` in which tables, rows and
columns it belongs; rows and columns come in the order of the ledger. In a column "minutes a run" it
shows how long the run took. The table `runs` has everything that was recorded by
`mgr-jax evaluate --record`.

The text between `<!-- benchmark: SUITE -->` and `<!-- /benchmark -->` is what
`mgr-jax benchmark SUITE` prints, made from its JSON; the block `rows` has the comparisons of all
suites, and `rows_key` those of KEY. A suite that was run twice has another file beside its own,
such as train_xla.json.
"""

import importlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgr_jax.errors import UserError
from mgr_jax.evaluation import Protocol
from mgr_jax.evaluation.ledger import Entry, read_ledger
from mgr_jax.interop.source_list import describe_sources
from mgr_jax.reports import markdown_table

DOCS = Path(__file__).resolve().parent
PAGES = (DOCS.parent / "README.md", DOCS / "results.md")
MINUTES = "minutes a run"
PRETRAINED = DOCS / "pretrained.md"
PERFORMANCE, MEASURED = DOCS / "performance.md", DOCS / "performance"
# The comparisons at the top of the page: (what it is, file of the suite, case, peer).
KEY = (
    ("training step, oneDNN", "train", "geometric mean, float32", "PyTorch float32"),
    ("the same, run again", "train_again", "geometric mean, float32", "PyTorch float32"),
    ("training step, oneDNN", "train", "geometric mean, bfloat16", "PyTorch bfloat16"),
    ("the same, run again", "train_again", "geometric mean, bfloat16", "PyTorch bfloat16"),
    ("training step, XLA alone", "train_xla", "geometric mean, float32", "PyTorch float32"),
    ("training step, XLA alone", "train_xla", "geometric mean, bfloat16", "PyTorch bfloat16"),
    ("log-mel spectrograms", "frontends", "log-mel, 2 devices", "librosa per clip"),
    ("log-mel spectrograms", "frontends", "log-mel, 2 devices", "torch.stft per clip"),
    (
        "predicting mp3 files",
        "predict",
        "30-s mp3 files, 2 cores",
        "librosa.load in a DataLoader + PyTorch",
    ),
    (
        "one file, start included",
        "startup",
        "predict one file, cache filled",
        "librosa and PyTorch",
    ),
    ("resident loader", "loaders", "3-s crops, int16, resident", "torch DataLoader, 0 workers"),
    ("streaming loader", "loaders", "3-s crops, int16, streaming", "torch DataLoader, 0 workers"),
    ("preparing a dataset", "prepare", "by the clock", "librosa.load + soundfile"),
)
_BLOCK = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- /results -->)", re.DOTALL)
_MEASURED = re.compile(r"(<!-- benchmark: (\w+) -->\n).*?(<!-- /benchmark -->)", re.DOTALL)


def fill(page: str, entries: Sequence[Entry]) -> str:
    """A page with its tables filled in from the ledger."""

    def table(block: re.Match[str]) -> str:
        start, name, end = block.groups()
        rows = runs(entries) if name == "runs" else cells(name, entries)
        return f"{start}{markdown_table(rows)}\n{end}"

    return _BLOCK.sub(table, page)


def fill_sources(page: str) -> str:
    """A page with its table of sources filled in from the program."""
    start, end = "<!-- sources -->\n", "<!-- /sources -->"
    before, _, rest = page.partition(start)
    after = rest.partition(end)[2]
    return f"{before}{start}{markdown_table(describe_sources())}\n{end}{after}"


def read_measured(folder: Path) -> dict[str, dict[str, Any]]:
    """The results of benchmarks, by suite."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def fill_measured(page: str, measured: dict[str, dict[str, Any]]) -> str:
    """A page with its tables filled in from the benchmarks."""

    def tables(block: re.Match[str]) -> str:
        start, name, end = block.groups()
        if name == "rows":
            text = markdown_table(ratios(measured)) if measured else "No suite has been run yet."
        elif name == "rows_key":
            text = markdown_table(key_ratios(measured))
        elif name in measured:
            content = measured[name]
            module = importlib.import_module(f"mgr_jax.benchmark.{content['suite']}")
            text = module.format_report(content)
        else:
            text = f"Not run yet; `mgr-jax benchmark {name}` does."
        return f"{start}\n{text.strip()}\n\n{end}"

    return _MEASURED.sub(tables, page)


def ratios(measured: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """A row for each comparison with a peer."""
    return [
        {
            "suite": name,
            "case": row["case"],
            "peer": row["peer"],
            "times as fast": f"{row['ratio']:.2f}",
            "quartiles": f"{row['low']:.2f} to {row['high']:.2f}",
        }
        for name, content in measured.items()
        for row in content.get("rows", [])
    ]


def key_ratios(measured: dict[str, dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of `ratios` that KEY names, in its order."""
    found = {(row["suite"], row["case"], row["peer"]): row for row in ratios(measured)}
    return [
        {"what": what} | {title: row[title] for title in ("peer", "times as fast", "quartiles")}
        for what, *place in KEY
        if (row := found.get(tuple(place)))
    ]


def cells(table: str, entries: Sequence[Entry]) -> list[dict[str, str]]:
    """The rows of a table that entries name.

    Args:
      table: name of the table.
      entries: entries of the ledger.

    Raises:
      ValueError: no entry names the table.
    """
    there = [(*cell[1:], entry) for entry in entries for cell in entry.cells if cell[0] == table]
    if not there:
        raise ValueError(f"no result in the ledger is in the table {table}")
    columns = dict.fromkeys(column for _, column, _ in there)
    rows = {row: {"system": row} | dict.fromkeys(columns, "") for row, _, _ in there}
    for row, column, entry in there:
        text = f"{(entry.seconds or 0) / 60:.1f}" if column == MINUTES else str(entry)
        rows[row][column] = "; ".join(filter(None, (rows[row][column], text)))
    return list(rows.values())


def runs(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """A row for each result of a run."""
    return [
        {
            "config": f"`{entry.spec}`" if entry.spec else entry.system,
            "data and protocol": ": ".join(
                filter(None, (entry.dataset, Protocol.from_dict(entry.protocol).sentence))
            ),
            "scored": f"{entry.tracks} {entry.split} tracks",
            "score": f"{entry.metric} {entry}",
            "trained": f"{entry.seconds:.0f} s" if entry.seconds else "",
            "hardware": "{devices}, {processor}, {cores} cores".format(**entry.hardware),
            "recorded": f"{entry.date}, {(entry.commit or entry.version or '')[:8]}",
            "note": entry.note,
        }
        for entry in entries
        if not entry.by_hand
    ]


if __name__ == "__main__":
    try:
        results = read_ledger(DOCS / "results.jsonl")
    except UserError as error:
        sys.exit(str(error))
    for path in PAGES:
        path.write_text(fill(path.read_text(encoding="utf-8"), results), encoding="utf-8")
    filled = fill_measured(PERFORMANCE.read_text(encoding="utf-8"), read_measured(MEASURED))
    PERFORMANCE.write_text(filled, encoding="utf-8")
    PRETRAINED.write_text(fill_sources(PRETRAINED.read_text(encoding="utf-8")), encoding="utf-8")
