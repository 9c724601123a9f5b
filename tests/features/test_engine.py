"""What is kept beside a dataset is computed once, however often the process is killed."""

import functools
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from errors import user_error

from mgr_jax.errors import UserError
from mgr_jax.features.engine import extract
from mgr_jax.features.journal import Journal
from mgr_jax.features.kept import keep_features
from mgr_jax.workers import Failure

ROOT = Path(__file__).resolve().parent.parent.parent


def vector(value: float) -> np.ndarray:
    """Numbers that JSON must not round."""
    return np.array([value / 3, np.float32(value / 7), np.pi * value])


def give(value: float) -> tuple[float]:
    return (value,)


def make_items(count: int) -> dict:
    return {f"item {i}": functools.partial(give, float(i)) for i in range(count)}


def counting(seen: list, *, stop: int | None = None):
    """`vector`, noting what it is asked for; as if killed at the number `stop`."""

    def compute(value: float) -> np.ndarray:
        if value == stop:
            raise KeyboardInterrupt
        seen.append(int(value))
        return vector(value)

    return compute


def test_after_a_kill_only_the_rest_is_computed_and_nothing_is_left_behind(tmp_path):
    path, seen = tmp_path / "kept.npz", []
    keep = functools.partial(keep_features, path, make_items(9), settings={"a": 1}, progress=False)
    with pytest.raises(KeyboardInterrupt):
        keep(counting(seen, stop=5))
    assert seen == [0, 1, 2, 3, 4]
    assert not path.exists()
    seen.clear()
    found = keep(counting(seen))
    assert seen == [5, 6, 7, 8]
    np.testing.assert_array_equal(found, np.stack([vector(i) for i in range(9)], dtype=np.float32))
    assert found.dtype == np.float32
    assert os.listdir(tmp_path) == ["kept.npz"]
    seen.clear()
    np.testing.assert_array_equal(keep(counting(seen)), found)
    assert not seen
    path.write_bytes(path.read_bytes()[:200])
    with pytest.warns(UserWarning, match=r"kept\.npz is damaged; what it held is computed anew"):
        np.testing.assert_array_equal(keep(counting(seen)), found)
    assert len(seen) == 9


def slow(value: float) -> np.ndarray:
    time.sleep(0.1)
    return vector(value)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_process_goes_on(tmp_path, workers):
    path, journal = tmp_path / "kept.npz", tmp_path / "kept.npz.journal"
    script = tmp_path / "script.py"
    script.write_text(f"""
import sys
sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(ROOT / "tests/helpers")!r}]
import pathlib
import test_engine as t
if __name__ == "__main__":
    t.keep_features(
        pathlib.Path({str(path)!r}), t.make_items(60), t.slow, settings={{}}, workers={workers}
    )
""")
    process = subprocess.Popen(
        [sys.executable, script],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 4):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not path.exists()
    done = journal.read_bytes().count(b"\n") - 1
    assert 4 <= done < 60
    seen = []
    found = keep_features(path, make_items(60), counting(seen), settings={}, progress=False)
    assert seen == list(range(done, 60))
    np.testing.assert_array_equal(found, np.stack([vector(i) for i in range(60)], dtype=np.float32))


def test_a_journal_of_other_settings_or_a_damaged_one_counts_for_nothing(tmp_path):
    path, journal = tmp_path / "kept.npz", tmp_path / "kept.npz.journal"
    with pytest.raises(KeyboardInterrupt):
        keep_features(path, make_items(4), counting([], stop=2), settings={"a": 1}, progress=False)
    with user_error("journal.other_settings", journal, "a = 1, not 2"):
        Journal(journal, {"format": 1, "a": 2})
    for content in (journal.read_bytes(), b"my notes\n"):
        journal.write_bytes(content)
        seen = []
        with pytest.warns(UserWarning, match=r"kept\.npz\.journal is damaged, or of other sett"):
            keep_features(path, make_items(4), counting(seen), settings={"a": 2}, progress=False)
        assert seen == [0, 1, 2, 3]
        path.unlink()


