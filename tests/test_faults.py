"""What docs/reliability.md says of damage and devices holds; the rest of it is for `make faults`.

Kills, full disks and signals take minutes even in part, and `make test` is for every change.
"""

import importlib
import json
import runpy
from pathlib import Path

import pytest

FAULTS = runpy.run_path(str(Path(__file__).parent / "faults" / "__main__.py"))
PARTS = ("damage", "devices", "mutated")


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_what_the_page_says_of_a_part_holds(part, tmp_path):
    importlib.import_module(part).run(tmp_path, reduced=True)


def test_the_page_shows_what_was_measured():
    figures = json.loads(FAULTS["FIGURES"].read_text(encoding="utf-8"))
    page = FAULTS["PAGE"].read_text(encoding="utf-8")
    assert page == FAULTS["render"](figures), "run: make faults"
