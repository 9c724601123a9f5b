import subprocess
import sys

import numpy as np
import pytest
from matplotlib.text import Text

from mgr_jax.reports import (
    draw_comparison,
    draw_confusion,
    draw_history,
    draw_per_class,
    draw_reliability,
    figure_to_image,
    write_page,
)

CLASSES = ["Blues", "Avant-Garde | Noise", "Rock"]
MATRIX = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
ROWS = [
    {"class": "Blues", "support": 10, "precision": 8 / 9, "recall": [0.8, 0.49, 0.94], "f1": 0.84},
    {
        "class": CLASSES[1],
        "support": 10,
        "precision": 9 / 11,
        "recall": [0.9, 0.6, 0.98],
        "f1": 0.86,
    },
    {"class": "Rock", "support": 0, "precision": None, "recall": [None] * 3, "f1": None},
]
HISTORY = ([0, 10, 20], {"train/loss": [2.0, 1.5, 1.0], "accuracy": [np.nan, 0.4, 0.7]})
RELIABILITY = {
    "count": np.array([0, 1000]),
    "confidence": np.array([np.nan, 0.7]),
    "frequency": np.array([np.nan, 0.6]),
}


def write(folder, **changes):
    arguments = {
        "title": "choi_crnn, test",
        "summary_rows": [
            {"system": "model", "accuracy": [0.8512, 0.7, 0.95], "log_loss": [0.5, None, None]},
            {"system": "majority class", "accuracy": [0.5, 0.3, 0.7]},
        ],
        "matrix": MATRIX,
        "classes": CLASSES,
        "per_class_rows": ROWS,
        "history": HISTORY,
        "notes": ["artist-disjoint"],
    }
    return write_page(folder, **arguments | changes)


def is_title(artist):
    return isinstance(artist, Text) and artist.get_text().startswith("a title")


def is_inside(figure, artist):
    box = artist.get_window_extent(figure.canvas.get_renderer())
    return box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1


def test_report_shows_every_picture_and_number(tmp_path):
    path = write(tmp_path / "report")
    text = path.read_text(encoding="utf-8")
    assert path.name == "report.md"
    assert "| model | 0.851 [0.700, 0.950] | 0.500 |" in text
    assert "| majority class | 0.500 [0.300, 0.700] | – |" in text
    assert r"| Avant-Garde \| Noise | 10 | 0.818 | 0.900 [0.600, 0.980] | 0.860 |" in text
    assert "| Rock | 0 | – | – | – |" in text
    assert "- artist-disjoint" in text
    for name in ("confusion_matrix", "per_class", "history"):
        assert f"({name}.png)" in text
        assert (path.parent / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_report_shows_calibration_only_where_it_is_given(tmp_path):
    assert "Calibration" not in write(tmp_path).read_text(encoding="utf-8")
    text = write(tmp_path, reliability=RELIABILITY).read_text(encoding="utf-8")
    assert "![reliability](reliability.png)" in text
    axes = draw_reliability(RELIABILITY, "test").axes[0]
    np.testing.assert_array_equal(axes.lines[1].get_xydata(), [[0.7, 0.6]])


def test_report_without_matrix_and_history_has_neither(tmp_path):
    path = write(tmp_path, matrix=None, history=None, notes=())
    text = path.read_text(encoding="utf-8")
    assert "per_class.png" in text
    assert "confusion" not in text.lower()
    assert "Training" not in text
    assert sorted(file.name for file in tmp_path.iterdir()) == ["per_class.png", "report.md"]


@pytest.mark.parametrize("size", [2, 8, 20])
def test_nothing_written_is_cut_off(size):
    names = [f"A rather long name of a genre {i}" for i in range(size)]
    matrix = np.random.default_rng(0).integers(0, 200, (size, size))
    rows = [ROWS[0] | {"class": name} for name in names]
    title = "a title that is much longer than the figure is wide, " * 2
    for figure in (
        draw_confusion(matrix, names, title),
        draw_per_class(rows, title),
        draw_history(*HISTORY, title),
        draw_reliability(RELIABILITY, title),
        draw_comparison(names, [[0.5, 0.4, 0.6], *[[0.5, None, None]] * (size - 1)], "F1", title),
    ):
        figure_to_image(figure)
        axes = figure.axes[0]
        texts = [*axes.texts, axes.xaxis.label, axes.yaxis.label, *figure.findobj(is_title)]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [tick.label1 for tick in axis.get_major_ticks() if low < tick.get_loc() < high]
        for text in filter(Text.get_text, texts):
            assert is_inside(figure, text), text.get_text()


def test_confusion_writes_counts_and_colours_shares():
    axes = draw_confusion(MATRIX, CLASSES, "test").axes[0]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "8", (1, 0): "2", (0, 1): "1", (1, 1): "9"}
    expected = [[0.8, 0.2, 0], [0.1, 0.9, 0], [0, 0, 0]]
    np.testing.assert_allclose(axes.images[0].get_array(), expected)
    assert axes.get_yticklabels()[0].get_text() == "Blues (10)"
    with pytest.raises(ValueError, match="need a square"):
        draw_confusion(MATRIX[:2], CLASSES, "test")


def test_history_drops_what_was_not_logged_and_parts_losses_from_metrics():
    losses, metrics = draw_history(*HISTORY, "run").axes
    np.testing.assert_array_equal(losses.lines[0].get_xydata(), [[0, 2], [10, 1.5], [20, 1]])
    np.testing.assert_array_equal(metrics.lines[0].get_xydata(), [[10, 0.4], [20, 0.7]])
    with pytest.raises(ValueError, match="no series"):
        draw_history([], {}, "run")


def test_image_for_tensorboard_has_the_pixels_of_the_figure():
    figure = draw_per_class(ROWS, "test")
    image = figure_to_image(figure)
    width, height = figure.canvas.get_width_height()
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.min() < 50
    assert (image[0] == 255).all()


def test_drawing_leaves_pyplot_alone():
    code = (
        "import sys; from mgr_jax.reports import draw_history, figure_to_image;"
        "figure_to_image(draw_history([0, 1], {'loss': [1, 0]}, 'run'));"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_matplotlib_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'mgr-jax\[report\]'"):
        write(tmp_path / "report")
    assert not (tmp_path / "report").exists()
