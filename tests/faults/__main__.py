"""Breaks things on purpose, and writes docs/reliability.md of what came of it.

    python tests/faults                   # all parts, about half an hour on two cores
    python tests/faults kills disks       # some; the page shows the last figures of the others
    python tests/faults --reduced         # a little of each, in three minutes; writes nothing

A part is a module here with `run(folder, reduced=False)`: it works in an empty folder, raises an
AssertionError where something does not hold that the page says, and returns the figures that
page.md shows of it, as `{part[figure]}`. tests/test_faults.py runs the quick ones, reduced.
"""

import importlib
import json
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FIGURES = HERE / "figures.json"
PAGE = ROOT / "docs" / "reliability.md"
PARTS = ("kills", "damage", "devices", "disks", "signals", "mutated")


def main(parts: list[str], *, reduced: bool = False) -> None:
    """Runs parts, and keeps their figures."""
    # Here, since the processes that are started import this module too.
    sys.path[:0] = [str(ROOT / "tests" / "helpers"), str(ROOT / "tests")]
    importlib.import_module("conftest")  # the settings that tests run under
    if unknown := set(parts) - set(PARTS):
        sys.exit(f"there is no part {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    load = os.getloadavg()[0]  # of others
    for part in parts or PARTS:
        print(f"== {part}", flush=True)
        since = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"faults-{part}-") as folder:
            try:
                figures[part] = importlib.import_module(part).run(Path(folder), reduced=reduced)
            except unittest.SkipTest as reason:
                figures[part] = {"untried": str(reason)}
        seconds = time.perf_counter() - since
        print(f"== {part}: {figures[part]}, {seconds:.0f} s", flush=True)
        if reduced:
            continue
        figures[part] |= {"minutes": f"{seconds / 60:.0f}", "load": f"{load:.1f}"}
        figures[part]["cores"] = f"{len(os.sched_getaffinity(0))}"
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if reduced:
        return
    if missing := [part for part in PARTS if part not in figures]:
        sys.exit(f"the page is written when there are figures of {', '.join(missing)} too")
    PAGE.write_text(render(figures), encoding="utf-8")


def render(figures: dict[str, dict[str, str]]) -> str:
    """The page, with the figures of all parts in their places."""
    shown = {part: _Untried() if "untried" in its else its for part, its in figures.items()}
    return (HERE / "page.md").read_text(encoding="utf-8").format(**shown)


class _Untried(dict):
    """The figures of a part that is not allowed here."""

    def __missing__(self, name: str) -> str:
        return "(not tried)"


if __name__ == "__main__":
    given = sys.argv[1:]
    main([part for part in given if part != "--reduced"], reduced="--reduced" in given)
