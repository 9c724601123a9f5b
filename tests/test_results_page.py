"""README.md and docs/results.md show what stands in the ledger, and nothing else."""

import re
import runpy
from pathlib import Path

import pytest

from mgr_jax.evaluation.ledger import read_ledger

ROOT = Path(__file__).resolve().parent.parent
RENDER = runpy.run_path(str(ROOT / "docs" / "render.py"))
ENTRIES = read_ledger(ROOT / "docs" / "results.jsonl")
INTERVAL = r"-?\d\.\d{3} \[-?\d\.\d{3}, -?\d\.\d{3}\]"


@pytest.mark.parametrize("path", RENDER["PAGES"], ids=lambda path: path.name)
def test_tables_are_those_of_the_ledger(path):
    page = path.read_text(encoding="utf-8")
    assert "<!-- results: " in page
    assert page == RENDER["fill"](page, ENTRIES), "run: python docs/render.py"


@pytest.mark.parametrize("path", RENDER["PAGES"], ids=lambda path: path.name)
def test_numbers_between_the_tables_stand_in_the_ledger_too(path):
    text = " ".join(path.read_text(encoding="utf-8").replace("−", "-").split())
    found = set(re.findall(INTERVAL, text))
    assert found
    assert found <= set(map(str, ENTRIES))


def test_every_table_of_the_ledger_is_on_a_page():
    tables = {cell[0] for entry in ENTRIES for cell in entry.cells}
    pages = "".join(path.read_text(encoding="utf-8") for path in RENDER["PAGES"])
    assert tables | {"runs"} == set(re.findall(r"<!-- results: (\w+) -->", pages))


def test_what_leaks_says_so_where_it_is_shown():
    for entry in ENTRIES:
        for _, row, column in entry.cells:
            assert bool(entry.protocol and entry.protocol["leaks"]) == ("LEAKS" in row + column)


def test_no_result_is_there_twice_and_who_wrote_it_down_says_how():
    assert all(entry.by_hand or entry.commit for entry in ENTRIES)
    assert all(entry.protocol and entry.split for entry in ENTRIES)
    recorded = [entry.identity for entry in ENTRIES if not entry.by_hand]
    assert len(set(recorded)) == len(recorded)
