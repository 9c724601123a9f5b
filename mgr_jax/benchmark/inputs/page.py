"""The page docs/inputs.md, from what `benchmark_inputs` has found."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mgr_jax.audio.io import Limits
from mgr_jax.benchmark.inputs.bad_files import BAD_FILES
from mgr_jax.benchmark.inputs.encoding_table import TABLE
from mgr_jax.benchmark.inputs.encodings import SECONDS, Encoding
from mgr_jax.benchmark.inputs.layout_table import LAYOUTS
from mgr_jax.benchmark.inputs.layouts import Layout

_READ = f"""\
Each file holds {SECONDS:g} s of sound. It is read at its own rate and compared with the sound that
went in. Of several channels, the mix is compared.

- **length**: by how many ms it has become longer. Many codecs fill their last block with silence.
- **lag**: by how many ms it comes later. Many codecs put silence before the sound. It is taken off
  where the file says how much it is.
- **gain**: by how many dB it is louder. lame makes sound softer by 0.4 dB.
- **same**: 1 if it is the same sound, by its correlation; *exact* if each sample is the same.
- **half**: what happens to half of the file. It is *noticed* where the file says how long the whole
  is; else it is *read* like a whole one.
"""
_REFUSED = """\
`prepare_data` leaves a file out, and says why, on the screen and in `skipped.json`. `predict` uses
what there is of a file that is cut short, and says so.
"""
_LIMITS = """\
A file beyond them is refused before it takes all memory. Every command that reads audio takes
others (`limits`), as in `max_hours=48,min_rate=500`; in Python, `mgr_jax.Limits(max_hours=48)`.
"""
_UNDERSTOOD = """\
Here `{0…7}` stands for eight files. Behind a genre stands the number of its tracks. Where no splits
are given, they are made.
"""
_DIGITS = {"length": 1, "lag": 1, "gain": 2}


def format_page(report: Mapping[str, Any]) -> str:
    """The content of `benchmark_inputs` as a page in Markdown."""
    versions = " and ".join(f"{name} {number}" for name, number in report["versions"].items())
    blocks = [
        "# Inputs",
        "Everything on this page was tried when it was written, by `mgr-jax benchmark inputs` "
        f"with {versions}.",
        "## Files that are read",
        _READ,
        *_encodings(report["encodings"]),
        "## Files that are refused, or told of",
        _REFUSED,
        "\n".join(_bad_files(report["files"])),
        "## Limits",
        _LIMITS,
        "\n".join(_limits()),
        "## Folders and tables",
        _UNDERSTOOD,
        *_layouts(report["layouts"]),
    ]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _encodings(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, encodings in TABLE.items():
        yield f"### {title}"
        lines = ["| file | | kHz | channels | length | lag | gain | same | half |"]
        lines += ["|---|---|--:|--:|--:|--:|--:|--:|---|"]
        lines += [f"| {describe(one)} | {_found(rows[one.name])} |" for one in encodings]
        yield "\n".join(lines)


def describe(encoding: Encoding) -> str:
    """What the page says of an encoding before it was tried: a row's first cells."""
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
    """What a layout holds, in a cell of the page."""
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
    """What the program says, in a cell."""
    return f"*{text.replace('<', '&lt;').replace('|', '&#124;')}*"
