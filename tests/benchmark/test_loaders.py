"""The benchmark of loaders, of crops of a fifth of a second; no test looks at a speed."""

import importlib.util
import json
import sys

import numpy as np
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.benchmark import loaders, songs
from mgr_jax.data.streaming import StreamingLoader

SIZES = {"seconds": 0.2, "tracks": 6, "batch": 4, "rounds": 2}


@pytest.fixture
def few(monkeypatch):
    """Short tracks and few batches, so that it is quick."""
    monkeypatch.setattr(songs, "SECONDS", 1.0)
    monkeypatch.setattr(loaders, "_BATCHES", 2)
    monkeypatch.setattr(loaders, "_WORKERS", (0,))


def test_the_command_prints_a_table_and_writes_rows(capsys, monkeypatch, few, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "mgr_jax.benchmark.torch_loader", raising=False)
    found, sizes = tmp_path / "found.json", [f"--{name}={size}" for name, size in SIZES.items()]
    assert cli.main(["benchmark", "loaders", *sizes, "--noprogress", f"--json={found}"]) == 0
    out = capsys.readouterr().out
    assert "PyTorch is not compared, as it is not installed" in out
    content = json.loads(found.read_text(encoding="utf-8"))
    assert (content["suite"], content["tracks"], content["rounds"]) == ("loaders", 6, 2)
    assert out.startswith(loaders.format_report(content))
    cases = [f"0.2-s crops, {dtype}, {name}" for dtype in loaders.DTYPES
             for name in ("resident", "streaming")]  # fmt: skip
    rows = {(row["case"], row["peer"]) for row in content["rows"]}
    assert rows == {(case, peer) for case in cases for peer in (loaders.MEMMAP, loaders.FLAC)}
    speeds = content["crops_per_second"]
    assert set(speeds) == {"resident", "streaming", loaders.MEMMAP, loaders.FLAC}
    assert all(speeds[name][dtype]["median"] > 0 for name in speeds for dtype in loaders.DTYPES)


def test_a_loader_that_cuts_other_crops_is_not_timed(monkeypatch, few):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(loaders, "interleave", pytest.fail)
    whole = StreamingLoader._clips
    monkeypatch.setattr(
        StreamingLoader, "_clips", lambda self, tracks, starts: whole(self, tracks, starts ^ 1)
    )
    with user_error("benchmark.differs", "streaming", "int16"):
        mgr_jax.benchmark_loaders(**SIZES, progress=False)


def test_crops_longer_than_tracks_are_refused():
    with user_error("argument.out_of_range", "31 s", "30 seconds"):
        mgr_jax.benchmark_loaders(seconds=31)


@pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="PyTorch is not installed")
def test_a_dataloader_cuts_what_it_is_told(tmp_path):
    from mgr_jax.benchmark import torch_loader

    tracks = np.random.default_rng(0).integers(-(2**15), 2**15, (3, 100), np.int16)
    tracks.tofile(tmp_path / "tracks")
    places = np.array([[0, 5], [2, 90], [1, 0], [2, 1]])
    crops = torch_loader.Crops(tmp_path / "tracks", (3, 100), places, 10)
    assert torch_loader.choose_threads(crops, 2, 1) == 1
    expected = np.stack([tracks[track, start : start + 10] for track, start in places])
    for dtype, scale in (("int16", 1), ("float32", 2**15)):
        batches = torch_loader.source(crops, 2, 0)(dtype)
        found = np.concatenate([next(batches).numpy() for _ in range(4)])
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.concatenate([expected] * 2) / scale)
