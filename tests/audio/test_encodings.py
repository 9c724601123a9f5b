"""Files in every encoding that can be written here are read whole."""

import av
import numpy as np
import pytest

from mgr_jax.benchmark.encoding_table import ENCODINGS
from mgr_jax.benchmark.encodings import original
from mgr_jax.benchmark.fidelity import find_lag, measure

NAMES = {encoding.name: encoding for encoding in ENCODINGS}


def file_of(encoding, folder):
    return folder / f"sound.{encoding.suffix}"


@pytest.mark.parametrize("encoding", ENCODINGS, ids=NAMES)
def test_a_file_is_read_whole_and_nothing_is_said_of_it(encoding, tmp_path):
    if encoding.missing:
        pytest.skip(f"no {encoding.missing} here")
    assert measure(encoding, file_of(encoding, tmp_path)).wrong == []


def test_there_are_sixty_encodings_that_need_no_program():
    always = [encoding for encoding in ENCODINGS if not encoding.command]
    assert len(always) >= 60
    assert len(NAMES) == len(ENCODINGS)
    assert {e.codec for e in always if e.writer == "PyAV"} <= av.codecs_available


def test_what_is_measured_is_what_is_there():
    """A sound that is moved, cut, softer, or of one channel is found to be so."""
    sound = original(8_000, 2, 16)
    mono = sound.mean(axis=1)
    assert find_lag(np.concatenate([np.zeros(37), mono]), mono) == 37
    assert find_lag(mono[37:], mono) == -37
    assert np.corrcoef(mono, sound[:, 0])[0, 1] < 0.9
