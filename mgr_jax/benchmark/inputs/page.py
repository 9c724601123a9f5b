"""Writes the page docs/inputs.md from the results of `benchmark_inputs`: page.md, filled in."""

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from mgr_jax.audio.decoder import CONTAINERS
from mgr_jax.audio.io import Limits
from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.benchmark.inputs.bad_files import BAD_FILES
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS, TABLE
from mgr_jax.benchmark.inputs.encodings import SECONDS, Encoding
from mgr_jax.benchmark.inputs.layout_table import LAYOUTS
from mgr_jax.benchmark.inputs.layouts import Layout
from mgr_jax.data.expansion import FREE
from mgr_jax.reports import markdown_text
from mgr_jax.workers import TIME_LIMIT

_TEMPLATE = Path(__file__).with_name("page.md")
_EXAMPLE = {"max_hours": 48, "max_rate": 1_000_000}  # order of limits
# Suffixes of files that can be read, but are not searched for in folders.
UNSEARCHED = sorted({f".{one.suffix}" for one in ENCODINGS} - set(AUDIO_SUFFIXES))
_DIGITS = {"length": 1, "lag": 1, "gain": 2}


def format_page(report: Mapping[str, Any]) -> str:
    """The content of `benchmark_inputs` as a page in Markdown."""
    found = report["encodings"].values()
    return _TEMPLATE.read_text(encoding="utf-8").format(
        versions=_listed(f"{name} {number}" for name, number in report["versions"].items()),
        seconds=SECONDS,
        unnoticed=sum(not row["problem"] and not row["notices_cut"] for row in found),
        tried=len(found),
        suffixes=fill(", ".join(AUDIO_SUFFIXES), 100),
        unsearched=_listed(UNSEARCHED),
        containers=fill(", ".join(CONTAINERS.split(",")), 100),
        encodings="\n\n".join(_encodings(report["encodings"])),
        files="\n".join(_bad_files(report["files"])),
        example=",".join(f"{name}={value}" for name, value in _EXAMPLE.items()),
        arguments=", ".join(f"{name}={value:_}" for name, value in _EXAMPLE.items()),
        limits="\n".join(_limits()),
        free=FREE / 1e6,
        time_limit=TIME_LIMIT,
        layouts=format_layouts(report["layouts"]),
    )


def _listed(names: Iterable[str]) -> str:
    """A, B and C."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _encodings(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, encodings in TABLE.items():
        yield f"### {title}"
        lines = ["| file | | kHz | channels | length | lag | gain | same | half |"]
        lines += ["|---|---|--:|--:|--:|--:|--:|--:|---|"]
        lines += [f"| {describe(one)} | {_found(rows[one.name])} |" for one in encodings]
        yield "\n".join(lines)


def describe(encoding: Encoding) -> str:
    """The first cells of an encoding's row, known before it was tried."""
    name = f"`{encoding.name}`" if encoding.command else encoding.name
    return f"{name} | .{encoding.suffix} | {encoding.rate / 1000:g} | {encoding.channels}"


def _found(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return f"| | | | {_sentence(row['problem'])}"
    cells = [_signed(row[name], digits) for name, digits in _DIGITS.items()]
    exact = row["error"] < 0.01 and not row["lag"]
    cells.append("exact" if exact else format(row["correlation"], ".4f"))
    return " | ".join([*cells, "noticed" if row["notices_cut"] else "read"])


def _signed(number: float, digits: int) -> str:
    return format(number, f"+.{digits}f") if round(number, digits) else "0"


def _bad_files(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| file | it is | `prepare_data` | `predict` |"
    yield "|---|---|---|---|"
    for bad in BAD_FILES:
        row = rows[bad.file]
        read = f"reads {row['seconds']:.3g} s"
        if row["still_refused"]:
            cells = (_sentence(row["refused"]), "the same")
        elif row["refused"]:
            cells = (_sentence(row["refused"]), read)
        else:
            cells = ("<br>".join([read, *map(_sentence, row["warned"])]), "the same")
        yield f"| `{bad.file}` | {bad.what} | {' | '.join(cells)} |"


def _limits() -> Iterator[str]:
    told = dict(re.findall(r"^  (\w+): (.+)", inspect.getdoc(Limits) or "", re.MULTILINE))
    yield "| limit | default | it is |"
    yield "|---|--:|---|"
    for field in dataclasses.fields(Limits):
        yield f"| `{field.name}` | {field.default:,} | {told[field.name]} |"


def format_layouts(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """How layouts were understood: the last section of the page."""
    return "\n\n".join(_layouts(rows))


def _layouts(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, layouts in LAYOUTS.items():
        yield f"### {title}"
        yield f"Prepared as `{layouts[0].dataset}`."
        lines = ["| layout | what there is | what is understood |", "|---|---|---|"]
        for layout in layouts:
            understood = _understood(rows[f"{title}: {layout.name}"])
            lines.append(f"| {layout.name} | {contents(layout)} | {understood} |")
        yield "\n".join(lines)


def contents(layout: Layout) -> str:
    """The contents of a layout, in a cell of the page."""
    short = (re.sub(r"\{0,1,[^}]*(\d)\}", r"{0…\1}", name) for name in layout.files)
    parts = [layout.shown] if layout.shown else [f"`{name}`" for name in short]
    parts += [f"`{name}` → `{target}`" for name, target in layout.links.items()]
    for name, text in layout.texts.items():
        lines = [f"`{line}`" for line in text.splitlines()[:2]]
        parts.append(f"`{name}`" + (": " if lines else "") + " / ".join(lines))
    return "<br>".join(parts)


def _understood(row: Mapping[str, Any]) -> str:
    parts = [_sentence(text) for text in row["said"]]
    for what in ("splits", "genres"):
        if counts := row[what]:
            same = len(set(counts.values())) == 1 and len(counts) > 3
            names = ", ".join(name if same else f"{name} {n}" for name, n in counts.items())
            each = f" ({next(iter(counts.values()))} each)" if same else ""
            parts.insert(0, f"{what} {names}{each}")
    return "<br>".join(parts)


def _sentence(text: str) -> str:
    """A message of the program, in a cell."""
    return f"*{markdown_text(text)}*"
