"""The picture of a timeline says what it shows: axes, names and colours."""

import itertools
import warnings

import numpy as np
import pytest

from mgr_jax.reports.figures import COLOURS, figure_to_image
from mgr_jax.reports.timeline import draw_timeline

matplotlib = pytest.importorskip("matplotlib")

OVERVIEW = {
    "low": np.full(100, -0.5),
    "high": np.full(100, 0.25),
    "mel": np.linspace(-80, 0, 6400).reshape(100, 64),
    "frequencies": np.geomspace(40, 5500, 64),
}


def draw(length, classes=("blues", "jazz"), sections=None, overview=OVERVIEW, moments=60):
    edges = np.linspace(0, length, moments + 1)
    probabilities = np.full((moments, len(classes)), 0.2 / (len(classes) - 1))
    probabilities[:, 0] = 0.8
    sections = sections or [(0.0, length, classes[:1])]
    return draw_timeline(edges, probabilities, classes, sections, "a song.mp3", overview)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_what_stands_above_what():
    figure = draw(60.0)
    sections, areas, waveform, mel = figure.axes
    assert figure.get_suptitle() == "a song.mp3"
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "sections", "probability", "waveform", "Hz (mel scale)",
    ]  # fmt: skip
    assert texts(sections) == ["blues"]
    assert areas.get_ylim() == (0, 1)
    assert [text.get_text() for text in areas.get_legend().get_texts()] == ["jazz", "blues"]
    assert all(axes.get_xlim() == (0, 60) for axes in figure.axes)
    assert waveform.get_ylim() == (-0.5, 0.5)
    labels = [label.get_text() for label in mel.get_yticklabels()]
    assert labels == ["250", "500", "1k", "2k", "4k"]
    assert len(draw(60.0, overview=None).axes) == 2


@pytest.mark.parametrize(
    ("length", "first", "last", "unit"),
    [
        (3.0, "0:00", "0:03", "time (m:ss)"),
        (61.5, "0:00", "1:00", "time (m:ss)"),
        (600.0, "0:00", "10:00", "time (m:ss)"),
        (3600.0 * 10, "0:00", "10:00", "time (h:mm)"),
        (3600.0 * 48, "0:00", "48:00", "time (h:mm)"),
    ],
)
def test_time_can_be_read(length, first, last, unit):
    figure = draw(length, moments=5000)
    axes = figure.axes[-1]
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert (labels[0], labels[-1]) == (first, last)
    assert 3 <= len(labels) <= 14
    assert len(set(labels)) == len(labels)
    assert axes.get_xlabel() == unit
    figure_to_image(figure)  # whatever the length
    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))


def test_the_most_important_have_colours_and_the_rest_is_grey():
    classes = tuple(f"genre {number}" for number in range(12))
    told = [(0.0, 30.0, ("genre 11",)), (30.0, 50.0, ("genre 10",)), (50.0, 60.0, ("undecided",))]
    figure = draw(60.0, classes, told)
    sections, areas = figure.axes[:2]
    names = [text.get_text() for text in areas.get_legend().get_texts()]
    assert names[0] == "6 others"
    assert set(names[1:]) >= {"genre 11", "genre 10", "genre 0"}
    assert names[-1] == "genre 11"
    fills = [matplotlib.colors.to_hex(patch.get_facecolor()) for patch in sections.patches]
    assert [fill.upper() for fill in fills] == [COLOURS[0], COLOURS[1], "#FFFFFF"]
    assert texts(sections) == ["genre 11", "genre 10", "undecided"]


def test_areas_are_as_high_as_probabilities():
    figure = draw(60.0)
    first = figure.axes[1].collections[0].get_paths()[0].get_extents()
    assert (first.y0, first.y1) == pytest.approx((0, 0.8))
    top = figure.axes[1].collections[-1].get_paths()[0].get_extents()
    assert top.y1 == pytest.approx(1)


def test_tags_have_a_strip_each():
    tags = ("guitar", "vocal", "fast")
    probabilities = np.tile([0.1, 0.55, 0.3], (30, 1))
    told = [(0.0, 30.0, ("vocal", "fast"))]
    figure = draw_timeline(np.arange(31.0), probabilities, tags, told, "a", None)
    strips = figure.axes[1]
    assert [label.get_text() for label in strips.get_yticklabels()] == ["vocal", "fast", "guitar"]
    assert strips.get_legend() is None
    assert texts(figure.axes[0]) == ["vocal, fast"]
    assert strips.get_ylabel() == "probability, 0 to 0.6"
    areas = [area.get_paths()[0].get_extents() for area in strips.collections]
    assert [area.y0 for area in areas] == [2, 1, 0]  # from the top
    heights = [(area.y1 - area.y0) / 0.9 * 0.6 for area in areas]
    assert heights == pytest.approx([0.55, 0.3, 0.1])


def test_names_are_cut_where_there_is_no_room():
    name = "progressive chamber jazz with elements of grunge"
    sections = [(0.0, 50.0, (name,)), (50.0, 60.0, (name,)), (60.0, 60.5, ("jazz",))]
    figure = draw(60.5, (name, "jazz"), sections)
    figure_to_image(figure)
    full, short, none = texts(figure.axes[0])
    assert full == name
    assert short.startswith("progressive")
    assert short.endswith("…")
    assert none == ""
    for text, patch in zip(figure.axes[0].texts, figure.axes[0].patches, strict=True):
        assert text.get_window_extent().width <= patch.get_window_extent().width
    assert figure.axes[1].get_legend().get_window_extent().width < 300


def test_names_are_no_instructions():
    figure = draw(10.0, ("$x^", "日本語", "\u202egnp"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # no font may have them
        assert figure_to_image(figure).shape[2] == 3
    names = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert names[-1] == r"\$x^"
    assert not any("\u202e" in name for name in names)