def test_what_is_kept_of_other_settings_is_computed_anew(tmp_path):
    path, seen = tmp_path / "kept.npz", []

    def keep(**settings) -> None:
        keep_features(path, make_items(4), counting(seen), settings=settings, progress=False)

    for settings in ({"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}):
        keep(**settings)
    assert seen == [0, 1, 2, 3] * 2
    arrays = dict(np.load(path))  # version 0.1.0 kept no settings
    np.savez(path, values=arrays["values"], format=arrays["format"])
    keep(a=3)
    assert len(seen) == 8


def test_two_processes_at_once_do_not_spoil_each_others_work(tmp_path):
    path, seen = tmp_path / "kept.npz", []
    with Journal(tmp_path / "kept.npz.journal", {}) as journal:
        before = journal.path.read_bytes()
        found = keep_features(path, make_items(4), counting(seen), settings={}, progress=False)
        assert journal.path.read_bytes() == before
    assert seen == [0, 1, 2, 3]
    assert found.shape == (4, 3)


def test_failures_are_named_and_kept_and_rows_of_nan(tmp_path):
    def fail(value: float) -> np.ndarray:
        if value == 1:
            raise UserError("too short", code="audio.too_short")
        if value == 2:
            raise ZeroDivisionError("by two")
        return vector(value)

    with Journal(tmp_path / "journal", {}) as journal:
        found = extract(make_items(4), fail, journal=journal, progress=False)
    assert found["item 1"] == Failure("item 1: too short", "audio.too_short")
    reason = "item 2 has no features (ZeroDivisionError: by two)"
    assert found["item 2"] == Failure(reason, "features.failed")
    with Journal(tmp_path / "journal", {}) as journal:
        again = extract(make_items(4), counting(seen := []), journal=journal, progress=False)
    assert not seen
    assert again["item 1"] == found["item 1"]
    np.testing.assert_array_equal(again["item 3"], found["item 3"])
    kept = keep_features(tmp_path / "a.npz", make_items(4), fail, settings={}, progress=False)
    np.testing.assert_array_equal(np.isnan(kept).all(axis=1), [False, True, True, False])


def test_what_is_finished_together_is_finished_in_the_same_batches_after_a_kill(tmp_path):
    batches = []

    def finish(vectors: list[np.ndarray]) -> list[np.ndarray]:
        batches.append([round(3 * v[0]) for v in vectors])
        return [2 * v for v in vectors]

    def run(compute, journal):
        return extract(
            make_items(10), compute, journal=journal, finish=finish, batch=4, progress=False
        )

    with pytest.raises(KeyboardInterrupt), Journal(tmp_path / "journal", {}) as journal:
        run(counting([], stop=6), journal)
    with Journal(tmp_path / "journal", {}) as journal:
        found = run(counting(seen := []), journal)
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert seen == list(range(4, 10))
    np.testing.assert_array_equal(found["item 9"], 2 * vector(9))


def test_the_bar_is_a_switch_and_for_terminals(capsys, open_terminal):
    extract(make_items(2), vector, title="noise", unit="clip")
    assert capsys.readouterr().err == ""
    terminal = open_terminal()
    extract(make_items(2), vector, progress=False)
    assert terminal.getvalue() == ""
    extract(make_items(2), vector, title="noise", unit="clip")
    assert "noise: 100%" in terminal.getvalue()


def test_a_journal_in_which_a_bit_has_changed_is_no_journal(tmp_path):
    path = tmp_path / "journal"
    with Journal(path, {"rate": 1}) as journal:
        journal.append({"a": np.array([0.5, 1.5])})
    content = path.read_bytes()
    for position, byte in enumerate(content[:-1]):  # without its end, the last line is unfinished
        path.write_bytes(content[:position] + bytes([byte ^ 1]) + content[position + 1 :])
        with user_error("journal.damaged", path):
            Journal(path, {"rate": 1})


def test_journals_hold_numbers_exactly(tmp_path):
    values = np.random.default_rng(0).normal(size=(3, 4)) * 10.0 ** np.arange(-8, 4, 3)
    with Journal(tmp_path / "journal", {}) as journal:
        journal.append({"a": values, "b": Failure("why")})
        journal.append({"c": values.astype(np.float32)})
    lines = (tmp_path / "journal").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[2][9:]) == {
        "item": "b",
        "entry": {"reason": "why", "code": ""},
    }  # behind its sum
    with Journal(tmp_path / "journal", {}) as journal, warnings.catch_warnings():
        np.testing.assert_array_equal(journal.entries["a"], values)
        np.testing.assert_array_equal(journal.entries["c"], values.astype(np.float32))
        assert journal.entries["b"] == Failure("why")
