"""Tables of embeddings: the predictor's own, read by others, whole after a kill."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.runs import embedding_parts, embedding_sources

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [
    *("name", "split", "start", "end", "label", "probability", "genre", "artist", "title"),
    "embedding",
]


def embed(run, files, out, **options):
    return mgr_jax.embed(run, files, out=out, workers=0, progress=False, **options)


def read_parquet(path):
    """By pyarrow alone: columns, and what the table is."""
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"mgr_jax_embeddings"])
    return {name: table.column(name).to_pylist() for name in table.column_names}, about


def read_npz(path):
    """By NumPy alone."""
    with np.load(path) as file:
        about = json.loads(str(file["mgr_jax_embeddings"]))
        return {name: file[name].tolist() for name in COLUMNS}, about


READERS = {".parquet": read_parquet, ".npz": read_npz}


@pytest.mark.parametrize("suffix", READERS)
def test_a_row_for_each_file_holds_what_the_predictor_says(
    trained_run, music_folder, tmp_path, suffix
):
    out = tmp_path / f"e{suffix}"
    made = embed(trained_run, [music_folder / "hum", music_folder / "beat" / "0-1.wav"], out)
    columns, about = READERS[suffix](out)
    assert list(columns) == COLUMNS
    assert (made.rows, made.tracks, made.unknown_artists, made.failures) == (11, 11, 0, ())
    assert columns["name"][0] == str(music_folder / "hum" / "0-0.wav")
    predictor = mgr_jax.load(trained_run)
    for row, name in enumerate(columns["name"]):
        told = predictor.predict(name)
        np.testing.assert_allclose(columns["embedding"][row], told.embedding, atol=1e-5)
        assert columns["label"][row] == told.label
        assert columns["probability"][row] == pytest.approx(told.top(1)[0][1], abs=1e-5)
    assert columns["end"] == [2.0] * 11
    assert columns["artist"][0] == "hum-artist-0"  # of the index.csv above
    assert columns["genre"] == ["hum"] * 10 + ["beat"]
    dim = len(columns["embedding"][0])
    assert (about["schema"], about["dim"], about["per"]) == (1, dim, "track")
    assert about["mgr_jax"] == mgr_jax.__version__
    assert about["model"] == str(trained_run)
    assert len(about["digest"]) == 64
    assert sorted(path.name for path in tmp_path.iterdir()) == [out.name]


def test_a_row_for_each_segment(trained_run, music_folder, tmp_path):
    file = music_folder / "hiss" / "1-0.wav"
    embed(trained_run, [file], tmp_path / "e.npz", per="segment")
    columns, about = read_npz(tmp_path / "e.npz")
    told = mgr_jax.load(trained_run).predict(file, timeline=True)
    np.testing.assert_allclose(columns["embedding"], told.segment_embeddings, atol=1e-5)
    assert columns["start"] == told.start.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert columns["end"] == told.end.tolist()
    assert columns["label"] == [told.classes[i] for i in told.probabilities.argmax(axis=1)]
    assert about["per"] == "segment"


def test_splits_of_the_dataset_are_those_of_its_files(trained_run, music_folder, tmp_path):
    out = tmp_path / "e.parquet"
    mgr_jax.embed(trained_run, splits=["test", "validation"], out=out, progress=False)
    columns, about = read_parquet(out)
    assert about["dataset"] == "audio_folder/music"
    assert set(columns["split"]) == {"test", "validation"}
    predictor = mgr_jax.load(trained_run)
    for name, genre, artist, embedding in zip(
        *(columns[c] for c in ("name", "genre", "artist", "embedding")), strict=True
    ):
        assert (genre, artist) == (name.split("/")[0], f"{genre}-artist-{name[-7]}")
        told = predictor.predict(music_folder / name)
        np.testing.assert_allclose(embedding, told.embedding, atol=1e-5)
    with user_error("dataset.no_such_split", "nowhere"):
        mgr_jax.embed(trained_run, splits=["nowhere"], out=tmp_path / "f.npz")


def test_tags_tell_what_no_index_does(trained_run, tmp_path):
    for name, artist in (("a.flac", "Nina"), ("b.ogg", "Ella"), ("c.flac", "")):
        with soundfile.SoundFile(tmp_path / name, "w", 12_000, 1) as file:
            if artist:
                file.artist, file.title, file.genre = artist, "Song", "Jazz"
            file.write(np.sin(np.arange(12_000) / 9) / 4)
    made = embed(trained_run, [tmp_path], tmp_path / "e.npz")
    columns, _ = read_npz(tmp_path / "e.npz")
    assert columns["artist"] == ["Nina", "Ella", ""]
    assert columns["title"] == ["Song", "Song", ""]
    assert columns["genre"] == ["Jazz", "Jazz", ""]
    assert made.unknown_artists == 1
    assert "the artists of 1 are unknown" in str(made)


def test_files_that_cannot_be_used_are_named(capfd, trained_run, music_folder, tmp_path):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no music " * 99)
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(24_000), 12_000)
    files = [music_folder / "hum" / "0-0.wav", bad, silent, tmp_path / "none.wav"]
    flags = [f"--model={trained_run}", f"--out={tmp_path / 'e.npz'}", "--workers=0", "--noprogress"]
    assert cli.main(["embed", *flags, *map(str, files)]) == 1
    out, err = capfd.readouterr()
    assert out.startswith(f"Wrote {tmp_path / 'e.npz'}: 1 rows of 1 tracks")
    for path in files[1:]:
        assert str(path) in err
    assert len(read_npz(tmp_path / "e.npz")[0]["name"]) == 1
    with user_error("embeddings.none", "none of the 1 files"):
        embed(trained_run, [bad], tmp_path / "f.npz")
    assert not list(tmp_path.glob("f.npz*"))


KILLED = """
import os, signal, sys
import mgr_jax
from mgr_jax.runs import embed, embedding_parts
embedding_parts._ROWS = 2
count, read = 0, embed.read_tags
def read_tags(path):
    global count
    count += 1
    if count == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
