"""Files that are byte for byte the same are found, without holding them."""

import os
import tracemalloc
import zipfile

from mgr_jax.data.identical import identical_files


def write(folder, **contents):
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: len(content) for name, content in contents.items()}


def test_only_files_that_are_equal_to_their_ends_have_a_common_name(tmp_path):
    start, rest = os.urandom(1 << 16), os.urandom(1 << 19)
    sizes = write(
        tmp_path,
        a=start + rest,
        b=start + rest,
        ends_otherwise=start + rest[:-1] + bytes([rest[-1] ^ 1]),
        starts_otherwise=rest[: 1 << 16] + rest,
        empty=b"",
        empty_too=b"",
    )
    twins = identical_files(tmp_path, sizes)
    assert set(twins) == {"a", "b"}
    assert twins["a"] == twins["b"] != ""
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        for name in sizes:
            file.write(tmp_path / name, name)
    assert identical_files(tmp_path / "all.zip", sizes) == twins
    assert identical_files(tmp_path, {"a": 5, "gone": 5}) == {}


def test_large_twins_are_not_held_in_memory(tmp_path):
    sizes = write(tmp_path, a=bytes(1 << 24), b=bytes(1 << 24))
    identical_files(tmp_path, sizes)
    tracemalloc.start()
    twins = identical_files(tmp_path, sizes)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert set(twins) == {"a", "b"}
    assert peak < 1 << 21
