"""Labels become classes only where they surely are."""

import pytest
from errors import user_error

from mgr_jax.data.class_names import map_labels, read_class_names, read_pairs
from mgr_jax.data.index_table import read_index_table

CLASSES = ("hiphop", "Rock", "Straße")


def test_spellings_of_a_class_are_that_class():
    labels = ["HipHop", "  rock ", "STRASSE", "rock"]
    assert map_labels(labels, CLASSES, {}, where="here") == [0, 1, 2, 1]


def test_labels_that_only_look_like_a_class_are_asked_about():
    with user_error("table.unknown_genre", "'hip-hop'", "hip-hop=hiphop", "here"):
        map_labels(["hip-hop", "rock"], CLASSES, {}, where="here")
    names = {"Hip-Hop": "HIPHOP", "noise": ""}
    found = map_labels(["hip-hop", "noise", "rock"], CLASSES, names, where="here")
    assert found == [0, None, 1]
    found = map_labels(["hip-hop", "rock"], CLASSES, {}, where="here", leave_out_unknown=True)
    assert found == [None, 1]


def test_a_name_may_move_a_class_and_one_without_a_label_is_told():
    assert map_labels(["rock"], CLASSES, {"rock": "hiphop"}, where="here") == [0]
    with pytest.warns(UserWarning, match="'pop', which is no label of here"):
        map_labels(["rock"], CLASSES, {"pop": "hiphop"}, where="here")
    with user_error("unknown_name", "hipp"):
        map_labels(["rock"], CLASSES, {"rock": "hipp"}, where="here")


def test_pairs_are_read_of_texts_mappings_and_files(tmp_path):
    assert read_pairs("a b=c, d=,e=f=g", "x") == {"a b": "c", "d": "", "e": "f=g"}
    assert read_class_names(None) == {}
    assert read_class_names({"a": "b"}) == {"a": "b"}
    file = tmp_path / "names.csv"
    file.write_text('class;label\nrock;"r, n r"\n;noise\n', encoding="utf-8")
    assert read_class_names(file) == read_class_names(str(file)) == {"r, n r": "rock", "noise": ""}
    with user_error("argument.wrong_type", "rock", "class_names"):
        read_class_names("rock")
    file.write_text("a,b\nc,d\n", encoding="utf-8")
    with user_error("table.missing_column", file, "label"):
        read_class_names(file)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("file,style", {"path": "file", "genre": "style"}),
        ("File;Style", {"path": "file", "genre": "style"}),
        ("file,style,genre", {"genre": "style"}),
        ("label,style,path,file", {"path": "file", "genre": "style"}),
        ("path,label", {"genre": "label"}),
    ],
)
def test_columns_of_an_index_may_be_called_anything(tmp_path, header, columns):
    index = tmp_path / "index.csv"
    mark = ";" if ";" in header else ","
    texts = {"file": "a.wav", "style": "rock", "genre": "x", "label": "rock", "path": "a.wav"}
    row = mark.join(texts[name.lower()] for name in header.split(mark))
    index.write_text(f"{header}\n{row}\n", encoding="utf-8")
    (found,) = read_index_table(index, columns)
    assert (found.values["path"], found.values["genre"]) == ("a.wav", "rock")
    with user_error("table.missing_column", index, "nothing"):
        read_index_table(index, {"genre": "nothing"})
