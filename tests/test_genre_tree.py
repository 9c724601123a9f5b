"""Genres and their parents: what a tree may be, and probabilities that agree with it."""

import numpy as np
import pytest
from errors import user_error
from hypothesis import given
from hypothesis import strategies as st

import mgr_jax
from mgr_jax.genre_tree import ancestors, fit_tree, make_consistent, read_genre_tree, spelt_alike

CLASSES = ("post-punk", "punk", "rock", "jazz", "bebop")
TREE = {"post-punk": "punk", "punk": "rock", "bebop": "modern jazz", "modern jazz": "jazz"}


def write(folder, text):
    path = folder / "tree.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_of_children_and_parents(tmp_path):
    text = "\ufeffnote,child, parent\n,Post-Punk,Punk\n,Punk, Rock\n,Rock,\nx,Punk,Rock\n"
    assert read_genre_tree(write(tmp_path, text)) == {"Post-Punk": "Punk", "Punk": "Rock"}


def test_the_published_genres_of_fma(shared_dir):
    path = shared_dir / "data/fma_real/fma_metadata/genres.csv"
    tree = mgr_jax.read_genre_tree(path)
    assert len({*tree, *tree.values()}) <= 163
    assert list(ancestors("Post-Punk", tree)) == ["Punk", "Rock"]
    assert "Rock" not in tree
    fitted = fit_tree(tree, ("hip_hop", "rock"))
    assert list(ancestors("Hip-Hop Beats", fitted)) == ["hip_hop"]


@pytest.mark.parametrize(
    ("text", "code", "named"),
    [
        ("", "genre_tree.wrong", "empty"),
        ("genre,above\na,b\n", "genre_tree.wrong", "genre, above"),
        ("child,parent\na,a\n", "genre_tree.wrong", "a < a"),
        ("child,parent\na,b\nb,c\nc,a\n", "genre_tree.wrong", "a < b < c < a"),
        ("child,parent\na,b\na,c\n", "genre_tree.wrong", "two parents, 'b' and 'c'"),
        ("child,parent\n,b\n", "genre_tree.wrong", "'b'"),
        ("genre_id,parent,title\n1,7,Rock\n", "genre_tree.wrong", "'7'"),
        ('child,parent\n"a,b\n', "genre_tree.unreadable", "child and parent"),
    ],
)
def test_what_is_no_tree_is_one_sentence(tmp_path, text, code, named):
    path = write(tmp_path, text)
    with user_error(code, path, named):
        read_genre_tree(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with user_error("genre_tree.unreadable", tmp_path / "none.csv", "No such file"):
        read_genre_tree(tmp_path / "none.csv")
    (tmp_path / "tree.csv").write_bytes(b"child,parent\n\xff\xfe,b\n")
    with user_error("genre_tree.unreadable", tmp_path / "tree.csv"):
        read_genre_tree(tmp_path / "tree.csv")


def test_names_are_those_of_the_model_however_they_are_spelt():
    assert spelt_alike("Hip-Hop", ("hiphop", "rock")) == "hiphop"
    assert spelt_alike("hip hop", ("hip-hop", "hip_hop")) is None
    assert spelt_alike("hip_hop", ("hip-hop", "hip_hop")) == "hip_hop"
    assert spelt_alike("hip", ("hiphop",)) is None
    assert fit_tree({"Post Punk": "Punk"}, CLASSES) == {"post-punk": "punk"}
    with user_error("genre_tree.wrong", "polka", "bebop"):
        fit_tree({"a": "b"}, ("polka", "bebop"))
    with user_error("genre_tree.wrong", "'punk'"):
        fit_tree({"Punk": "rock", "punk": "jazz"}, CLASSES)
    with user_error("genre_tree.wrong", "ancestor"):
        fit_tree({"Punk": "x", "x": "punk"}, CLASSES)


def test_classes_that_exclude_each_other_add_up():
    found = make_consistent(np.array([0.4, 0.2, 0.1, 0.05, 0.25]), CLASSES, TREE, "single_label")
    np.testing.assert_allclose(found, [0.4, 0.6, 0.7, 0.3, 0.25])


def test_a_tag_is_at_least_as_probable_as_those_below_it():
    found = make_consistent(np.array([0.4, 0.9, 0.1, 0.05, 0.25]), CLASSES, TREE, "multi_label")
    np.testing.assert_allclose(found, [0.4, 0.9, 0.9, 0.25, 0.25])


@st.composite
def trees(draw):
    """Classes, a tree of them and of others, and probabilities of two rows."""
    genres = [f"genre {i}" for i in range(draw(st.integers(2, 12)))]
    above = {name: draw(st.sampled_from(genres[:i])) for i, name in enumerate(genres) if i}
    tree = {name: parent for name, parent in above.items() if draw(st.booleans())}
    classes = tuple(draw(st.lists(st.sampled_from(genres), min_size=2, unique=True)))
    share = st.floats(0, 1, width=32)
    rows = draw(st.lists(st.lists(share, min_size=len(classes), max_size=len(classes)), min_size=2))
    return classes, tree, np.array(rows, np.float32)


@given(trees(), st.sampled_from(["single_label", "multi_label"]))
def test_no_child_is_more_probable_than_its_ancestors(drawn, task):
    classes, tree, rows = drawn
    if task == "single_label":
        rows = (rows + 0.1) / (rows + 0.1).sum(axis=1, keepdims=True)
    found = make_consistent(rows, classes, tree, task)
    at = {name: i for i, name in enumerate(classes)}
    for name in classes:
        for above in ancestors(name, tree):
            if above in at:
                assert (found[:, at[above]] >= found[:, at[name]]).all()
    assert (found >= rows).all()
    assert (found <= 1).all()
    alone = [i for i, name in enumerate(classes) if not _has_below(name, classes, tree)]
    np.testing.assert_array_equal(found[:, alone], rows[:, alone])
    again = make_consistent(found, classes, tree, "multi_label")
    np.testing.assert_array_equal(again, found)


def _has_below(name, classes, tree):
    return any(name in ancestors(other, tree) for other in classes)
