"""Tables and arrays are read as they are: Kaggle's, Excel's, Parquet, rows in any order."""

import csv
import hashlib
import json
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from errors import user_error
from unsealed import unseal_dataset

from mgr_jax.data.cache import digest, open_tracks
from mgr_jax.data.feature_files import read_features, track_names
from mgr_jax.data.prepare import prepare


def test_parquet_rows_are_frames(tmp_path):
    table = pa.table(
        {
            "track": ["x/b", "x/a", "x/b"],
            "length": [9, 9, 9],
            "n": pa.array([1, 2, 3], pa.int32()),
            "label": ["low", None, "low"],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    read = read_features(tmp_path / "a.parquet")
    assert (list(read.track_id), list(read.label), read.columns) == (
        ["b", "a"],
        ["low", ""],
        ("n",),
    )
    np.testing.assert_array_equal(read.features[0], [[1], [3]])


def test_tracks_of_two_folders_keep_them_where_names_would_meet():
    assert track_names(["a/x.wav", "b\\y.MP3"]) == ["x", "y"]
    assert track_names(["a/x.wav", "b/x.wav", "a/x.wav"]) == ["a/x", "b/x", "a/x"]
    assert track_names(["a/blues.00001.2.wav", "blues/blues.00001.10.au"]) == [
        "a/blues.00001",
        "blues/blues.00001",
    ]


def test_a_segment_is_known_by_its_number_whatever_the_genre():
    genres = ["blues", "Blues", "hip-hop", "hip hop", "r&b", "Música", "80s"]
    assert track_names([f"{genre}.00001.12.wav" for genre in genres]) == [
        f"{genre}.00001" for genre in genres
    ]
    # Without five digits a number is part of the name.
    assert track_names(["a.1.wav", "a.2.wav", "a.0001.2.wav"]) == ["a.1", "a.2", "a.0001.2"]


def segments(folder: Path, order, suffix: str = ".csv", **columns: str) -> Path:
    """A table of segments of twelve tracks, as many as they are long, in some order of its rows."""
    genres = ("80s", "hip-hop")
    names = [f"{g}.{t:05d}.{k}.wav" for g in genres for t in range(6) for k in range(9 + t)]
    rows = [
        {
            columns.get("file", "filename"): name,
            "segment_s": 3.0 * int(name.split(".")[2]),
            "n": row,
            columns.get("label", "label"): name.split(".")[0],
        }
        for row, name in enumerate(names)
    ]
    path = folder / f"table{suffix}"
    rows = [rows[row] for row in order(range(len(rows)))]
    if suffix.lower() == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


ORDERS = {
    "sorted": list,
    "reversed": lambda rows: list(reversed(rows)),
    "shuffled": lambda rows: np.random.default_rng(0).permutation(rows).tolist(),
    "by name": lambda rows: sorted(rows, key=str),
}


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("order", ORDERS)
def test_segments_stand_in_the_order_of_their_numbers(tmp_path, order, suffix):
    table = read_features(segments(tmp_path, ORDERS[order], suffix))
    assert sorted(table.track_id) == [f"{g}.{t:05d}" for g in ("80s", "hip-hop") for t in range(6)]
    for track, frames in zip(table.track_id, table.features, strict=True):
        expected = 3.0 * np.arange(9 + int(track[-5:]))
        np.testing.assert_array_equal(frames[:, 0], expected)
        assert (np.diff(frames[:, 1]) == 1).all()


def test_the_order_of_rows_changes_neither_splits_nor_records(tmp_path):
    made = []
    for order in ("sorted", "shuffled"):
        path = segments(tmp_path, ORDERS[order])
        made.append(
            prepare(
                "feature_array",
                features=path,
                fractions=(0.5, 0.25, 0.25),
                data_dir=tmp_path / order,
                num_workers=0,
                progress=False,
            ).folder
        )
    accounts = [json.loads((folder / "protocol.json").read_text()) for folder in made]
    assert accounts[0] == accounts[1]
    for split in accounts[0]["tracks"]:
        one, other = (open_tracks(folder, split) for folder in made)
        assert one.track_id.tolist() == other.track_id.tolist()
        for row in range(len(one)):
            np.testing.assert_array_equal(one.read(row), other.read(row))
    # The file is now the shuffled one.
    again = prepare(
        "feature_array",
        features=path,
        fractions=(0.5, 0.25, 0.25),
        data_dir=tmp_path / "sorted",
        num_workers=0,
        progress=False,
    )
    assert again.folder == made[0]


def test_a_table_prepared_by_an_older_version_is_known_in_its_files_order(tmp_path):
    """Version 0.1.0 kept no sources.json, and named the tracks in the order of the file."""
    path = tmp_path / "a.csv"
    names = [f"{g}.{t}" for t in (2, 0, 1) for g in ("low", "top")]
    path.write_text("track,n\n" + "".join(f"{name},{i}\n" for i, name in enumerate(names)))
    where = {"features": path, "data_dir": tmp_path, "num_workers": 0, "progress": False}
    folder = prepare("feature_array", **where, fractions=(0.34, 0.33, 0.33)).folder
    unseal_dataset(folder)
    protocol = folder / "protocol.json"
    told = json.loads(protocol.read_text())
    listing = ["float32", [1], ["n"], *([name, name[:3]] for name in names), *[""] * 12]
    listing += [digest(np.array([[i]], np.float32)) for i in range(6)]
    told["source"] = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    protocol.write_text(json.dumps(told))
    assert prepare("feature_array", **where, fractions=(0.34, 0.33, 0.33)).folder == folder
    path.write_text(path.read_text().replace(",5", ",6"))
    with user_error("dataset.other_settings", folder, "other files"):
        prepare("feature_array", **where, fractions=(0.34, 0.33, 0.33))


def test_a_column_of_tracks_beside_the_files_tells_which_are_segments(tmp_path):
    """As extract_features writes segments of files that are called otherwise than GTZAN's."""
    path = tmp_path / "a.csv"
    rows = [("song.10.mp3", "song", 10), ("song.9.mp3", "song", 9), ("000002.1.mp3", 2, 1)]
    rows += [("000002.0.mp3", 2, 0), ("x/b.wav", "b", 5), ("x/a.wav", "b", 4)]
    path.write_text("filename,track,n\n" + "".join(f"{f},{t},{n}\n" for f, t, n in rows))
    table = read_features(path)
    found = dict(zip(table.track_id, (f[:, 0].tolist() for f in table.features), strict=True))
    assert found == {"song": [9, 10], "2": [0, 1], "b": [5, 4]}  # b: no numbers, as in the file


@pytest.mark.parametrize(
    ("rows", "code", "named"),
    [
        (["blues.00000.3.wav,1", "blues.00000.3.wav,1"], "table.duplicate_track", "segment 3"),
        (["blues.00000.3.wav,1", "blues.00000.03.au,2"], "table.duplicate_track", "line 3"),
        (["blues.00000.wav,1", "blues.00000.3.wav,1"], "table.contradiction", "line 2"),
    ],
)
def test_a_segment_that_is_there_twice_is_told(tmp_path, rows, code, named):
    (tmp_path / "a.csv").write_text("\n".join(["filename,n", *rows]))
    with user_error(code, tmp_path / "a.csv", named, "'blues.00000'"):
        read_features(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", [".CSV", ".Parquet"])
@pytest.mark.parametrize("label", ["genre", " Genre ", "Label", "LABEL", "class"])
def test_columns_that_mean_something_are_known_by_other_spellings(tmp_path, label, suffix):
    path = segments(tmp_path, list, suffix, label=label, file=" FileName")
    table = read_features(path)
    assert set(table.label) == {"80s", "hip-hop"}
    assert table.columns == ("segment_s", "n")


def test_a_column_that_is_called_label_comes_before_others(tmp_path):
    (tmp_path / "a.csv").write_text("track,class,label\na,1,rock\nb,2,pop\n")
    table = read_features(tmp_path / "a.csv")
    assert (list(table.label), table.columns) == (["rock", "pop"], ("class",))


def test_genres_that_are_one_name_are_joined(tmp_path):
    (tmp_path / "a.csv").write_text("track,n,label\na,1,Rock\nb,2,rock \nc,3,rock\nd,4,pop\n")
    with pytest.warns(UserWarning, match="are one: 'rock'"):
        table = read_features(tmp_path / "a.csv")
    assert list(table.label) == ["rock", "rock", "rock", "pop"]
    names = np.array(["Rock.1", "rock.2", "rock.3"])
    np.savez(tmp_path / "a.npz", features=np.ones((3, 2, 2), np.float32), track=names)
    with pytest.warns(UserWarning, match="are one: 'rock'"):
        assert list(read_features(tmp_path / "a.npz").label) == ["rock"] * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("mark", [";", "\t"])
def test_excels_tables_are_read(tmp_path, mark, encoding):
    text = "track,n,m,label\r\nä,0.5,-1e-3,é\r\nb,2,1.25,x\r\n"
    text = text.replace(".", "|").replace(",", mark).replace("|", ",")
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    table = read_features(tmp_path / "a.csv")
    assert (list(table.track_id), list(table.label)) == (["ä", "b"], ["é", "x"])
    np.testing.assert_array_equal(
        np.concatenate(table.features), np.array([[0.5, -1e-3], [2, 1.25]], np.float32)
    )


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_excels_line_of_the_delimiter_and_filled_up_rows_are_read(tmp_path, mark):
    lines = ["track,n,m,label", "a,1,2,x,,", ",,,", "", "b,3,4,y"]
    text = "\r\n".join([f"sep={mark}", *(line.replace(",", mark) for line in lines)])
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8-sig"))
    table = read_features(tmp_path / "a.csv")
    assert (list(table.track_id), list(table.label)) == (["a", "b"], ["x", "y"])
    np.testing.assert_array_equal(np.concatenate(table.features), [[1, 2], [3, 4]])
    (tmp_path / "a.csv").write_text(f"{text}{mark}z", newline="")
    with user_error("table.ragged_row", "a.csv", "line 6", "5 fields", "quote"):
        read_features(tmp_path / "a.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["path", "File Path", "filepath", "file_name", "FILE", "Filename"])
def test_a_column_of_files_is_known_by_the_names_of_an_index(tmp_path, name, suffix):
    path = tmp_path / f"a.{suffix}"
    columns = {"N": [1, 2], name: ["rock/a.wav", "pop/b.wav"], "genre": ["rock", "pop"]}
    if suffix == "parquet":
        pq.write_table(pa.table(columns), path)
    else:
        rows = zip(*columns.values(), strict=True)
        path.write_text("\n".join(",".join(map(str, row)) for row in (columns, *rows)))
    table = read_features(path)
    assert (list(table.track_id), list(table.label)) == (["a", "b"], ["rock", "pop"])
    assert table.columns == ("N",)


def test_text_of_another_encoding_says_the_line(tmp_path):
    (tmp_path / "a.csv").write_bytes("track,n\na,1\né,2\n".encode("cp1252"))
    with user_error("table.not_csv", "a.csv", "line 3", "UTF-8"):
        read_features(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes("track,n\na,1\n".encode("utf-16")[:-1])
    with user_error("table.not_csv", "a.csv", "UTF-8"):
        read_features(tmp_path / "a.csv")


@pytest.mark.parametrize("cells", ["1.5;2,5", "1.234,5;1"])
def test_decimal_commas_and_points_are_not_guessed_at(tmp_path, cells):
    (tmp_path / "a.csv").write_text(f"track;n;m\na;1;1\nb;{cells}\n")
    with user_error("table.not_finite", tmp_path / "a.csv", "line 3"):
        read_features(tmp_path / "a.csv")


def test_kaggles_table_of_30_s(shared_dir):
    path = shared_dir / "data/gtzan_features_30_sec_dev.csv"
    with path.open() as file:
        header, *lines = csv.reader(file)
    table = read_features(path)
    assert len(table.track_id) == len(lines) == 706
    assert table.columns == tuple(header[2:-1])
    assert len(table.columns) == 57
    expected = np.array([line[2:-1] for line in lines], np.float64)
    np.testing.assert_allclose(np.concatenate(table.features), expected, rtol=1e-6)
    assert [f"{track}.wav" for track in table.track_id] == [line[0] for line in lines]
    assert list(table.label) == [line[-1] for line in lines]


@pytest.mark.parametrize(
    ("columns", "code", "named"),
    [
        ({"track": ["a"], "n": ["much"]}, "table.wrong_type", "'n' is of type string"),
        ({"track": ["a"], "n": [None]}, "table.wrong_type", "'n' is of type null"),
        ({"track": ["a", "b"], "n": [1.0, None]}, "table.not_finite", "row 2, column 'n'"),
        ({"track": ["a"], "n": [1e39]}, "table.not_finite", "row 1, column 'n' holds 'inf'"),
        ({"track": ["a", None], "n": [1, 2]}, "table.unnamed_track", "row 2"),
        ({"track": ["a"], "n": [1], "__index_level_0__": [0]}, "table.unnamed_column", "index"),
        ({"n": [1]}, "table.missing_column", "'track'"),
    ],
)
def test_mistakes_in_parquet_are_one_sentence(tmp_path, columns, code, named):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with user_error(code, tmp_path / "a.parquet", named):
        read_features(tmp_path / "a.parquet")


def frames_of(folder: Path, header: str, *rows: str) -> dict[str, list[list[float]]]:
    """What is read of a table, by track."""
    (folder / "a.csv").write_text("\n".join([header, *rows]))
    table = read_features(folder / "a.csv")
    assert table.columns == ("a",)
    return {t: f[:, 0].tolist() for t, f in zip(table.track_id, table.features, strict=True)}


@pytest.mark.parametrize("column", ["segment", "frame", " Frame"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_column_of_numbers_orders_rows_and_is_no_feature(tmp_path, column, suffix):
    rows = [("b", 10, 1.0), ("a", 1, 2.0), ("b", 9, 3.0), ("a", 0, 4.0), ("b", 11, 5.0)]
    if suffix == ".csv":
        assert frames_of(
            tmp_path, f"track,{column},a", *(",".join(map(str, row)) for row in rows)
        ) == {"b": [3, 1, 5], "a": [4, 2]}
        return
    names, numbers, values = map(list, zip(*rows, strict=True))
    pq.write_table(pa.table({"track": names, column: numbers, "a": values}), tmp_path / "a.parquet")
    table = read_features(tmp_path / "a.parquet")
    assert [frames.tolist() for frames in table.features] == [[[3], [1], [5]], [[4], [2]]]


def test_frames_in_segments_are_ordered_by_both_columns(tmp_path):
    rows = ["x,1,0,3", "x,0,1,2", "x,1,7,4", "x,0,0,1"]
    assert frames_of(tmp_path, "track,segment,frame,a", *rows) == {"x": [1, 2, 3, 4]}


def test_gaps_between_segments_are_counted_once(tmp_path):
    rows = ["x,3,3", "x,0,0", "x,1,1", "x,9,9", "y,2,2", "y,3,3", "z,5,0"]
    with pytest.warns(UserWarning, match="2 gaps in 1 of 3 tracks .*'x' 3 follows 1") as told:
        found = frames_of(tmp_path, "track,segment,a", *rows)
    assert (len(told), found) == (1, {"x": [0, 1, 3, 9], "y": [2, 3], "z": [0]})
    names = [f"blues.00000.{number}.wav,{number}" for number in (0, 1, 4)]
    with pytest.warns(UserWarning, match=r"1 gaps in 1 of 1 tracks .*4 follows 1"):
        frames_of(tmp_path, "filename,a", *names)


def test_frames_that_are_numbered_in_steps_have_no_gaps(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames_of(tmp_path, "track,frame,a", "x,0,1", "x,512,1", "y,0.5,1", "x,1024,1")


@pytest.mark.parametrize(
    ("rows", "code", "named"),
    [
        (["x,0,1", "x,0,2"], "table.duplicate_track", "line 3 is segment 0 of track 'x'"),
        (["x,0,1", "x,one,2"], "table.not_finite", "column 'segment' holds 'one'"),
        (["x,,1", "x,1,2"], "table.not_finite", "line 2, column 'segment' holds ''"),
    ],
)
def test_numbers_that_do_not_order_are_named(tmp_path, rows, code, named):
    with user_error(code, named):
        frames_of(tmp_path, "track,segment,a", *rows)


@pytest.mark.parametrize(
    ("header", "column", "label"),
    [("track,category,a", "category", True), ("track,Genre,label", "Genre", False)],
)
def test_a_column_of_text_is_to_be_renamed_or_removed(tmp_path, header, column, label):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\nx,r,1\n")
    with user_error("table.not_finite", f"'{column}' holds 'r'", "remove the column") as caught:
        read_features(path)
    assert ("rename it to 'label'" in str(caught.value)) == label
    columns = dict(zip(header.split(","), [["x"], ["r"], [1]], strict=True))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with user_error("table.wrong_type", f"'{column}'", "remove the column") as caught:
        read_features(tmp_path / "a.parquet")
    assert ("rename it to 'label'" in str(caught.value)) == label


@pytest.mark.parametrize("name", ["genre", "class", "Label", " GENRE "])
def test_an_array_of_genres_is_known_by_other_spellings(tmp_path, name):
    arrays = {"features": np.ones((2, 3, 4)), "Track": ["low.1", "low.2"], name: ["x", "y"]}
    np.savez(tmp_path / "a.npz", **arrays)
    table = read_features(tmp_path / "a.npz")
    assert (list(table.track_id), list(table.label)) == (["low.1", "low.2"], ["x", "y"])


def test_arrays_that_are_not_read_are_named(tmp_path, caplog):
    arrays = {"Mel": np.ones((2, 3, 4), np.uint8), "filename": ["low.1.wav", "top.1.wav"]}
    np.savez(tmp_path / "a.npz", **arrays, y=[0, 1], tempo=[9, 9])
    with pytest.warns(UserWarning, match="did not read y, tempo; there is no 'label'"):
        assert list(read_features(tmp_path / "a.npz").label) == ["low", "top"]
    np.savez(tmp_path / "a.npz", **arrays, y=[0, 1], label=["p", "q"])
    with caplog.at_level("INFO", "mgr_jax"):
        assert list(read_features(tmp_path / "a.npz").label) == ["p", "q"]
    assert "did not read y" in caplog.text
    np.savez(tmp_path / "a.npz", **arrays, label=["p", "q"], Label=["p", "q"])
    with user_error("table.duplicate_column", "2 arrays called 'label'"):
        read_features(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", y=[0, 1])
    with user_error("table.missing_column", "but holds y"):
        read_features(tmp_path / "a.npz")


@pytest.mark.parametrize("last", ["test", ""])
def test_a_column_of_splits_that_is_not_used_is_told(tmp_path, last):
    split = ["train", "validation", last] * 2
    rows = [f"{g}.{t},{t + 1}{i},{split[t]}" for i, g in enumerate(("l", "h")) for t in range(6)]
    (tmp_path / "a.csv").write_text("\n".join(["track,n,split", *rows]))
    count = sum(map(bool, split)) * 2
    with pytest.warns(UserWarning, match=rf"gives {count} of 12 tracks a split.*`splits=given`"):
        prepare(
            "feature_array",
            features=tmp_path / "a.csv",
            data_dir=tmp_path,
            num_workers=0,
            progress=False,
        )
