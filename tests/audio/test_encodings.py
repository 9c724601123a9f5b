"""Files in every encoding that can be written here are read whole."""

import av
import numpy as np
import pytest
from fuzz_decoder import BAD, outcomes

from mgr_jax.audio.io import read_audio
from mgr_jax.audio.listing import AUDIO_SUFFIXES
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.encodings import original, write
from mgr_jax.benchmark.inputs.fidelity import find_lag, measure, notices_cut
from mgr_jax.benchmark.inputs.page import UNSEARCHED

SUFFIXES = {f".{encoding.suffix}" for encoding in ENCODINGS}
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


def test_a_folder_finds_what_is_read_by_name():
    # What is left out is program text, mostly: TypeScript and Squirrel.
    assert SUFFIXES - set(AUDIO_SUFFIXES) == {".nut", ".ts"} == set(UNSEARCHED)


@pytest.mark.parametrize(
    ("name", "notices"),
    [
        ("WAV, 16 bit", True),
        ("WAV from a pipe", False),
        ("AU from a pipe", False),
        ("VOC", False),
        ("IRCAM", False),
        ("FLAC from a pipe", False),
        ("MP3", True),
        ("MP3, no Xing header", False),
        ("AAC, bare (ADTS)", False),
        ("AC-3", False),
        ("Vorbis", True),
        ("Opus in WebM", True),
        ("Opus in WebM, from a pipe", False),
    ],
)
def test_half_a_file_is_noticed_where_the_format_tells_its_length(name, notices, tmp_path):
    assert notices_cut(NAMES[name], file_of(NAMES[name], tmp_path)) == notices


def test_what_is_measured_is_what_is_there():
    """A sound that is moved, cut, softer, or of one channel is found to be so."""
    sound = original(8_000, 2, 16)
    mono = sound.mean(axis=1)
    assert find_lag(np.concatenate([np.zeros(37), mono]), mono) == 37
    assert find_lag(mono[37:], mono) == -37
    assert np.corrcoef(mono, sound[:, 0])[0, 1] < 0.9


@pytest.mark.parametrize("name", ["MP3, VBR", "MP3, no Xing header", "AAC, bare (ADTS)", "Vorbis"])
def test_files_that_were_joined_are_read_to_the_end(name, tmp_path):
    """The header of the first tells its own length alone; players play both."""
    path = file_of(NAMES[name], tmp_path)
    sound = write(NAMES[name], path).mean(axis=1)
    path.write_bytes(path.read_bytes() * 2)
    both = read_audio(path, 44_100)
    assert 0 <= len(both) / 44_100 - 4 < 0.2
    for half in (both[: len(sound)], both[-len(sound) - 4_000 :]):
        lag = find_lag(half, sound)
        common = half[max(lag, 0) :][: len(sound)]
        assert np.corrcoef(common, sound[: len(common)])[0, 1] > 0.99


def test_damaged_files_crash_nothing_and_take_no_time(tmp_path):
    """`make fuzz` reads thousands."""
    found = dict(outcomes(range(1_000, 1_026), tmp_path, workers=1))
    assert len(found) == 26
    assert not [outcome for outcome in found.values() if outcome.startswith(BAD)]
    assert "read whole" in found.values()
    assert any(outcome.startswith("said: audio.") for outcome in found.values())
