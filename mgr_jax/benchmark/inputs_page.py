"""The page docs/inputs.md, from what `benchmark_inputs` has found."""

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mgr_jax.audio.io import Limits
from mgr_jax.benchmark.bad_inputs import BAD_INPUTS
from mgr_jax.benchmark.encoding_table import TABLE
from mgr_jax.benchmark.encodings import SECONDS, Encoding
from mgr_jax.benchmark.layout_table import LAYOUTS
from mgr_jax.benchmark.layouts import Layout

_READ = f"""\
Each file holds {SECONDS:g} s of sound. It is read at its own rate and compared with the sound that
went in. Of several channels, the mix is compared.

- **length**: by how many ms it has become longer. Many codecs fill their last block with silence.
- **lag**: by how many ms it comes later. Many codecs put silence before the sound; it is taken off
  where the file says how much it is.
- **gain**: by how many dB it is louder. lame makes sound softer by 0.4 dB.
- **same**: 1 if it is the same sound, by its correlation; *exact* if each sample is the same.
"""
_REFUSED = """\
`prepare_data` leaves a file out and says why, in `skipped.json` too. `predict` uses what there is
of a cut file, and says so.
"""
_UNDERSTOOD = """\
`{0…7}` stands for eight files. Genres have the number of their tracks. Where no splits are given,
they are made.
"""
_DATASETS = {
    "audio_folder": "`--dataset=audio_folder --manual_dir=music`",
    "gtzan/stratified": "`--dataset=gtzan/stratified --manual_dir=music`",
    "fma/small": "`--dataset=fma/small --manual_dir=music`",
    "feature_array": "`--dataset=feature_array --features=music/features.csv`",
}


def format_page(report: Mapping[str, Any]) -> str:
    """The content of `benchmark_inputs` as a page in Markdown."""
    versions = " and ".join(f"{name} {number}" for name, number in report["versions"].items())
    blocks = [
        "# Inputs",
        "Everything on this page was tried when it was written, by `mgr-jax benchmark inputs "
        f"--markdown=docs/inputs.md`, with {versions}.",
        "## Files that are read",
        _READ,
        *_encodings(report["encodings"]),
        "## Files that are refused, or told of",
        _REFUSED,
        "\n".join(_bad_files(report["files"])),
        "## Limits",
        "A file beyond them is refused, before it takes all memory.",
        "\n".join(_limits()),
        "## Folders and tables",
        _UNDERSTOOD,
        *_layouts(report["layouts"]),
    ]
    return "\n\n".join(block.strip() for block in blocks) + "\n"


def _encodings(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, encodings in TABLE.items():
        yield f"### {title}"
        lines = ["| file | | kHz | channels | length | lag | gain | same |"]
        lines += ["|---|---|--:|--:|--:|--:|--:|--:|"]
        lines += [
            f"| {describe(encoding)} | {_found(rows[encoding.name])} |" for encoding in encodings
        ]
        yield "\n".join(lines)


def describe(encoding: Encoding) -> str:
    """What the page says of an encoding before it was tried: a row's first cells."""
    name = f"`{encoding.name}`" if encoding.command else encoding.name
    return f"{name} | .{encoding.suffix} | {encoding.rate / 1000:g} | {encoding.channels}"


def _found(row: Mapping[str, Any]) -> str:
    if row["problem"]:
        return f"| | | {row['problem']}"
    length, lag, gain = (_signed(row[name], digits) for name, digits in _NUMBERS.items())
    exact = row["error"] < 0.01 and not row["lag"]
    return f"{length} | {lag} | {gain} | {'exact' if exact else format(row['correlation'], '.4f')}"


_NUMBERS = {"length": 1, "lag": 1, "gain": 2}


def _signed(number: float, digits: int) -> str:
    return format(round(number, digits), f"+.{digits}f") if round(number, digits) else "0"


def _bad_files(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "| file | it is | `prepare_data` | `predict` |"
    yield "|---|---|---|---|"
    for file, (what, _) in BAD_INPUTS.items():
        row = rows[file]
        refused, warned = row["refused"], "; ".join(row["warned"])
        used = f"uses it: {warned}" if warned else f"uses the {row['seconds']:.1f} s"
        if refused and row["still_refused"]:
            cells = (refused, "the same")
        elif refused:
            cells = (refused, used)
        else:
            cells = (used, "the same") if warned else ("nothing", "nothing")
        yield f"| `{file}` | {what} | {' | '.join(cells)} |"


def _limits() -> Iterator[str]:
    told = dict(re.findall(r"^  (\w+): (.+)", inspect.getdoc(Limits) or "", re.MULTILINE))
    yield "| limit | default | it is |"
    yield "|---|--:|---|"
    for field in dataclasses.fields(Limits):
        yield f"| `{field.name}` | {field.default:,} | {told[field.name]} |"


def _layouts(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for title, layouts in LAYOUTS.items():
        yield f"### {title}"
        yield f"Prepared with {_DATASETS[layouts[0].dataset]}."
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
    parts = []
    if row["genres"]:
        parts.append("genres " + ", ".join(f"{name} {n}" for name, n in row["genres"].items()))
    if row["splits"]:
        parts.append("splits " + ", ".join(f"{name} {n}" for name, n in row["splits"].items()))
    return "<br>".join([*parts, *(f"*{text}*" for text in row["said"])])
