"""A row of a table goes to one track, whatever folders and endings the names have."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mgr_jax.data.feature_files import full_names
from mgr_jax.data.table_rows import match_rows

FILES = st.sampled_from(["1", "2", "11", "000001", "000011", "pop.00001"])
NAMES = st.builds(
    lambda folders, file, suffix: "/".join([*folders, file + suffix]),
    st.lists(st.sampled_from(["a", "b", "000"]), max_size=2),
    FILES,
    st.sampled_from(["", ".mp3", ".wav"]),
)
TABLES = st.lists(NAMES, unique=True, max_size=6)


def parts_of(name: str) -> tuple[str, ...]:
    """Folders and file, FMA's six digits as a number."""
    *folders, file = full_names([name])[0].split("/")
    return (*folders, str(int(file)) if file.isdecimal() and len(file) == 6 else file)


def ends_in(name: tuple[str, ...], ending: tuple[str, ...]) -> bool:
    return name[len(name) - len(ending) :] == ending if len(ending) <= len(name) else False


def expected(rows: list[str], tracks: list[str]) -> dict[str, str]:
    """By the definition, all pairs: equal names that are there once, or one that ends in another.

    The shorter of the two must then be the ending of nothing else on either side.
    """
    found = {}
    for track, row in itertools.product(tracks, rows):
        one, other = parts_of(track), parts_of(row)
        short = min(one, other, key=len)
        if one == other:
            alone = [parts_of(t) for t in tracks].count(one) == 1
            alone &= [parts_of(r) for r in rows].count(one) == 1
        else:
            alone = ends_in(one, short) and ends_in(other, short)
            for side in (tracks, rows):
                alone &= sum(ends_in(parts_of(name), short) for name in side) == 1
        if alone:
            assert track not in found
            found[track] = row
    return found


@given(rows=TABLES, tracks=TABLES)
def test_a_row_is_that_of_one_track_by_the_definition(rows, tracks):
    found = match_rows(rows, tracks)
    assert found == expected(rows, tracks)
    assert len(set(found.values())) == len(found)  # no row serves two tracks


@given(rows=TABLES, tracks=TABLES, chance=st.randoms(use_true_random=False))
def test_the_order_of_rows_and_tracks_does_not_matter(rows, tracks, chance):
    found = match_rows(rows, tracks)
    chance.shuffle(rows)
    chance.shuffle(tracks)
    assert match_rows(rows, tracks) == found


@given(tracks=st.lists(NAMES, unique_by=parts_of, max_size=6))
def test_each_track_of_distinct_names_has_its_own_row(tracks):
    assert match_rows(tracks, tracks) == {track: track for track in tracks}
