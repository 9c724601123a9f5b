"""Whatever bit flips, and wherever a file is cut: one reads what was written, or an error."""

import itertools
import json
import warnings

import numpy as np
import pytest
from errors import user_error

from mgr_jax import integrity
from mgr_jax.array_files import keep_arrays, load_arrays, read_arrays
from mgr_jax.errors import UserError
from mgr_jax.integrity import (
    find_damage,
    read_line,
    read_sealed,
    seal_line,
    write_sealed,
    write_sums,
)


def spoiled(content: bytes):
    """A content with a bit of each byte changed, and cut in many places."""
    for position, byte in enumerate(content):
        yield content[:position] + bytes([byte ^ (1 << position % 8)]) + content[position + 1 :]
        if position % 10 == 0:
            yield content[:position]


def test_arrays_come_back_as_they_were_or_not_at_all(tmp_path):
    path = tmp_path / "a.npz"
    keep_arrays(path, values=np.arange(6.0), names=np.array(["one", "two"]))
    whole = load_arrays(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        lost = 0
        for content in itertools.islice(spoiled(path.read_bytes()), 0, None, 3):
            path.write_bytes(content)
            if found := load_arrays(path):
                assert found.keys() == whole.keys()
                for name, array in found.items():
                    np.testing.assert_array_equal(array, whole[name])
            else:
                lost += 1
    assert lost > 200
    words = "a.npz is damaged; what it held is computed anew"
    assert sum(words in str(warning.message) for warning in told) == lost


def test_damage_is_found_in_each_file_that_has_a_sum(tmp_path):
    (tmp_path / "data").write_bytes(bytes(100))
    (tmp_path / "text").write_bytes(b"a text")
    write_sums(tmp_path)
    (tmp_path / "later").touch()
    assert not find_damage(tmp_path, limit=1000)
    for name in ("data", "text", "sums.json"):
        path = tmp_path / name
        before = path.read_bytes().rstrip()  # what is cut from that does no harm
        for content in spoiled(before):
            path.write_bytes(content)
            integrity._read_crc32.cache_clear()  # the clock of the file system is too slow for this
            told = find_damage(tmp_path, limit=1000)
            assert told
            assert name in told or name == "sums.json"
        path.unlink()
        assert "No such file" in find_damage(tmp_path, limit=1000)
        path.write_bytes(before)
        assert not find_damage(tmp_path, limit=1000)
    (tmp_path / "data").write_bytes(bytes(99) + b"a")
    assert not find_damage(tmp_path, limit=99)  # too large to be read
    (tmp_path / "data").write_bytes(bytes(99))
    assert find_damage(tmp_path, limit=99) == "data has 99 bytes, not 100"


def test_sums_are_of_all_files_below_and_can_be_looked_at_in_part(tmp_path):
    for name in ("model/a", "model/deep/b", "optimizer/c", "modelling", "later/d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    write_sums(tmp_path, skip=("later",))
    (tmp_path / "later/d").write_text("other")
    assert not find_damage(tmp_path)
    (tmp_path / "optimizer/c").unlink()
    assert find_damage(tmp_path).startswith("c cannot be read")
    assert not find_damage(tmp_path, within="model")
    (tmp_path / "model/deep/b").write_text("model/deep/c")
    assert (
        find_damage(tmp_path, within="model")
        == "model/deep/b holds something else than was written"
    )
    assert not find_damage(tmp_path, within="modelling")
    assert find_damage(tmp_path, within="mode") == "sums.json does not tell of mode"


CONTENT = {
    "schema": 2,
    "names": ["é", "b"],
    "shape": (3, 4),
    "lr": 0.1,
    "none": None,
    "n": {1: "x"},
}


def test_a_sealed_file_says_what_was_written_or_is_refused(tmp_path):
    path = tmp_path / "model.json"
    write_sealed(path, CONTENT)
    whole = json.loads(json.dumps(CONTENT))
    assert read_sealed(path, "restore it") == whole
    refused = 0
    for content in spoiled(path.read_bytes().rstrip()):
        path.write_bytes(content)
        try:
            found = read_sealed(path, "restore it")
        except UserError:
            refused += 1
        else:  # the name of the digest has changed, and nothing else
            assert whole.items() <= found.items()
    assert refused > 150
    path.write_text(json.dumps(dict(reversed(whole.items()))))  # by an older version
    assert read_sealed(path, "restore it") == whole


def test_what_is_changed_by_hand_is_found_out(tmp_path):
    path = tmp_path / "model.json"
    write_sealed(path, CONTENT)
    stored = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(stored.items()))))  # which says the same
    read_sealed(path, "restore it")
    stored["names"].reverse()
    path.write_text(json.dumps(stored))
    with user_error("file.damaged", str(path), "damaged or changed", "restore it"):
        read_sealed(path, "restore it")
    for content in ("[]", "[" * 100_000):
        path.write_text(content)
        with user_error("file.damaged", "restore it"):
            read_sealed(path, "restore it")


@pytest.mark.parametrize("row", [{"step": 4, "loss": 0.25, "leak": 'a, "b": é'}, {"step": 1}])
def test_a_line_says_what_was_written_or_is_refused(row):
    line = seal_line(row).encode()
    assert read_line(line + b"\n") == row
    assert read_line(json.dumps(row).encode()) == row  # by an older version
    for content in spoiled(line):
        try:
            assert row.items() <= read_line(content).items()
        except ValueError:
            continue


def test_arrays_that_cannot_be_computed_anew_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    with pytest.raises(FileNotFoundError):
        read_arrays(path)
    keep_arrays(path, values=np.arange(6.0))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"no whole \.npz file"):
        read_arrays(path)
    np.savez(path, values=np.arange(3))  # by an older version
    assert read_arrays(path).keys() == {"values"}


def test_a_cache_is_not_taken_for_its_neighbour(tmp_path):
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
        keep_arrays(tmp_path / split / "digests.npz", digests=np.array([split]))
    path = tmp_path / "test" / "digests.npz"
    assert load_arrays(path)["digests"].tolist() == ["test"]
    path.write_bytes((tmp_path / "train" / "digests.npz").read_bytes())
    with pytest.warns(UserWarning, match="damaged; what it held is computed anew"):
        assert load_arrays(path) == {}
