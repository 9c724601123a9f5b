"""Results in every format: what is written is read back, by us and by others, of every version."""

import csv
import dataclasses
import json
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from errors import user_error
from hypothesis import given, settings
from hypothesis import strategies as st
from results_of_stub import NAMES, write
from stub_predictor import CLASSES, origin, predict

import mgr_jax
from mgr_jax.prediction.playlists import MARK
from mgr_jax.prediction.record import Record
from mgr_jax.prediction.rows import entry_of, escape, file_of, unescape

STORED = Path(__file__).parent / "results"
# A path as a system gives it: bytes, without a zero and without names that lead elsewhere.
PATHS = st.binary(min_size=1, max_size=30).map(os.fsdecode).filter(
    lambda name: "\0" not in name and not {"", ".", ".."} & set(name.split("/"))
)  # fmt: skip


def without_comments(playlist):
    return "".join(
        line for line in playlist.read_text().splitlines(True) if not line.startswith(MARK)
    )


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder with results in all formats, in the folder that one is in."""
    monkeypatch.chdir(tmp_path)
    write(Path("genres"), timeline=True)
    return tmp_path


def test_all_formats_tell_the_same(results):
    rows = mgr_jax.read_results("genres.jsonl")
    assert [row.file for row in rows if row.unit == "track"] == list(NAMES)
    assert mgr_jax.read_results("genres.csv") == rows
    assert mgr_jax.read_results("genres.parquet") == rows
    parts = [row for row in rows if row.file == NAMES[0]]
    assert [row.unit for row in parts] == ["track", "section", "section", "window", "window"]
    found = predict(NAMES[0]).prediction
    for row, start, end in zip(parts[1:3], (0, 2.25), (2.25, 4), strict=True):
        assert (row.start, row.end, row.labels) == (start, end, found.answer.told)
        assert row.implied == ("music",)
    for row, numbers in zip(parts[3:], found.probabilities, strict=True):
        np.testing.assert_array_equal(np.float32(list(row.probabilities.values())), numbers)
        assert row.label == max(row.probabilities, key=row.probabilities.get)
    by_name = {row.file: row for row in rows if row.unit == "track"}
    bad, unsure = by_name["songs/bad.mp3"], by_name["songs/unsure.mp3"]
    assert (bad.error, bad.code) == ("songs/bad.mp3 cannot be decoded", "audio.undecodable")
    assert (bad.label, bad.labels, bad.probability, bad.probabilities) == ("", (), None, {})
    assert (unsure.label, unsure.labels, unsure.reason) == ("undecided", (), "threshold")
    assert unsure.probability == max(unsure.probabilities.values())
    assert by_name["songs/cut.mp3"].notes == ("songs/cut.mp3 is cut short; using what is there",)
    for number, row in enumerate(by_name.values()):
        assert (row.size, row.modified) == (1000 + number, 10**18 + number)
        assert (row.model, row.model_digest, row.mgr_jax) == ("runs/a", "0123abcd", "0.2.0")
        assert row.settings == origin(timeline=True).settings


def test_windows_are_told_where_a_timeline_was_asked_for(tmp_path):
    write(tmp_path / "genres")
    assert {row.unit for row in mgr_jax.read_results(tmp_path / "genres.csv")} == {
        "track", "section"
    }  # fmt: skip


def test_others_read_the_tables(results):
    table = pyarrow.parquet.read_table("genres.parquet")
    texts = pyarrow.csv.read_csv("genres.csv")
    assert texts.column_names == table.column_names
    assert table.column_names[-3:] == [f"p:{name}" for name in CLASSES]
    assert len(texts) == len(table)
    for name in ("schema", "start", "end", "size", "modified", "p:jazz"):
        one, other = (t[name].to_numpy().astype(float) for t in (table, texts))
        np.testing.assert_allclose(one, other, rtol=1e-7)
    assert [unescape(name) for name in table["file"].to_pylist()][-1] == NAMES[-1]
    with open("genres.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert [row["file"] for row in rows] == table["file"].to_pylist()
    assert {len(row) for row in rows} == {len(table.column_names)}
    for row, labels in zip(rows, table["labels"].to_pylist(), strict=True):
        assert json.loads(row["labels"]) == json.loads(labels)


def test_labels_are_as_audacity_imports_them(results):
    files = [path for path in Path("genres.labels").rglob("*") if path.is_file()]
    assert len(files) == len(NAMES) - 1  # of what could not be read there is none
    text = "rock 0.51 (Old-Time / Historic 0.38, jazz 0.11)"
    assert Path("genres.labels", f"{NAMES[0]}.txt").read_text() == (
        f"0.000000\t2.250000\t{text}\n2.250000\t4.000000\t{text}\n"
    )
    for path in files:
        last = 0.0
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            start, end, text = line.split("\t")
            assert last == float(start) < float(end)
            assert len(start.partition(".")[2]) == len(end.partition(".")[2]) == 6
            assert text.isprintable()
            last = float(end)
    rows = mgr_jax.read_results("genres.labels")
    told = [row for row in rows if row.file == NAMES[0]]
    assert [(row.start, row.end, row.labels) for row in told] == [
        (0.0, 2.25, ("rock",)), (2.25, 4.0, ("rock",))
    ]  # fmt: skip
    assert told[0].probabilities == {"rock": 0.51, "Old-Time / Historic": 0.38, "jazz": 0.11}
    below = {row.file for row in rows}
    assert below == {name.lstrip("/") for name in NAMES} - {"songs/bad.mp3"}


def test_labels_that_a_person_has_changed_are_read(tmp_path):
    path = tmp_path / "a.mp3.txt"
    path.write_text(
        "0.5\t1.25\tthe chorus (my favourite)\n"
        "1.25\t2\tundecided\n"
        "2\t3\trock 0.71, blues, old 0.18\n"
        "3\t4\tundecided (rock (70s) 0.41, jazz 0.38)\n"
        "4\t5\trock (70s) 0.91\n"
    )
    rows = mgr_jax.read_results(path)
    assert [row.labels for row in rows] == [
        *(("the chorus (my favourite)",), (), ("rock", "blues, old"), (), ("rock (70s)",))
    ]
    assert math.isnan(rows[0].probability)
    assert rows[2].probabilities == {"rock": 0.71, "blues, old": 0.18}
    assert (rows[3].label, rows[3].probability) == ("undecided", 0.41)
    assert rows[3].probabilities == {"rock (70s)": 0.41, "jazz": 0.38}


def test_playlists_name_files_as_players_find_them(results):
    rows = mgr_jax.read_results("genres.jsonl")
    told = {row.file: row for row in rows if row.unit == "track" and row.labels}
    lists = sorted(Path("genres.playlists").iterdir())
    assert {path.suffix for path in lists} == {".m3u8"}
    found = []
    for path in lists:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("#EXTM3U\n")
        for row in mgr_jax.read_results(path):
            found.append(row.file)
            assert row.label == path.stem.replace("_", "/") in told[row.file].labels
            assert row.seconds == 4.0
            assert row.model_digest == "0123abcd"
        # Without our comments, as players read them.
        path.write_text(without_comments(path), encoding="utf-8")
        assert text.count("#EXTINF:4,") == len(mgr_jax.read_results(path))
        for row in mgr_jax.read_results(path):
            assert os.path.abspath(row.file) in {os.path.abspath(name) for name in told}
    assert sorted(found) == sorted(told)


@settings(max_examples=30)
@given(st.lists(PATHS, min_size=1, max_size=8, unique=True))
def test_any_name_of_a_file_survives(names):
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder, "g.jsonl")
        try:
            write(Path(folder, "g"), names)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            return  # one is a folder of the other's labels
        for suffix in (".jsonl", ".csv", ".parquet"):
            rows = mgr_jax.read_results(record.with_suffix(suffix))
            assert [row.file for row in rows if row.unit == "track"] == names
        told = {row.file for row in rows if row.labels}
        assert {row.file for row in mgr_jax.read_results(Path(folder, "g.playlists"))} == told
        for path in Path(folder, "g.playlists").iterdir():
            path.write_text(without_comments(path), encoding="utf-8")
        found = {os.path.abspath(r.file) for r in mgr_jax.read_results(Path(folder, "g.playlists"))}
        assert found == {os.path.abspath(name) for name in told}


@given(PATHS)
def test_a_name_in_a_table_is_text_and_can_be_told(name):
    escape(name).encode("utf-8")
    assert not set("\r\n\t") & set(escape(name))
    assert unescape(escape(name)) == name


def test_what_comes_of_a_file_is_restored_from_its_entry():
    for name in NAMES:
        file = dataclasses.replace(predict(name), size=3, modified=4)
        entry = json.loads(json.dumps(entry_of(file, origin())))
        again = file_of(entry)
        assert json.loads(json.dumps(entry_of(again, origin()))) == entry
        assert (again.name, again.notes, again.seconds) == (file.name, file.notes, file.seconds)
        if file.prediction:
            for field in ("probabilities", "track_probabilities", "start", "end"):
                one, other = (getattr(f.prediction, field) for f in (file, again))
                assert one.dtype == other.dtype
                np.testing.assert_array_equal(one, other)
            assert again.prediction.describe() == file.prediction.describe()


def test_the_last_line_of_a_file_counts_and_damage_is_told(results):
    lines = Path("genres.jsonl").read_bytes().splitlines(keepends=True)
    record = Record(Path("again.jsonl"), origin(timeline=True))
    for size in (1, 2):
        record.add(dataclasses.replace(predict("a.mp3"), size=size))
    record.release()  # as a kill does
    twice = Path("again.jsonl").read_bytes()
    Path("again.jsonl").write_bytes(twice + b"".join(lines)[:-40])
    sizes = {row.file: row.size for row in mgr_jax.read_results("again.jsonl")}
    assert sizes == {"a.mp3": 2} | {name: 1000 + n for n, name in enumerate(NAMES[:-1])}
    Path("again.jsonl").write_bytes(twice + lines[0].replace(b"rock", b"jazz", 1))
    with pytest.warns(UserWarning, match=r"again\.jsonl is damaged in line 3,"):
        assert {row.file for row in mgr_jax.read_results("again.jsonl")} == {"a.mp3"}


def test_labels_with_frequencies_are_read(tmp_path):
    labels = "0.000000\t2.250000\trock 0.51\n\\\t200.000000\t3000.000000\n\n4.0\t4.0\tthe end\n"
    (tmp_path / "song.mp3.txt").write_text(labels)
    rows = mgr_jax.read_results(tmp_path / "song.mp3.txt")
    assert [(row.end, row.label) for row in rows] == [(2.25, "rock"), (4.0, "the end")]


# Of other versions.


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("schema", ["1"])
def test_results_of_every_schema_are_read(schema, suffix):
    found = mgr_jax.read_results(STORED / schema / f"all.{suffix}")
    expected = json.loads((STORED / schema / "rows.json").read_text())
    assert len(found) == len(expected)
    for row, fields in zip(found, expected, strict=True):
        known = json.loads(json.dumps(dataclasses.asdict(row)))
        assert {name: known[name] for name in fields} == fields


@pytest.mark.parametrize("schema", ["1"])
def test_labels_and_playlists_of_every_schema_are_read(schema):
    rows = mgr_jax.read_results(STORED / schema / "plain.labels")
    assert [(Path(row.file).name, row.start, row.end, row.label) for row in rows] == [
        ("parts.mp3", 0.0, 2.25, "rock"),
        ("parts.mp3", 2.25, 4.0, "rock"),
        ("unsure.mp3", 0.0, 2.0, "rock"),
        ("unsure.mp3", 2.0, 4.0, "Old-Time / Historic"),
    ]
    (row,) = mgr_jax.read_results(STORED / schema / "plain.playlists" / "rock.m3u8")
    assert (row.file, row.label, row.seconds) == ("songs/parts.mp3", "rock", 4.0)
    assert row.probability == pytest.approx(0.512428)


def test_what_the_first_version_wrote_is_read():
    rows = mgr_jax.read_results(STORED / "0.1.0.json")
    assert [(row.file, row.unit, row.label) for row in rows] == [
        ("songs/a.mp3", "track", "jazz"),
        ("songs/a.mp3", "window", "rock"),
        ("songs/a.mp3", "window", "jazz"),
        ("songs/b.mp3", "track", "rock"),
        ("songs/b.mp3", "window", "rock"),
    ]
    assert rows[0].probabilities == {"rock": 0.4375, "jazz": 0.5625}
    assert (rows[2].start, rows[2].end, rows[2].probability) == (61.0, 63.5, 0.875)


def test_a_later_schema_is_refused(results):
    for name in ("genres.jsonl", "genres.csv"):
        text = Path(name).read_text()
        text = text.replace('"schema": 1,', '"schema": 2,').replace("\n1,", "\n2,")
        if name == "genres.jsonl":  # without sums, which would not fit
            text = "".join(f"{line.rpartition(',')[0]}}}\n" for line in text.splitlines())
        Path(name).write_text(text)
    table = pyarrow.parquet.read_table("genres.parquet")
    later = pyarrow.array([2] * len(table), pyarrow.int64())
    pyarrow.parquet.write_table(table.set_column(0, "schema", later), "genres.parquet")
    for name in ("genres.jsonl", "genres.csv", "genres.parquet"):
        with user_error("results.later_schema", name, "schema 2", "or a later one"):
            mgr_jax.read_results(name)
    with user_error("results.later_schema", "genres.jsonl"):
        Record(Path("genres.jsonl"), origin(timeline=True))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.txt", "song.mp3: rock 51 %, jazz 30 %\n"),
        ("words", "song.mp3: rock 51 %\n"),
        ("other.csv", "file,label\na.mp3,rock\n"),
        ("other.jsonl", '{"a": 1}\n'),
        ("other.json", '{"a": 1}\n'),
        ("list.json", "[1]"),
        ("other.parquet", "PAR1 and no table"),
        ("binary.csv", "schema,file\n\0\n"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with user_error("results.unreadable", name):
        mgr_jax.read_results(tmp_path / name)


def test_a_path_to_nothing_is_told(tmp_path):
    with user_error("file.not_found", "none.csv"):
        mgr_jax.read_results(tmp_path / "none.csv")
    with user_error("results.unreadable", tmp_path.name):
        mgr_jax.read_results(tmp_path)
