"""Bad files and folders of every kind are understood, or told of; docs/inputs.md has them all."""

import re
from pathlib import Path

import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.io import Limits
from mgr_jax.benchmark.inputs import run
from mgr_jax.benchmark.inputs.bad_files import BAD_FILES, try_file
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.layout_table import LAYOUTS
from mgr_jax.benchmark.inputs.layouts import expand
from mgr_jax.benchmark.inputs.page import format_layouts, format_page

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"
WRITE_IT = "write the page anew: mgr-jax benchmark inputs --markdown=docs/inputs.md"
OUTCOMES = {f"{title}: {one.name}": one.outcome for title, some in LAYOUTS.items() for one in some}


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


@pytest.fixture(scope="module")
def understood(tmp_path_factory):
    """What is found of each layout; none needs a codec, so that it is the same everywhere."""
    return run.try_layouts(tmp_path_factory.mktemp("layouts"))


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_layout_is_understood_as_it_is_meant(name, understood):
    found, outcome = understood[name], OUTCOMES[name]
    assert (found["code"], found["genres"]) == (outcome.code, outcome.genres), found["said"]
    assert found["splits"] == outcome.splits
    assert len(found["said"]) == len(outcome.said), found["said"]
    for sentence, part in zip(found["said"], outcome.said, strict=True):
        assert part in sentence
        assert "\n" not in sentence


def test_a_layout_has_one_outcome():
    """Genres, or the code of an error and what it names."""
    for name, outcome in OUTCOMES.items():
        assert bool(outcome.genres) != bool(outcome.code and all(outcome.said)), name
        assert outcome.said or not outcome.code, name


def test_names_are_expanded_as_by_a_shell():
    assert list(expand("{a,b}/{0,1}.wav")) == ["a/0.wav", "a/1.wav", "b/0.wav", "b/1.wav"]


def keys(page: str) -> list[str]:
    """The lines of a page without what is found by trying: cells behind the first two, numbers.

    Versions stand in the paragraph before the first section.
    """
    lines = page[page.index("## Files that are read") :].splitlines()
    return [
        " | ".join(line.split(" | ")[:2])
        if line.startswith("| ")
        else re.sub(r"so of \d+ of", "so of some of", line)
        for line in lines
    ]


def test_the_page_has_the_rows_of_the_tables(understood):
    number = dict.fromkeys(("length", "lag", "gain", "correlation", "error"), 0.0)
    row = number | {"problem": "", "notices_cut": True}
    bad = {"refused": "", "still_refused": "", "warned": [], "seconds": 0.0}
    page = format_page(
        {
            "versions": {"PyAV": "1"},
            "encodings": {encoding.name: row for encoding in ENCODINGS},
            "files": {one.file: bad for one in BAD_FILES},
            "layouts": understood,
        }
    )
    assert keys(PAGE.read_text(encoding="utf-8")) == keys(page), WRITE_IT


def test_the_page_tells_what_is_understood_now(understood):
    page = PAGE.read_text(encoding="utf-8")
    section = page[page.index(f"### {next(iter(LAYOUTS))}") :]
    assert section == format_layouts(understood) + "\n", WRITE_IT


def test_the_page_was_written_where_every_program_is():
    assert "not tried" not in PAGE.read_text(encoding="utf-8")


def test_the_page_is_not_written_without_the_programs(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with user_error("package.missing", "ffmpeg, lame, sox"):
        mgr_jax.benchmark_inputs(complete=True)
    assert cli.main(["benchmark", "inputs", f"--markdown={tmp_path / 'page.md'}"]) == 1
    assert not list(tmp_path.iterdir())


def test_limits_are_given_as_the_page_says():
    page = PAGE.read_text(encoding="utf-8")
    typed = re.findall(r"`--limits=(\S+)`", page)
    called = re.findall(r"`limits=mgr_jax\.Limits\((.+?)\)`", page)
    arguments = dict(one.split("=") for one in called[0].split(", "))
    numbers = {name: float(value) for name, value in arguments.items()}
    assert [Limits.parse(text) for text in typed] == [Limits(**numbers)]


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
