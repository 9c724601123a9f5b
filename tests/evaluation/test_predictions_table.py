import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from mgr_jax.evaluation import Predictions, Protocol, format_table


def make_table(**changes):
    columns = {
        "track": ["b", "a", "b", "a"],
        "start": [0.0, 0.0, 4.0, 4.0],
        "end": [8.0, 8.0, 12.0, 10.0],
        "probabilities": [[0.5, 0.5, 0.0], [0.1, 0.2, 0.7], [0.9, 0.1, 0.0], [0.3, 0.4, 0.3]],
        "label": [0, 2, 0, 2],
        "classes": ("blues", "rock", "ünïcode | name"),
        "task": "single_label",
        "split": "test",
        "protocol": Protocol("dataset", "artist-disjoint", segments="segments of 8 s"),
    }
    return Predictions(**columns | changes)


MULTI = {"task": "multi_label", "label": [[1, 0, 1], [0, 1, 0], [1, 0, 1], [0, 1, 0]]}


@pytest.mark.parametrize("changes", [{}, MULTI], ids=["single", "multi"])
def test_save_and_load_give_the_same_table_and_leave_no_other_file(tmp_path, changes):
    table = make_table(**changes)
    path = tmp_path / "predictions" / "test.npz"
    table.save(path)
    table.save(path)  # overwrites
    loaded = Predictions.load(path)
    for name in ("track", "start", "end", "probabilities", "label"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(table, name))
        assert getattr(loaded, name).dtype == getattr(table, name).dtype
    for name in ("classes", "task", "split", "protocol"):
        assert getattr(loaded, name) == getattr(table, name)
    assert [file.name for file in path.parent.iterdir()] == ["test.npz"]


def test_a_failed_save_keeps_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "test.npz"
    make_table().save(path)

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        make_table(split="validation").save(path)
    assert Predictions.load(path).split == "test"
    assert [file.name for file in tmp_path.iterdir()] == ["test.npz"]


def test_load_names_a_missing_file_and_a_foreign_one(tmp_path):
    with pytest.raises(ValueError, match=r"none\.npz does not exist"):
        Predictions.load(tmp_path / "none.npz")
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    np.save(tmp_path / "array.npz", np.arange(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "empty.npz").write_text("")
    np.savez(tmp_path / "objects.npz", track=np.array([{}], dtype=object))
    for name in ("other", "array", "text", "empty", "objects"):
        with pytest.raises(ValueError, match=rf"{name}\.npz is not a predictions table"):
            Predictions.load(tmp_path / f"{name}.npz")


def test_by_track_takes_the_mean_and_the_whole_span_in_order_of_appearance():
    tracks = make_table().by_track()
    assert tracks.track.tolist() == ["b", "a"]
    assert tracks.label.tolist() == [0, 2]
    assert tracks.start.tolist() == [0.0, 0.0]
    assert tracks.end.tolist() == [12.0, 10.0]
    np.testing.assert_allclose(tracks.probabilities, [[0.7, 0.3, 0.0], [0.2, 0.3, 0.5]], rtol=1e-6)
    again = tracks.by_track()
    np.testing.assert_array_equal(again.probabilities, tracks.probabilities)


def test_by_track_of_a_multi_label_table():
    tracks = make_table(**MULTI).by_track()
    assert tracks.label.tolist() == [[1, 0, 1], [0, 1, 0]]


@pytest.mark.parametrize(
    "changes",
    [{"label": [0, 2, 1, 2]}, MULTI | {"label": [[1, 0, 1], [0, 1, 0], [1, 0, 0], [0, 1, 0]]}],
)
def test_a_track_with_two_labels_is_an_error(changes):
    with pytest.raises(ValueError, match="track 'b' carry different labels"):
        make_table(**changes).by_track()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "ranking"}, "task is 'ranking'"),
        ({"start": [0.0, 1.0]}, r"start has shape \(2,\)"),
        ({"probabilities": [[0.5, 0.5]] * 4}, r"probabilities has shape \(4, 2\)"),
        ({"task": "multi_label"}, r"label has shape \(4,\)"),
        ({"label": [0, 3, 0, 2]}, "lie in 0..2"),
        ({"label": [0, -1, 0, 2]}, "lie in 0..2"),
        ({"label": [0, 1.5, 0, 2]}, "whole numbers"),
        (MULTI | {"label": [[2, 0, 1]] * 4}, "lie in 0..1"),
        ({"probabilities": [[0.5, 0.2, 0.2]] * 4}, "sum to 1"),
        ({"probabilities": [[1.5, -0.5, 0.0]] * 4}, r"within \[0, 1\]"),
        ({"probabilities": [[np.nan, 0.5, 0.5]] * 4}, r"within \[0, 1\]"),
        ({"end": [8.0, 0.0, 12.0, 10.0]}, "start < end"),
        ({"end": [8.0, np.inf, 12.0, 10.0]}, "start < end"),
        ({"classes": ("a", "a", "b")}, "repeat a name"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_table(**changes)


def test_an_empty_table_is_refused():
    empty = {"track": [], "start": [], "end": [], "label": [], "probabilities": np.zeros((0, 3))}
    with pytest.raises(ValueError, match="no rows"):
        make_table(**empty)


def test_replace_checks_again():
    with pytest.raises(ValueError, match="lie in"):
        replace(make_table(), label=np.array([9, 9, 9, 9]))


def test_console_table_is_aligned_and_names_counts_and_undefined_numbers():
    result = {
        "split": "test",
        "protocol": Protocol("dataset", "artist-disjoint").as_dict(),
        "aggregation": "vote",
        "confidence": 0.9,
        "tracks": 1,
        "segments": 5,
        "left_out": ["Opera"],
        "segment": {"roc_auc": [0.7131, 0.651, 0.772], "average_precision": [None, None, None]},
        "track": {"roc_auc": [1.0, None, None]},
    }
    assert format_table(result).splitlines() == [
        "test: 1 tracks, 5 segments; artist-disjoint, whole tracks; tracks by vote of the "
        "segments; 90 % intervals",
        "segment  roc_auc            0.713 [0.651, 0.772]",
        "segment  average_precision    n/a [  n/a,   n/a]",
        "track    roc_auc            1.000 [  n/a,   n/a]",
        "left out of roc_auc and average_precision (labels all alike): Opera",
    ]


def test_importing_evaluation_needs_numpy_only():
    code = "import sys, mgr_jax.evaluation, mgr_jax.reports; print(*sys.modules)"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert not {"jax", "sklearn", "scipy", "matplotlib", "librosa"} & set(modules)
