"""Genres by other spellings: one name becomes one genre, a likeness is told, nothing else moves."""

import unicodedata
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgr_jax.data.genres import alike_key, join_alike, tidy_name

NFC, NFD = (unicodedata.normalize(form, "Música") for form in ("NFC", "NFD"))


def quiet(labels):
    """What becomes of labels, without warnings, which fail the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return join_alike(labels, "music")


@pytest.mark.parametrize(
    ("labels", "genre", "told"),
    [
        (["Rock", "rock", "rock"], "rock", r"'rock' \(also written 'Rock'\)"),
        (["Rock", "rock"], "Rock", r"'Rock' \(also written 'rock'\)"),  # as many: the first
        (["rock ", " rock", "Rock"], "rock", "'rock ', ' rock', 'Rock'"),
        (["hip  hop", "hip\thop", "hip\xa0hop"], "hip hop", r"'hip\\thop', 'hip\\xa0hop'"),
        ([NFD, NFC], NFC, r"'M\\xfasica' \(also|'Mu\\u0301sica'"),
        (["rock", "ro\u200bck", "\ufeffrock"], "rock", r"'ro\\u200bck', '\\ufeffrock'"),
        (["STRASSENMUSIK", "Straßenmusik"], "STRASSENMUSIK", "'Straßenmusik'"),
        (["ΡΟΚ", "ρος"], "", ""),  # two words
    ],
)
def test_one_name_is_one_genre(labels, genre, told):
    if not told:
        assert quiet(labels) == labels
        return
    with pytest.warns(UserWarning, match=told) as caught:
        assert set(join_alike(labels, "music")) == {genre}
    assert len(caught) == 1


@pytest.mark.parametrize(
    "labels",
    [
        ["hip-hop", "hiphop", "Hip Hop"],
        ["música", "musica"],
        ["R&B", "R and B", "RnB"],
        ["Drum & Bass", "drum'n'bass", "Drum and Bass"],
        ["80s", "80's"],
        ["Ｒock", "Rock"],
        ["pop", "рор"],  # Cyrillic
        ["łatin", "latin"],
    ],
)
def test_names_that_look_alike_are_told_and_stay_apart(labels):
    with pytest.warns(UserWarning, match="look alike") as caught:
        assert join_alike(labels, "here") == labels
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith("here: ")
    assert all(repr(label) in message for label in labels)


@pytest.mark.parametrize(
    "labels",
    [
        ["pop", "hiphop", "hip-life"],
        ["rock", "rock 2", "rock 3"],
        ["1.5", "15"],  # not the same for having the same digits
        ["♥", "♪", "???"],
        ["рай", "май"],
        ["पॉप", "पप"],  # signs of vowels are letters
        ["jazz", "", ""],
    ],
)
def test_other_names_are_left_alone(labels):
    assert quiet(labels) == labels


def test_a_name_alone_becomes_tidy():
    assert quiet([" jazz ", "\u200b", NFD]) == ["jazz", "", NFC]


def test_genres_that_stand_for_nothing_are_told():
    with pytest.warns(UserWarning, match="2 tracks have the genre 'NaN', as programs write"):
        assert join_alike(["NaN", "jazz", "NaN"], "music") == ["NaN", "jazz", "NaN"]


# Names that often collide, besides any.
NAMES = st.text("aAáàß -&\u0301\u200b\t", max_size=4) | st.text(max_size=8)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(labels=st.lists(NAMES, min_size=1, max_size=8), order=st.randoms(use_true_random=False))
def test_joining_again_changes_nothing_and_the_order_matters_only_among_equals(labels, order):
    joined = join_alike(labels, "music")
    assert join_alike(joined, "music") == joined
    shuffled = order.sample(range(len(labels)), len(labels))
    again = join_alike([labels[index] for index in shuffled], "music")
    pairs = [(joined[index], other) for index, other in zip(shuffled, again, strict=True)]
    # What is together stays together, whichever spelling it gets.
    assert len(set(pairs)) == len(set(joined)) == len(set(again))
    # One spelling more than all others together leaves no doubt.
    most = [*labels, *[labels[0]] * len(labels)]
    for some in (most, most[::-1], order.sample(most, len(most))):
        assert join_alike(some, "music")[some.index(labels[0])] == tidy_name(labels[0])


@given(name=NAMES)
def test_a_name_looks_like_itself_in_any_form(name):
    assert alike_key(name) == alike_key(tidy_name(name))
    assert alike_key(name) == alike_key(unicodedata.normalize("NFD", f"\u200b{name} "))
