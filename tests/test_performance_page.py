"""docs/performance.md shows what stands in docs/performance/*.json."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
RENDER = runpy.run_path(str(ROOT / "docs" / "render.py"))
PAGE = RENDER["PERFORMANCE"].read_text(encoding="utf-8")
MEASURED = RENDER["read_measured"](RENDER["MEASURED"])
ROW = {"suite": "loaders", "case": "crops", "peer": "torch", "ratio": 2, "low": 1.5, "high": 2.25}


def test_the_page_is_made_of_what_was_measured():
    assert RENDER["fill_measured"](PAGE, MEASURED) == PAGE, "run: python docs/render.py"


def test_every_suite_has_a_place_on_the_page_and_make_bench_runs_it():
    blocks = re.findall(r"<!-- benchmark: (\w+) -->", PAGE)
    assert len(set(blocks)) == len(blocks)
    (suites,) = re.findall(r"^SUITES = (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {*suites.split(), "rows"} == {name.partition("_")[0] for name in blocks}
    assert set(MEASURED) <= set(blocks)


@pytest.mark.parametrize("suite", MEASURED)
def test_numbers_are_of_their_suite_and_say_where_they_are_from(suite):
    content = MEASURED[suite]
    assert content["suite"] == suite.partition("_")[0]
    assert content["date"]
    assert content["machine"]["processor"]
    assert {row["suite"] for row in content.get("rows", [])} <= {content["suite"]}


def test_rows_of_all_suites_come_together_and_what_was_not_run_is_told():
    page = "".join(f"<!-- benchmark: {name} -->\n<!-- /benchmark -->\n" for name in ("rows", "x"))
    rows, missing = RENDER["fill_measured"](page, {"loaders": {"rows": [ROW]}}).split("x -->")
    assert "| loaders | crops | torch | 2.00 | 1.50 to 2.25 |" in rows
    assert "Not run yet; `mgr-jax benchmark x` does." in missing


def test_a_suite_is_written_as_its_command_prints_it():
    page = "<!-- benchmark: frontends -->\nold\n<!-- /benchmark -->"
    content = {
        "suite": "frontends",
        "clips": 1, "seconds": 30.0, "rounds": 1, "log_mel": {}, "rows": [ROW], "notes": [],
        "frontends": {"cqt": {"median": 2779.0, "best": 3000.0}}, "load_average": [None, None],
        "date": "2026-11-27", "machine": {"processor": "a CPU", "cores": 2, "devices": ["cpu cpu"],
        "versions": {"jax": "0.10.2"}, "environment": {}},
    }  # fmt: skip
    filled = RENDER["fill_measured"](page, {"frontends": content})
    assert "old" not in filled
    assert "| `cqt` | 2,779 | 3,000 |" in filled
    assert "a CPU, 2 cores, cpu cpu (jax 0.10.2), 2026-11-27." in filled
