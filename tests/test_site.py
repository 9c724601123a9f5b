"""The documentation site builds without a warning, is whole, and needs no other host."""

import json
import os
import re
import runpy
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from mkdocs.config import load_config

import mgr_jax
from mgr_jax import cli
from mgr_jax._registry import Registry
from mgr_jax.files import lock

ROOT = Path(__file__).resolve().parent.parent
HOOKS = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}


class _Page(HTMLParser):
    """What a page links to, what it loads, and where it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors = {""}
        self.classes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.anchors.add(found.get("id") or "")
        self.classes |= set((found.get("class") or "").split())
        self.classes.add(found.get("data-md-component") or "")
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        names_a_page = found.get("rel") in ("prev", "next", "canonical")
        if (name := LOADING.get(tag)) and found.get(name) and not names_a_page:
            self.loads.append(found[name])


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built once for all workers of a test run."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with lock(folder / "site.lock", "the site is being built", wait=True):
        built = folder / "site"
        if not built.exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
            environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
            done = subprocess.run(
                [*command, "--site-dir", str(folder / "new")],
                cwd=ROOT,
                env=environment,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert not done.stdout + done.stderr
            (folder / "new").rename(built)
    return built


@pytest.fixture(scope="session")
def pages(site):
    found = sorted(site.rglob("*.html"))
    return {path: _Page(path.read_text(encoding="utf-8")) for path in found}


def _listed(nav):
    """The pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    items = nav.values() if isinstance(nav, dict) else nav
    return [page for item in items for page in _listed(item)]


def test_every_page_stands_in_the_navigation_once():
    config = HOOKS["on_config"](load_config(str(ROOT / "mkdocs.yml")))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    made = {*HOOKS["COPIED"], *HOOKS["command_pages"](), *HOOKS["api_pages"]()}
    assert sorted(_listed(config.nav)) == sorted(written | made)


def test_every_command_has_a_page_with_its_flags(site):
    for command in cli.list_commands():
        text = (site / "commands" / f"{command}.html").read_text(encoding="utf-8")
        assert f"mgr-jax {cli.spell(command)}" in text
        flags = HOOKS["Flags"]()
        HOOKS["importlib"].import_module(f"mgr_jax.cli.{command}").define_flags(flags)
        for flag in flags:
            assert re.search(rf"<code>--(\[no\])?{flag}</code>", text), (command, flag)


def test_every_public_name_has_one_place_in_the_api(pages):
    api = [page for path, page in pages.items() if path.parent.name == "api"]
    for name in mgr_jax.__all__:
        assert sum(f"mgr_jax.{name}" in page.anchors for page in api) == 1, name


def test_every_network_has_a_place_in_the_api(site, pages):
    assert set(Registry("mgr_jax.models")) <= pages[site / "api" / "networks.html"].anchors


def test_links_within_the_site_lead_somewhere(site, pages):
    lost = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            url = urlsplit(link)
            if url.scheme or path.name == "404.html":
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            anchors = pages[target].anchors if target in pages else {""}
            if not target.is_file() or unquote(url.fragment) not in anchors:
                lost.append((path.relative_to(site).as_posix(), link))
    assert not lost


def test_nothing_is_loaded_from_another_host(site, pages):
    for path, page in pages.items():
        assert not [load for load in page.loads if urlsplit(load).netloc], path
        # The theme's script asks other hosts for these alone.
        assert not {"mermaid", "source"} & page.classes, path
    for path in site.rglob("*.css"):
        style = path.read_text(encoding="utf-8")
        assert not re.search(r"(url\(|@import\s)['\"]?(https?:)?//", style), path


def test_the_search_finds_words_of_every_kind_of_page(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    inlined = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert json.loads(inlined.removeprefix("var __index = ")) == index
    found = {}
    for entry in index["docs"]:
        page = entry["location"].partition("#")[0]
        found[page] = found.get(page, "") + entry["title"] + " " + entry["text"]
    for page, word in {
        "guide/datasets.html": "fault-filtered",
        "commands/predict.html": "--timeline",
        "api/prediction.html": "read_results",
        "api/networks.html": "short_chunk_res",
        "models.html": "won2020:model=short_chunk_res",
        "reliability.html": "SIGTERM",
    }.items():
        assert word in found[page]