embed.read_tags = read_tags
mgr_jax.embed(sys.argv[1], [sys.argv[2]], out=sys.argv[3], workers=0, progress=False)
"""


@pytest.mark.slow
def test_the_same_call_goes_on_after_a_kill(trained_run, music_folder, tmp_path, monkeypatch):
    folder, out = tmp_path / "music", tmp_path / "e.parquet"
    shutil.copytree(music_folder / "hum", folder)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, trained_run, folder, out],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    with user_error("journal.other_settings", "per = track, not segment"):
        embed(trained_run, [folder], out, per="segment")
    calibrated = shutil.copytree(trained_run, tmp_path / "run")
    monkeypatch.setattr("mgr_jax.runs.embed.load", lambda *_, **__: mgr_jax.load(calibrated))
    mgr_jax.calibrate(calibrated, precision=0.5, background=False, progress=False)
    with user_error("journal.other_settings", "calibration = "):
        embed(trained_run, [folder], out)  # labels would be told in two ways
    monkeypatch.undo()
    shutil.copy(music_folder / "hiss" / "0-0.wav", folder / "0-1.wav")  # finished, and changed
    (folder / "0-0.wav").unlink()  # finished, and asked for no more
    asked = []
    listened = embedding_sources.file_outcomes

    def file_outcomes(predictor, todo, *rest):
        asked.extend(Path(about.name).name for about in todo)
        return listened(predictor, todo, *rest)

    monkeypatch.setattr("mgr_jax.runs.embed.file_outcomes", file_outcomes)
    embed(trained_run, [folder], out)
    assert asked == ["0-1.wav", "2-0.wav", "2-1.wav", "3-0.wav", "3-1.wav", "4-0.wav", "4-1.wav"]
    columns, about = read_parquet(out)
    monkeypatch.undo()
    embed(trained_run, [folder], tmp_path / "whole.npz")
    whole, other = read_npz(tmp_path / "whole.npz")
    assert about == other
    order = [columns["name"].index(name) for name in whole["name"]]
    assert sorted(order) == list(range(9))
    for name in COLUMNS:
        found = [columns[name][row] for row in order]
        if name in ("embedding", "probability"):  # beside which files a batch was filled
            np.testing.assert_allclose(found, whole[name], atol=1e-5)
        else:
            assert found == whole[name]


def test_an_interruption_keeps_what_is_done(trained_run, music_folder, tmp_path, monkeypatch):
    def stop(path, count=[0]):  # noqa: B006 - it counts
        count[0] += 1
        if count[0] == 4:
            raise KeyboardInterrupt
        return {}

    monkeypatch.setattr("mgr_jax.runs.embed.read_tags", stop)
    with pytest.raises(KeyboardInterrupt):
        embed(trained_run, [music_folder / "hum"], tmp_path / "e.npz")
    (part,) = (tmp_path / "e.npz.parts").glob("*.npz")
    with np.load(part) as file:
        assert [Path(name).name for name in file["name"]] == ["0-0.wav", "0-1.wav", "1-0.wav"]


def test_parts_that_are_damaged_are_not_believed(trained_run, music_folder, tmp_path, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(embedding_parts, "_ROWS", 1)
    monkeypatch.setattr("mgr_jax.runs.embed.write_embeddings", lambda *_: stop(None))
    with pytest.raises(KeyboardInterrupt):
        embed(trained_run, [music_folder / "hum" / "0-0.wav"], tmp_path / "e.npz")
    (part,) = (tmp_path / "e.npz.parts").glob("0*.npz")
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with user_error("journal.damaged", "is damaged"):
        embed(trained_run, [music_folder / "hum" / "0-0.wav"], tmp_path / "e.npz")


def test_mistakes_are_told_before_the_work(trained_run, music_folder, tmp_path):
    file = music_folder / "hum" / "0-0.wav"
    (tmp_path / "there.npz").touch()
    for code, out, options in (
        ("file.exists", "there.npz", {}),
        ("file.wrong_suffix", "e.csv", {}),
        ("argument.choose_one", "e.npz", {"splits": ["test"]}),
        ("argument.out_of_range", "e.npz", {"per": "file"}),
        ("argument.out_of_range", "e.npz", {"hop": 1.0}),
        ("argument.out_of_range", "e.npz", {"per": "segment", "hop": 0.0}),
    ):
        with user_error(code):
            embed(trained_run, [file], tmp_path / out, **options)
    with user_error("argument.choose_one"):
        embed(trained_run, [], tmp_path / "e.npz")


def test_windows_of_a_hop_are_those_of_a_timeline(trained_run, music_folder, tmp_path):
    file = music_folder / "beat" / "1-0.wav"
    embed(trained_run, [file], tmp_path / "e.npz", per="segment", hop=0.2)
    columns, _ = read_npz(tmp_path / "e.npz")
    told = mgr_jax.load(trained_run).predict(file, timeline={"hop": 0.2})
    np.testing.assert_allclose(columns["embedding"], told.segment_embeddings, atol=1e-5)
    assert columns["start"] == told.start.tolist()
    assert len(columns["start"]) == 9


@pytest.mark.parametrize("suffix", READERS)
def test_names_that_are_no_text_are_found_again(trained_run, music_folder, tmp_path, suffix):
    strange = os.fsdecode(bytes(tmp_path / "caf") + b"\xe9.wav")
    shutil.copy(music_folder / "hum" / "0-0.wav", strange)
    out = tmp_path / f"e{suffix}"
    embed(trained_run, [strange, music_folder / "hum" / "0-1.wav"], out)
    columns, _ = READERS[suffix](out)
    assert columns["name"][0] == str(tmp_path / "caf") + r"\udce9.wav"
    (other,) = mgr_jax.search(strange, out).nearest
    assert other.name == str(music_folder / "hum" / "0-1.wav")


def test_what_never_began_is_in_nobodys_way(trained_run, music_folder, tmp_path):
    file, out = music_folder / "hum" / "0-0.wav", tmp_path / "e.npz"
    with user_error("timeline.gaps"):
        embed(trained_run, [file], out, per="segment", hop=9.0)
    assert not list(tmp_path.iterdir())
    assert embed(trained_run, [file], out, per="segment", hop=0.5).rows == 4
