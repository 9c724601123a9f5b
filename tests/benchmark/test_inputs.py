"""Bad files and folders of every kind are understood, or told of; docs/inputs.md has them all."""

from pathlib import Path

import pytest

from mgr_jax.benchmark.inputs import run
from mgr_jax.benchmark.inputs.bad_files import BAD_FILES, try_file
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.layout_table import LAYOUTS
from mgr_jax.benchmark.inputs.layouts import expand, understand
from mgr_jax.benchmark.inputs.page import format_page

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"


@pytest.mark.parametrize("bad", BAD_FILES, ids=lambda bad: bad.file)
def test_a_bad_file_is_refused_in_a_sentence_or_read(bad, tmp_path):
    path = tmp_path / bad.file
    bad.make(path)
    outcome = try_file(path)
    assert outcome.code == bad.code, outcome.refused
    if bad.code:
        assert str(path) in outcome.refused
        assert "\n" not in outcome.refused
    else:
        assert outcome.seconds > 1
        assert all(str(path) in sentence for sentence in outcome.warned)


@pytest.mark.parametrize(
    "layout", [one for some in LAYOUTS.values() for one in some], ids=lambda one: one.name
)
def test_a_layout_is_understood_or_told_of(layout, tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    understood = understand(layout, music)
    assert understood.genres or understood.said
    assert all("\n" not in sentence for sentence in understood.said)


def test_what_is_understood_is_what_there_is(tmp_path):
    layout = next(one for one in LAYOUTS["Folders with an index.csv"] if one.name == "splits")
    understood = understand(layout, tmp_path)
    assert understood.genres == {"pop": 8, "rock": 8}
    assert understood.splits == {"train": 12, "validation": 2, "test": 2}
    assert list(expand("{a,b}/{0,1}.wav")) == ["a/0.wav", "a/1.wav", "b/0.wav", "b/1.wav"]


def keys(page: str) -> list[str]:
    """The lines of a page without what is found by trying: cells behind the first, and versions."""
    return [
        " | ".join(line.split(" | ")[:2]) if line.startswith("| ") else line
        for line in page.splitlines()
        if not line.startswith("Everything on this page")
    ]


def test_the_page_has_the_rows_of_the_tables():
    number = dict.fromkeys(("length", "lag", "gain", "correlation", "error"), 0.0)
    row = number | {"problem": "", "notices_cut": True}
    bad = {"refused": "", "still_refused": "", "warned": [], "seconds": 0.0}
    understood: dict = {"genres": {}, "splits": {}, "said": []}
    page = format_page(
        {
            "versions": {},
            "encodings": {encoding.name: row for encoding in ENCODINGS},
            "files": {one.file: bad for one in BAD_FILES},
            "layouts": {
                f"{title}: {one.name}": understood
                for title, some in LAYOUTS.items()
                for one in some
            },
        }
    )
    assert keys(PAGE.read_text(encoding="utf-8")) == keys(page), (
        "write the page anew: mgr-jax benchmark inputs --markdown=docs/inputs.md"
    )


def test_the_page_tells_what_was_found(tmp_path, monkeypatch):
    exact = next(one for one in ENCODINGS if one.name == "WAV, 16 bit")
    monkeypatch.setattr(run, "ENCODINGS", [exact])
    monkeypatch.setattr(run, "BAD_FILES", [one for one in BAD_FILES if one.file == "cut.wav"])
    monkeypatch.setattr(run, "LAYOUTS", {"Folders": LAYOUTS["Folders of genres"][:1]})
    monkeypatch.setattr(run, "format_page", lambda report: "the page")
    report = run.benchmark_inputs(progress=False)
    (found,) = report.content["encodings"].values()
    assert found["correlation"] == pytest.approx(1)
    assert found["notices_cut"]
    (found,) = report.content["files"].values()
    assert found["seconds"] == pytest.approx(4, abs=0.01)
    assert found["refused"].startswith("cut.wav")  # the folder is left out
    (found,) = report.content["layouts"].values()
    assert found["genres"] == {"pop": 8, "rock": 8}
    assert report.save(markdown=tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text() == "the page"
