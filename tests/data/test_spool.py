"""Records in files on their way from the worker processes."""

import resource

import numpy as np
import pytest

from mgr_jax.data.records import LoadedTrack, Record, Track
from mgr_jax.data.spool import Columns, spool


def test_a_record_that_finds_no_room_is_an_error_and_not_half_a_record(tmp_path):
    """Where a disk is almost full, the system writes what there is room for."""
    data = bytes(1 << 20)
    loaded = LoadedTrack(np.zeros(0, np.int16))

    def make_records(track):
        return loaded, [Record(data, 0, len(data))]

    track = Track("a", "", lambda: loaded)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            spool(make_records, Columns("features", (), ()), str(tmp_path), track)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
