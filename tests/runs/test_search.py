"""Search: the same as sorting all cosines, whatever the format and however many the blocks."""

import dataclasses
import os
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from errors import user_error

import mgr_jax
from mgr_jax import cli
from mgr_jax.decisions import Decisions
from mgr_jax.model_folder import read_description
from mgr_jax.prediction.digest import digest_network
from mgr_jax.runs import embedding_table
from mgr_jax.runs.embedding_table import Embeddings, write_embeddings

SUFFIXES = (".parquet", ".npz")
DIM = 16


def make_rows(tracks, segments=1, seed=0, artists=9):
    """Rows of tracks, some of them of unknown artists."""
    rng = np.random.default_rng(seed)
    count = tracks * segments
    track = np.repeat(np.arange(tracks), segments)
    artist = np.where(track % 10, np.char.add("Artist ", (track % artists).astype(str)), "")
    return Embeddings(
        name=np.char.add("track", track.astype(str)),
        split=np.full(count, ""),
        start=np.tile(np.arange(segments) * 3.0, tracks),
        end=np.tile(np.arange(segments) * 3.0 + 3, tracks),
        label=np.full(count, "rock"),
        probability=rng.random(count).astype(np.float32),
        genre=np.where(track % 2, "rock", "jazz"),
        artist=artist,
        title=np.full(count, ""),
        embedding=rng.standard_normal((count, DIM)).astype(np.float32),
    )


def write(path, rows, per="track", **about):
    parts = [rows.select(slice(first, first + 50)) for first in range(0, len(rows), 50)]
    about = {
        "mgr_jax": "0.1.0", "model": "/no/where", "checkpoint": "best", "digest": "d",
        "system": "net", "per": per, "dim": rows.embedding.shape[1],
    } | about  # fmt: skip
    assert write_embeddings(path, lambda: parts, about) == len(rows)
    return path


def cosines(rows, query):
    lengths = np.linalg.norm(rows.embedding.astype(float), axis=1) * np.linalg.norm(query)
    return rows.embedding.astype(float) @ query / np.where(lengths > 0, lengths, 1)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(embedding_table, "_BLOCK", 7)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("segments", [1, 4])
@pytest.mark.parametrize("top", [1, 10, 500])
@pytest.mark.parametrize("others", [False, True])
def test_the_nearest_are_those_of_a_plain_sort(tmp_path, suffix, segments, top, others):
    rows = make_rows(120, segments)
    per = "track" if segments == 1 else "segment"
    path = write(tmp_path / f"e{suffix}", rows, per)
    found = mgr_jax.search("track17", path, top=top, not_same_artist=others)
    like = rows.name == "track17"
    similarity = cosines(rows, rows.embedding[like].astype(float).mean(axis=0))
    counts = ~like
    if others:
        counts &= (rows.artist != "") & (rows.artist != "Artist 8")
    wanted = {}
    for row in np.argsort(-similarity, kind="stable"):
        if counts[row]:
            wanted.setdefault(rows.name[row], row)
    order = list(wanted.values())[:top]
    assert [n.name for n in found.nearest] == rows.name[order].tolist()
    assert [n.start for n in found.nearest] == rows.start[order].tolist()
    assert [n.artist for n in found.nearest] == rows.artist[order].tolist()
    np.testing.assert_allclose([n.similarity for n in found.nearest], similarity[order], atol=1e-6)
    assert found.searched == len(wanted)
    assert found.unknown_artists == (12 * segments if others else 0)
    assert found.artist == "Artist 8"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_ones_stand_in_order_and_copies_are_marked(tmp_path, suffix):
    rows = make_rows(60)
    for row in (3, 40, 22):
        rows.embedding[row] = 2 * rows.embedding[5]
    rows.embedding[50] = 0
    found = mgr_jax.search("track5", write(tmp_path / f"e{suffix}", rows), top=59)
    assert [n.name for n in found.nearest[:3]] == ["track3", "track22", "track40"]
    assert [n.is_copy for n in found.nearest] == [True] * 3 + [False] * 56
    assert "the same recording?" in str(found.nearest[0])
    silent = next(n for n in found.nearest if n.name == "track50")
    assert silent.similarity == 0
    assert str(silent) == "0.0000  track50 0.0-3.0 s (jazz)"


def test_artists_are_the_same_in_any_spelling(tmp_path):
    rows = make_rows(30)
    rows.artist[:] = np.where(np.arange(30) % 2, "BJÖRK", "Nina")
    rows.artist[1:8:2] = " björk "
    found = mgr_jax.search("track5", write(tmp_path / "e.npz", rows), top=30, not_same_artist=True)
    assert {n.artist for n in found.nearest} == {"Nina"}
    assert len(found.nearest) == 15


