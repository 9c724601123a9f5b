"""Every source of weights is easy to find, with its readings and what is left out of its files."""

import runpy
from pathlib import Path

import pytest
from errors import user_error

import mgr_jax

RENDER = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "render.py"))


def test_the_list_has_a_line_for_each_source():
    lines = mgr_jax.format_sources().splitlines()
    assert max(map(len, lines)) <= 80
    names = list(mgr_jax.list_sources())
    assert [line.split(" ")[0] for line in lines[: len(names)]] == names


@pytest.mark.parametrize("name", mgr_jax.list_sources())
def test_of_a_source_readings_are_told_and_what_is_left_out(name):
    told, source = mgr_jax.format_sources(name), mgr_jax.list_sources()[name]
    assert max(map(len, told.splitlines())) <= 80
    words = {word.strip(",:").removesuffix(".") for word in told.split()}
    assert {source.name, *source.readings, *source.ignored} <= words
    with user_error("unknown_name", f"{name}x", name):
        mgr_jax.format_sources(f"{name}x")


def test_the_documentation_has_the_same():
    page = RENDER["PRETRAINED"].read_text(encoding="utf-8")
    assert page == RENDER["fill_sources"](page), "run: python docs/render.py"
    for name, source in mgr_jax.list_sources().items():
        assert f"| `{name}` | {source.about} | {source.upstream} |" in page
