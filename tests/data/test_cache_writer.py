"""What is known of a split's tracks, from their records in order."""

import json

import numpy as np
import pytest

from mgr_jax.data.cache_writer import Index


def head(track: str, offset: int, length: int) -> dict:
    return {"track_id": track, "artist_id": "", "groups": "{}", "label": 0, "tags": []} | {
        "offset": offset,
        "length": length,
    }


@pytest.mark.parametrize("offset", [1, 5])
def test_a_part_of_another_track_is_not_taken_for_the_next(offset):
    index = Index()
    with pytest.raises(ValueError, match="a part of b is missing"):
        index.add(head("b", offset, 2))
    index.add(head("a", 0, 3))
    index.add(head("a", 3, 2))
    with pytest.raises(ValueError, match="a part of b is missing"):
        index.add(head("b", offset, 2))


def test_names_may_come_from_an_array(tmp_path):
    index = Index()
    for name in np.array(["a", "b"]):
        index.add(head(name, 0, 3))
    index.write(tmp_path, 0)
    assert json.loads((tmp_path / "text.json").read_text())["track_id"] == ["a", "b"]
