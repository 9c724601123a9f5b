"""Names of any kind in pictures and pages."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from mgr_jax.decisions import Answer
from mgr_jax.errors import printable
from mgr_jax.prediction.prediction import Prediction, Section
from mgr_jax.reports import draw_confusion, draw_per_class, figure_to_image, fonts, markdown_text
from mgr_jax.reports.fonts import choose_fonts, drawable
from mgr_jax.reports.report import markdown_table

FORGED = "rock\x1b[31m\nmgr-jax: all fine"


@pytest.fixture
def only_matplotlibs_fonts(monkeypatch):
    """The fonts that come with matplotlib, whatever this machine has."""
    ours = [e for e in font_manager.fontManager.ttflist if "mpl-data" in e.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", ours)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: [])
    for cached in (fonts._family, fonts._tell_lacking):
        cached.cache_clear()
    yield
    for cached in (fonts._family, fonts._tell_lacking):
        cached.cache_clear()


@pytest.fixture
def font_of(only_matplotlibs_fonts, tmp_path, monkeypatch):
    """Installs a font that has a square for each of some characters."""

    def install(characters):
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for point in ((0, 700), (700, 700), (700, 0)):
            pen.lineTo(point)
        pen.closePath()
        names = [".notdef", *(f"u{ord(c):04X}" for c in characters)]
        font = FontBuilder(1000, isTTF=True)
        font.setupGlyphOrder(names)
        font.setupCharacterMap({ord(c): f"u{ord(c):04X}" for c in characters})
        font.setupGlyf(dict.fromkeys(names, pen.glyph()))
        font.setupHorizontalMetrics(dict.fromkeys(names, (800, 0)))
        font.setupHorizontalHeader(ascent=800, descent=-200)
        font.setupNameTable({"familyName": "Testing Sans", "styleName": "Regular"})
        font.setupOS2()
        font.setupPost()
        font.save(tmp_path / "testing.ttf")
        found = [str(tmp_path / "testing.ttf")]
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_, **__: found)
        fonts._family.cache_clear()

    return install


def test_a_script_that_no_font_has_is_drawn_as_code_points_and_told(only_matplotlibs_fonts):
    with pytest.warns(UserWarning, match=r"\(cjk\).*fonts-noto-cjk"):
        assert drawable("日本 jazz") == "U+65E5 U+672C jazz"
    with pytest.warns(UserWarning, match=r"\(devanagari\).*fonts-noto-core"):
        assert drawable("ही") == "U+0939 U+0940"
    with pytest.warns(UserWarning, match=r"\(symbols\)"):
        assert drawable("🎸") == "U+1F3B8"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # each script is told once
        assert drawable("日") == "U+65E5"


@pytest.mark.parametrize("name", ["Música", "Ελληνικά", "русский", "العربية", "Rock & Roll"])
def test_a_script_that_the_usual_font_has_is_left_alone(name, only_matplotlibs_fonts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drawable(name) == name


def test_dollars_are_no_formulas_and_nothing_steers(only_matplotlibs_fonts):
    assert drawable("A$AP $x_$") == r"A\$AP \$x_\$"
    assert drawable(FORGED) == r"rock\x1b[31m\nmgr-jax: all fine"
    names = ["A$AP $x_$ \\frac", FORGED]
    figure_to_image(draw_confusion(np.eye(2, dtype=int), names, "$\\frac$"))
    row = {"support": 1, "recall": [0.5, 0.1, 0.9]}
    figure_to_image(draw_per_class([{"class": name} | row for name in names], "$\\frac$"))


def test_a_font_that_was_installed_meanwhile_is_used(font_of):
    font_of("日本語")
    figure = draw_confusion(np.eye(2, dtype=int), ["日本語", "rock"], "日")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of missing glyphs
        choose_fonts(figure)
        figure.canvas.draw()
    labels = figure.axes[0].get_yticklabels()
    assert labels[0].get_text() == "日本語 (1)"
    assert labels[0].get_fontfamily()[-1] == "Testing Sans"
    assert "Testing Sans" not in labels[1].get_fontfamily()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", r"\<script>alert(1)\</script>"),
        ("a | b", r"a \| b"),
        ("a\n# b", r"a\\n# b"),
        ("![x](http://y)", r"![x\](http://y)"),
        ("R&B &lt;", r"R&B \&lt;"),
        ("\u202egnp.exe", r"\\u202egnp.exe"),
        ("choi_crnn", "choi_crnn"),
    ],
)
def test_a_name_stays_a_name_in_markdown(name, shown):
    assert markdown_text(name) == shown
    assert markdown_table([{"system": name}]).count("\n") == 2


def test_a_class_cannot_forge_lines_of_an_answer():
    half = np.array([0.5, 0.5])
    answer = Answer((FORGED, "b"), half, (FORGED,))
    sections = (Section(0.0, 1.0, answer),)
    told = Prediction((FORGED, "b"), np.zeros(1), np.ones(1), half[None], half, answer, sections)
    text = told.describe(2)
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert printable(FORGED) in text
