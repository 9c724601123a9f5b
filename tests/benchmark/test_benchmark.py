"""Benchmarks, of front ends on clips of half a second; no test looks at a speed."""

import functools
import json
import sys

import jax
import numpy as np
import pytest
import scipy.signal
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.audio.frontends import create_frontend, list_frontends
from mgr_jax.benchmark import peers
from mgr_jax.benchmark.frontends import (
    choose_devices,
    synthetic_clips,
    time_frontends,
)
from mgr_jax.benchmark.peers import LIBROSA, NNAUDIO, TORCH
from mgr_jax.benchmark.timing import interleave, memory_bandwidth, speed_ratio

OWN = ("mgr_jax, 2 devices", "mgr_jax, 1 device")


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return synthetic_clips(2, 11_025, seed=0)


@pytest.fixture
def few(monkeypatch):
    """Two front ends, and little memory to move, so that it is quick."""
    only = ["log_mel", "waveform"]
    monkeypatch.setattr("mgr_jax.benchmark.frontends.list_frontends", lambda: only)
    little = functools.partial(memory_bandwidth, megabytes=1)
    monkeypatch.setattr("mgr_jax.benchmark.frontends.memory_bandwidth", little)


def run(capsys, *argv) -> tuple[int, str, str]:
    code = cli.main(["benchmark", "frontends", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_prints_a_table_and_writes_the_ratios(capsys, monkeypatch, few, tmp_path):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setenv("HOME", str(tmp_path))
    target = tmp_path / "out" / "frontends.json"
    sizes = ["--seconds=0.5", "--clips=2", "--rounds=2"]
    files = ["--json=~/out/frontends.json", f"--markdown={tmp_path / 'frontends.md'}"]
    code, out, _ = run(capsys, *sizes, *files)
    assert code == 0
    table = (tmp_path / "frontends.md").read_text(encoding="utf-8")
    assert table.startswith("Log-mel spectrograms")
    assert table in out
    assert f"Wrote {target}\nWrote {tmp_path / 'frontends.md'}\n" in out
    for missing in (TORCH, NNAUDIO):
        assert f"{missing} is not compared, as it is not installed: pip install" in out
    assert "synthetic noise and chirps, seed 0" in out
    report = json.loads(target.read_text(encoding="utf-8"))
    assert {*OWN, LIBROSA} <= set(report["log_mel"])
    for name in OWN:
        assert f"\n| {name} " in out
        assert report["log_mel"][name]["max_error_db"] < 5e-3
    row = next(row for row in report["rows"] if row["peer"] == LIBROSA)
    assert (row["suite"], row["case"]) == ("frontends", "log-mel, 2 devices")
    assert 0 < row["low"] <= row["ratio"] <= row["high"]
    assert set(report["frontends"]) == {"log_mel", "waveform"}
    assert len(report["load_average"]) == 2
    assert report["machine"]["versions"]["jax"] == jax.__version__
    assert report["machine"]["cores"] >= 1


def test_clips_are_cut_from_music_and_python_hears_no_word(capsys, few, tmp_path):
    path = tmp_path / "music.wav"
    soundfile.write(path, np.sin(np.arange(22_050) / 10), 22_050)
    report = mgr_jax.benchmark_frontends(
        seconds=1, clips=2, rounds=1, devices=1, audio=[path], progress=False
    )
    assert "of 1 s of music from 1 files, repeated, 1 rounds" in str(report)
    assert OWN[0] not in str(report)
    assert report.content["audio"] == "1 s of music from 1 files, repeated"
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("argv", "code", "says"),
    [
        (["network"], 2, "takes flags alone, not 'network'"),
        (["--clips=0"], 2, "--clips=0"),
        (["--rounds=few"], 2, "--rounds=few"),
        (["--seconds=nan"], 2, "--seconds=nan"),
        (["--seconds=1e9"], 1, "clips of 1e+09 s are out of range"),
        (["--devices=64"], 1, "ask for fewer"),
        (["--clips=3"], 1, "3 clips cannot be shared evenly by 2 devices"),
        (["--audio=none.wav"], 1, "none.wav is not a file"),
        (["--json=FOLDER"], 1, "is a folder; give the name of a file"),
        (["--markdown=/dev/null/x.md"], 1, "cannot be made a folder"),
    ],
    ids=str,
)
def test_mistakes_are_one_sentence(capsys, few, tmp_path, argv, code, says):
    got, out, err = run(capsys, *(word.replace("FOLDER", str(tmp_path)) for word in argv))
    assert (got, out) == (code, "")
    assert says in err
    assert err.count("\n") == 1


def test_without_a_suite_they_are_named(capsys):
    assert cli.main(["benchmark"]) == 2
    out, err = capsys.readouterr()
    assert "  benchmark frontends  " in out
    assert not err


@pytest.mark.parametrize("suite", ["frontends", "models"])
def test_every_suite_tells_its_own_flags(capsys, suite):
    assert cli.main(["benchmark", suite, "--help"]) == 0
    out = capsys.readouterr().out
    assert "--clips" in out
    assert ("--rounds" in out) == ("--audio" in out) == (suite == "frontends")


def test_networks_are_described_and_timed(capsys, tmp_path):
    targets = {"json": tmp_path / "models.json", "markdown": tmp_path / "models.md"}
    code = cli.main(
        ["benchmark", "models", "mlp:model=tanh", "--clips=1", "--noprogress"]
        + [f"--{name}={path}" for name, path in targets.items()]
    )
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    table = targets["markdown"].read_text(encoding="utf-8")
    assert table in captured.out
    (row,) = json.loads(targets["json"].read_text(encoding="utf-8"))["models"]
    assert row["config"] == "mlp:model=tanh"
    assert row["clips_per_second"] > 0
    assert f"| {row['parameters']:,} |" in table


def test_devices_that_are_not_there_are_not_asked():
    with user_error("devices.too_few", f"{jax.local_device_count()} devices", "999"):
        choose_devices(999)


def test_a_config_that_is_not_there_is_told_before_any_is_timed(monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.models.clips_per_second", pytest.fail)
    with user_error("config.unknown", "nonsense"):
        mgr_jax.benchmark_models(["mlp:model=tanh", "nonsense"])


def test_errors_are_against_a_transform_in_float64(clips):
    """The same levels by librosa, and written out with other filters."""
    reference = peers.in_float64(clips)
    assert reference[0].dtype == np.float64
    window = scipy.signal.get_window("hann", peers.N_FFT)
    for clip, levels in zip(clips, reference, strict=True):
        padded = np.pad(clip.astype(np.float64), peers.N_FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, peers.N_FFT)
        power = np.abs(np.fft.rfft(frames[:: peers.HOP_LENGTH] * window)) ** 2
        expected = 10 * np.log10(np.maximum(power @ _slaney_filters(), 1e-10))
        expected = np.maximum(expected, expected.max() - peers.TOP_DB)
        np.testing.assert_allclose(levels.T, expected, rtol=0, atol=1e-6)
    librosa = peers.with_librosa(clips, np.float64)()
    np.testing.assert_allclose(librosa, reference, rtol=0, atol=1e-6)


def _slaney_filters() -> np.ndarray:
    """128 triangles from 0 Hz to 11,025 Hz, [bins, bands]: linear to 1 kHz, then logarithmic."""
    top = 15 + 27 * np.log(11.025) / np.log(6.4)
    mel = np.linspace(0, top, peers.N_MELS + 2)
    corners = np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    hz = np.fft.rfftfreq(peers.N_FFT, 1 / peers.SAMPLE_RATE)
    triangles = [np.interp(hz, corners[i : i + 3], [0, 1, 0]) for i in range(peers.N_MELS)]
    return np.stack(triangles, axis=1) * 2 / (corners[2:] - corners[:-2])


def test_what_differs_is_not_timed(clips, monkeypatch):
    """A front end that is 1 dB off is said to be 1 dB off."""

    frontend = create_frontend("log_mel")

    class Louder(type(frontend)):
        def __call__(self, waveform, aux=None, lengths=None):
            return super().__call__(waveform) + 1.0

    louder = Louder(bands=frontend.bands, level=frontend.level)
    monkeypatch.setattr("mgr_jax.benchmark.frontends.create_frontend", lambda *_, **__: louder)
    monkeypatch.setattr("mgr_jax.benchmark.frontends.interleave", pytest.fail)
    with user_error("benchmark.differs", OWN[1], "by 1 dB"):
        time_frontends(clips, rounds=1, devices=jax.devices()[:1])


def test_without_other_libraries_the_rest_is_timed_and_that_is_said(clips, monkeypatch):
    monkeypatch.setattr("mgr_jax.benchmark.frontends.list_frontends", list)
    for library in ("torch", "librosa", "librosax", "nnAudio"):
        monkeypatch.setitem(sys.modules, library, None)
    report = time_frontends(clips, rounds=1, devices=jax.devices()[:1])
    assert list(report["log_mel"]) == [OWN[1]]
    assert report["log_mel"][OWN[1]]["max_error_db"] < 5e-3
    assert report["rows"] == []
    assert ["is not compared" in note for note in report["notes"]] == [True] * 4


@pytest.mark.parametrize(
    ("library", "make"),
    [
        ("torch", lambda clips: peers.with_torch(clips, threads=1)),
        ("librosax", peers.with_librosax),
        ("nnAudio", peers.with_nnaudio),
    ],
)
def test_other_libraries_compute_the_same(clips, library, make):
    pytest.importorskip(library)
    np.testing.assert_allclose(make(clips)(), peers.in_float64(clips), rtol=0, atol=5e-3)


@pytest.mark.slow
def test_every_front_end_of_waveforms_has_a_row(clips):
    report = time_frontends(clips, rounds=1, devices=jax.devices()[:2])
    others = {"precomputed", "resampled", "stack"}
    assert set(report["frontends"]) == set(list_frontends()) - others


def test_functions_take_turns_after_two_calls_each():
    calls = []
    functions = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    times = interleave(functions, rounds=3)
    assert calls == ["a", "b"] * 5
    assert {name: len(each) for name, each in times.items()} == {"a": 3, "b": 3}


def test_a_ratio_above_one_means_faster():
    assert speed_ratio([1.0, 2.0, 4.0], [3.0, 4.0, 4.0]) == {"median": 2.0, "best": 3.0}


def test_the_bandwidth_of_a_device_is_measured():
    assert memory_bandwidth(jax.devices()[0], megabytes=1, rounds=1) > 0