def test_what_is_needed_and_unknown_is_told(tmp_path):
    path = write(tmp_path / "e.npz", make_rows(30))
    with user_error("search.unknown_artist", "track20"):
        mgr_jax.search("track20", path, not_same_artist=True)
    with user_error("search.not_found", "song.mp3"):
        mgr_jax.search("song.mp3", path)
    (tmp_path / "song.wav").touch()
    with user_error("search.no_model", "/no/where"):
        mgr_jax.search(tmp_path / "song.wav", path)
    with user_error("embeddings.not_found", "none.npz"):
        mgr_jax.search("track1", tmp_path / "none.npz")
    with user_error("search.not_found", "empty"):
        mgr_jax.search("", path)
    with user_error("argument.out_of_range", "top"):
        mgr_jax.search("track1", path, top=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_other_and_damaged_files_are_refused(tmp_path, suffix):
    path = write(tmp_path / f"e{suffix}", make_rows(30))
    data = path.read_bytes()
    for content in (b"", b"no table", data[: len(data) // 2], data[:-30]):
        path.write_bytes(content)
        with user_error("embeddings.damaged", str(path)):
            mgr_jax.search("track1", path)
    write(path, make_rows(30), schema=2)
    with user_error("file.newer_version", "newer version"):
        mgr_jax.search("track1", path)
    if suffix == ".npz":
        np.savez(path, features=np.zeros(3))
    else:
        pq.write_table(pq.read_table(write(path, make_rows(3))).select(["name"]), path)
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with user_error("embeddings.damaged", "holds no embeddings"):
        mgr_jax.search("track1", path)


def test_compressed_arrays_are_read_too(tmp_path):
    path = write(tmp_path / "e.npz", make_rows(30))
    wanted = mgr_jax.search("track1", path)
    with np.load(path) as file:
        np.savez_compressed(tmp_path / "c.npz", **file)
    assert mgr_jax.search("track1", tmp_path / "c.npz").nearest == wanted.nearest


def test_a_file_is_searched_for_by_its_model(capsys, trained_run, music_folder, tmp_path):
    run, table = tmp_path / "run", tmp_path / "e.parquet"
    shutil.copytree(trained_run, run)
    made = [f"--model={run}", f"--out={table}", "--noprogress", "--workers=0"]
    assert cli.main(["embed", *made, str(music_folder / "hum"), str(music_folder / "beat")]) == 0
    song = music_folder / "hum" / "3-1.wav"
    copy = tmp_path / "copy.wav"
    shutil.copy(song, copy)
    by_file = mgr_jax.search(copy, table, top=19)
    assert (by_file.nearest[0].name, by_file.nearest[0].is_copy) == (str(song), True)
    assert by_file.nearest[0].similarity == pytest.approx(1, abs=1e-5)
    assert {n.genre for n in by_file.nearest[:9]} == {"hum"}
    by_name = mgr_jax.search(os.path.relpath(song), table, top=18)
    assert [n.name for n in by_name.nearest] == [n.name for n in by_file.nearest[1:]]
    capsys.readouterr()
    flags = [f"--like={song}", f"--in={table}", "--top=3", "--not_same_artist"]
    assert cli.main(["search", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "hum-artist-3" not in "".join(lines)
    # The same weights elsewhere are the same model; others are not.
    shutil.copytree(run, tmp_path / "moved")
    shutil.rmtree(run)
    assert mgr_jax.search(copy, table, model=tmp_path / "moved", top=19) == by_file
    with user_error("search.no_model", str(run)):
        mgr_jax.search(copy, table)
    with user_error("search.other_model", "another model"):
        mgr_jax.search(copy, write(tmp_path / "x.npz", make_rows(3)), model=tmp_path / "moved")


def test_what_is_decided_is_no_other_model(trained_run, tmp_path, monkeypatch):
    """A calibration leaves embeddings as they are."""
    digest = digest_network(trained_run)
    run = shutil.copytree(trained_run, tmp_path / "run")
    described = read_description(run)
    dataclasses.replace(described, decisions=Decisions(clip_temperature=2.0)).save(run)
    assert digest_network(run) == digest
    dataclasses.replace(described, input_norm="none").save(run)
    assert digest_network(run) != digest
    described.save(run)
    monkeypatch.setattr("mgr_jax.prediction.digest.digest_weights", lambda *_: "others")
    assert digest_network(run) != digest
