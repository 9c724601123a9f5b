"""The benchmark of preparing, of a few files; no test looks at a speed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from errors import user_error

from mgr_jax import cli
from mgr_jax.audio.file_tags import read_tags
from mgr_jax.audio.io import encode_flac, read_audio
from mgr_jax.benchmark import audio_peers, prepare, songs

PEERS = {prepare.BOUND, prepare.LIBROSA, prepare.AUDIOREAD}


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    for genre in ("calm", "lively"):
        (folder / genre).mkdir(parents=True)
        for number in range(4):
            noise = np.random.default_rng(number).uniform(-0.3, 0.3, (16_000, 2))
            soundfile.write(folder / genre / f"{genre}{number}.wav", noise, 16_000)
    (folder / "calm" / "broken.wav").write_bytes(b"no sound")
    return folder


@pytest.mark.slow
def test_the_command_compares_what_is_stored_and_writes_rows(capsys, monkeypatch, music, tmp_path):
    monkeypatch.setattr(prepare, "available_cores", lambda: 1)
    found = tmp_path / "found.json"
    options = [f"--folder={music}", "--sample_rate=12000", "--rounds=1", f"--json={found}"]
    assert cli.main(["benchmark", "prepare", *options]) == 0
    content = json.loads(found.read_text(encoding="utf-8"))
    assert (content["suite"], content["files"], content["skipped"]) == ("prepare", {"wav": 8}, 1)
    for case in ("by the clock", "by processor time"):
        rows = {row["peer"]: row for row in content["rows"] if row["case"] == case}
        assert set(rows) == PEERS
        for row in rows.values():
            assert row["suite"] == "prepare"
            assert 0 < row["low"] <= row["ratio"] <= row["high"]
    assert content["differences"].keys() == PEERS - {prepare.BOUND}
    assert max(content["differences"].values()) < -60
    (turn,) = content["measured"][prepare.BOUND]
    (parts,) = content["parts"]
    decoding = [parts[name] for name in ("PyAV", "libsndfile")]
    others = parts["resample"] + parts["encode"]
    # Of each file the quicker decoder counts, so not more than of all files.
    assert others < turn["cpu_seconds"] <= (min(decoding) + others) * 1.001
    out = capsys.readouterr().out
    assert prepare.format_report(content) in out
    assert "1 files cannot be read" in out


def test_other_sound_is_not_compared():
    sound = np.random.default_rng(0).integers(-9_000, 9_000, 12_000).astype(np.int16)
    softer = encode_flac((0.9 * sound).astype(np.int16), 12_000)
    with user_error("benchmark.differs") as caught:
        prepare._compare("a peer", {"a.mp3": sound, "b.mp3": sound}, [softer, softer])
    assert "a peer stores a.mp3 differently, by -20 dB" in str(caught.value)
    shorter = encode_flac(sound[:11_000], 12_000)
    with user_error("benchmark.differs"):
        prepare._compare("a peer", {"a.mp3": sound}, [shorter])
    assert prepare._compare("a peer", {"a.mp3": sound}, [encode_flac(sound, 12_000)]) == -120


def test_a_peer_that_is_not_there_is_said(monkeypatch, tmp_path):
    path = str(tmp_path / "a.xyz")
    Path(path).write_bytes(b"no sound")
    read = audio_peers.read_with_audioread
    told = audio_peers.find_problem("audioread", read, path)
    assert told.startswith("audioread: not compared, it cannot read .xyz files")
    with user_error("benchmark.undecodable", path):
        audio_peers.to_flac(read, 12_000, path)
    with user_error("benchmark.undecodable", path):
        audio_peers.time_parts(12_000, path)
    monkeypatch.setitem(sys.modules, "audioread", None)
    told = audio_peers.find_problem("audioread", read, path)
    assert told == "audioread: not compared, audioread is missing (pip install audioread)"


def test_songs_of_a_folder_are_of_three_kinds_and_no_two_are_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(songs, "SONGS", 1)
    monkeypatch.setattr(songs, "SECONDS", 2.0)
    folder = songs.write_genres(tmp_path, 9)
    paths = sorted(folder.glob("*/*"), key=lambda path: path.name)
    assert [path.suffix for path in paths] == [".mp3", ".flac", ".ogg"] * 3
    assert {path.parent.name for path in paths} == {"calm", "lively"}
    assert len({path.read_bytes() for path in paths}) == 9
    assert [read_tags(path)["title"] for path in paths] == [f"Piece {n}" for n in range(9)]
    for one, again in zip(paths[:3], paths[3:6], strict=True):
        np.testing.assert_array_equal(read_audio(one, 12_000), read_audio(again, 12_000))
