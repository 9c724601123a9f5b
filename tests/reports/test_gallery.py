"""Pages of pictures: what is drawn where."""

import dataclasses
import subprocess
import sys

import librosa
import numpy as np
import pytest
from errors import user_error

from mgr_jax.reports.gallery import (
    Picture,
    draw_gallery,
    load_pages,
    save_pages,
    write_gallery,
)

FRAMES = 50


def picture(label="Hz", bin_values=None, channels=(), **changes) -> Picture:
    if bin_values is None:
        bin_values = librosa.cqt_frequencies(84, fmin=librosa.note_to_hz("C1"))
    rng = np.random.default_rng(0)
    shape = (FRAMES, len(bin_values), max(1, len(channels)))
    settings = {
        "name": "a_rather_long_name",
        "values": rng.uniform(-80, 0, shape).astype(np.float32),
        "span": (30.0, 31.0),
        "start": 30.0,
        "step": 1 / FRAMES,
        "unit": "dB re maximum",
        "limits": (-80.0, 0.0),
        "bin_label": label,
        "bin_values": np.asarray(bin_values, float),
        "channels": channels,
        "detail": "before training, 53250 × 80",
        "description": "n_fft=2048",
    }
    return Picture(**settings | changes)


def all_kinds() -> list[Picture]:
    return [
        picture(),
        picture("Hz", np.fft.rfftfreq(512, 1 / 22_050)),
        picture("Hz", librosa.mel_frequencies(96), ("first", "second", "third")),
        picture("pitch class", np.arange(12)),
        picture("coefficient", np.arange(20), limits=(-30.0, 30.0)),
        picture("BPM", librosa.tempo_frequencies(384)[6:]),
        picture("amplitude", [0], ("original", "gain"), unit="amplitude", limits=(-90.0, 90.0)),
        picture("bin", np.arange(7), gamma=0.5, limits=(0.0, 1.0)),
    ]


def ticks(axes) -> dict[str, float]:
    texts = [text.get_text() for text in axes.get_yticklabels()]
    return dict(zip(texts, axes.get_yticks(), strict=True))


def drawn(one: Picture):
    return draw_gallery([one], "title").axes[0]


def test_time_and_bins_are_where_they_belong():
    values = np.full((FRAMES, 84, 1), -80, np.float32)
    values[10, 57] = 0  # A5, 880 Hz, in frame 10
    axes = drawn(picture(values=values, start=29.99))
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, right) == pytest.approx((29.99, 30.99))
    assert axes.get_xlim() == (30, 31)
    assert (bottom, top) == (0, 84)
    assert axes.images[0].origin == "lower"
    assert np.asarray(axes.images[0].get_array())[57, 10] == 0
    # 1000 Hz is 2.2 semitones above it; bins begin half a bin below their centre.
    assert ticks(axes)["1k"] == pytest.approx(57.5 + 12 * np.log2(1000 / 880), abs=0.02)
    assert {"50", "100", "200", "500", "2k"} < set(ticks(axes))


def test_linear_axes_have_even_ticks():
    found = ticks(drawn(picture("Hz", np.fft.rfftfreq(2048, 1 / 22_050))))
    assert {"0", "2k", "4k", "10k"} < set(found)
    assert found["4k"] == pytest.approx(0.5 + 4000 * 2048 / 22_050)


def test_pitch_classes_have_names():
    found = ticks(drawn(picture("pitch class", np.arange(12))))
    assert list(found) == ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"]


def test_a_tempo_is_at_its_tick_and_slow_ones_are_below():
    tempi = librosa.tempo_frequencies(384)[6:]
    beat = np.abs(tempi - 120).argmin()
    values = np.zeros((FRAMES, len(tempi), 1), np.float32)
    values[:, beat] = 1
    axes = drawn(picture("BPM", tempi, values=values))
    rows = np.asarray(axes.images[0].get_array())[:, 0].nonzero()[0]
    assert rows[0] <= ticks(axes)["120"] <= rows[-1] + 1
    assert ticks(axes)["60"] < ticks(axes)["120"] < ticks(axes)["240"]


