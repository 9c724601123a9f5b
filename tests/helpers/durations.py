"""Where the time of a run of the tests went, and where a worker crashed; told at its end.

The times are kept in build/durations.json.
"""

import json
from collections import Counter
from pathlib import Path

BUILD = Path(__file__).parents[2] / "build"
FILE = BUILD / "durations.json"
CRASHES = BUILD / "crashes"  # a file for each worker, empty unless it crashed
KEPT = 50


def pytest_terminal_summary(terminalreporter):
    """Sums up seconds by folder and by test, set-up and teardown included, of all workers."""
    for crash in sorted(CRASHES.glob("*.txt")):
        if text := crash.read_text(encoding="utf-8", errors="replace"):
            terminalreporter.section(f"{crash.stem} crashed")
            terminalreporter.write_line("\n".join(text.splitlines()[:40]))
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if hasattr(report, "duration"):
                tests[report.nodeid] += report.duration
    folders: Counter[str] = Counter()
    for name, seconds in tests.items():
        folders[name.partition("::")[0].rpartition("/")[0]] += seconds
    if len(folders) < 2:  # somebody looks at a few tests
        return
    found = {
        "folders": {name: round(seconds, 1) for name, seconds in folders.most_common()},
        "slowest tests": {name: round(seconds, 1) for name, seconds in tests.most_common(KEPT)},
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    terminalreporter.section(f"seconds by folder; the {KEPT} slowest tests are in {FILE}")
    for name, seconds in found["folders"].items():
        terminalreporter.write_line(f"{seconds:8.1f}  {name}")
