"""What docs/reliability.md says holds; `make faults` does more of the same."""

import importlib

import pytest

PARTS: tuple[str, ...] = ("disks",)  # each that is there


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_what_the_page_says_of_a_part_holds(part, tmp_path):
    importlib.import_module(part).run(tmp_path, reduced=True)