def test_channels_are_strips_from_the_bottom():
    values = np.zeros((FRAMES, 84, 2), np.float32)
    values[..., 1] = -80
    axes = drawn(picture(values=values, channels=("below", "above")))
    image = np.asarray(axes.images[0].get_array())
    assert (image[:84] == 0).all()
    assert (image[84:] == -80).all()
    height = {text.get_text(): text.xy[1] for text in axes.texts}
    assert height == {"below": 0.5, "above": 1.0}


def test_lines_go_through_the_middle_of_their_samples():
    values = np.arange(6, dtype=np.float32).reshape(3, 1, 2)
    axes = drawn(
        picture("amplitude", [0], ("a", "b"), values=values, start=-0.5, step=1.0, span=(0, 2))
    )
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[0, 0], [1, 2], [2, 4]])
    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [1, 3, 5])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]


def test_nothing_overlaps_or_is_cut_off():
    figure = draw_gallery(all_kinds(), "a title")
    figure.draw_without_rendering()
    whole = figure.bbox
    for axes in figure.axes:
        low, high = sorted(axes.get_ylim())
        labels = [
            label.get_window_extent()
            for tick in axes.yaxis.get_major_ticks()
            for label in (tick.label1, tick.label2)
            if low <= tick.get_loc() <= high and label.get_visible() and label.get_text()
        ]
        for i, box in enumerate(labels):
            assert not any(box.overlaps(other) for other in labels[:i])
        name, detail = axes._left_title, axes._right_title
        if name.get_text():
            assert not name.get_window_extent().overlaps(detail.get_window_extent())
        box = axes.get_tightbbox()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= whole.x1
        assert box.y1 <= whole.y1
        others = [other for other in figure.axes if other is not axes]
        assert not any(axes.bbox.overlaps(other.get_tightbbox()) for other in others)


def test_time_axes_of_a_column_are_aligned():
    figure = draw_gallery(all_kinds(), "title")
    figure.draw_without_rendering()
    with_time = [axes for axes in figure.axes if axes.get_xlabel() == "seconds"]
    assert len(with_time) == 8
    for column in range(3):
        boxes = [axes.get_position() for axes in with_time[column::3]]
        assert len({(round(box.x0, 6), round(box.x1, 6)) for box in boxes}) == 1


def test_pages_are_stored_and_drawn_from_the_file_alone(tmp_path):
    pages = {"Front ends": all_kinds(), "Augmentations": [picture(description="")]}
    save_pages(tmp_path / "report_data.npz", "song.mp3", pages)
    title, loaded = load_pages(tmp_path / "report_data.npz")
    assert title == "song.mp3"
    assert list(loaded) == list(pages)
    for before, after in zip(pages["Front ends"], loaded["Front ends"], strict=True):
        for field in dataclasses.fields(Picture):
            np.testing.assert_array_equal(getattr(before, field.name), getattr(after, field.name))
    code = (
        "import sys; from mgr_jax.reports.gallery import write_gallery;"
        f"write_gallery({str(tmp_path)!r});"
        "sys.exit(any(name in sys.modules for name in ('jax', 'matplotlib.pyplot')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "- **a_rather_long_name** (before training, 53250 × 80): n_fft=2048" in text
    assert text.count("n_fft=2048") == 8
    for image in ("front_ends.png", "augmentations.png"):
        assert f"({image})" in text
        assert (tmp_path / image).read_bytes().startswith(b"\x89PNG")


def test_damaged_pages_are_one_sentence(tmp_path):
    path = tmp_path / "report_data.npz"
    save_pages(path, "song.mp3", {"Front ends": [picture()]})
    content = path.read_bytes()
    for damaged in (content[:-9], content[:300] + b"x" + content[301:], b"", b"no pictures"):
        path.write_bytes(damaged)
        with user_error("file.damaged", path, "store the pictures again"):
            load_pages(path)


def test_missing_matplotlib_names_the_extra(tmp_path, monkeypatch):
    save_pages(tmp_path / "report_data.npz", "song.mp3", {"Front ends": [picture()]})
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'mgr-jax\[report\]'"):
        write_gallery(tmp_path)
