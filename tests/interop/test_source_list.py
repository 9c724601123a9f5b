"""Every source of weights is easy to find, with its readings and what is left out of its files."""

import runpy
from pathlib import Path

import mgr_jax

RENDER = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "render.py"))


def test_the_list_tells_sources_readings_and_what_is_left_out():
    told = mgr_jax.format_sources()
    assert max(map(len, told.splitlines())) <= 80
    words = {word.strip(",:").removesuffix(".") for word in told.split()}
    for source in mgr_jax.list_sources().values():
        assert {source.name, *source.readings, *source.ignored} <= words


def test_the_documentation_has_the_same():
    page = RENDER["PRETRAINED"].read_text(encoding="utf-8")
    assert page == RENDER["fill_sources"](page), "run: python docs/render.py"
    for name, source in mgr_jax.list_sources().items():
        assert f"| `{name}` | {source.about} | {source.upstream} |" in page
