"""What is told of files that are used, but not as they are, is kept by file and told once."""

import json
import shutil
import warnings

import numpy as np
import pytest
import soundfile
from errors import user_error
from unsealed import unseal_dataset

from mgr_jax.audio.io import AudioWarning
from mgr_jax.audio.notes import first_of_each, some_reasons, with_notes
from mgr_jax.data import audio_builder
from mgr_jax.data.prepare import prepare
from mgr_jax.data.records import audio_records
from mgr_jax.features.recipes import Recipe
from mgr_jax.runs import audio_tracks, extract
from mgr_jax.runs.auditing import audit
from mgr_jax.runs.extract import extract_table
from mgr_jax.workers import map_in_processes

RATE = 12_000


def odd(number: int) -> int:
    if number % 2:
        warnings.warn(f"file {number} is odd", AudioWarning, stacklevel=2)
    return number


@pytest.mark.parametrize("workers", [0, 1])
def test_each_result_comes_with_what_it_gave_and_nothing_is_shown(workers):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = list(with_notes(map_in_processes(odd, range(4), workers=workers)))
    told = [notes for _, notes in found]
    assert told == [[], ["file 1 is odd"], [], ["file 3 is odd"]]
    assert [result for (_, result), _ in found] == [0, 1, 2, 3]


def test_other_warnings_are_shown_and_errors_are_raised():
    def results():
        warnings.warn("deprecated", DeprecationWarning, stacklevel=1)
        yield 1
        raise ValueError("broken")

    told = with_notes(results())
    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert next(told) == (1, [])
    with pytest.raises(ValueError, match="broken"):
        next(told)


def test_many_sentences_are_counted():
    notes = {str(n): [f"{n} is cut", "louder"] for n in range(5)}
    assert some_reasons(first_of_each(notes)) == "0 is cut; 1 is cut; 2 is cut; and 2 more"


def test_a_dataset_keeps_the_notes_of_its_tracks(music_folder, tmp_path, monkeypatch):
    def noted(track, sample_rate):
        if track.track_id.removesuffix(".wav").endswith("-0"):
            warnings.warn(f"{track.track_id} cancels itself", AudioWarning, stacklevel=2)
        return audio_records(track, sample_rate)

    monkeypatch.setattr(audio_builder, "audio_records", noted)
    how = {"manual_dir": music_folder, "data_dir": tmp_path, "num_workers": 0, "progress": False}
    with pytest.warns(UserWarning, match=r"used 15 tracks .*notes\.json.*; and 12 more") as caught:
        made = prepare("audio_folder", sample_rate=RATE, **how)
    assert not [w for w in caught if issubclass(w.category, AudioWarning)]
    assert len(made.notes) == 15
    assert all(made.notes[track] == [f"{track} cancels itself"] for track in made.notes)
    assert json.loads((made.folder / "notes.json").read_text()) == made.notes
    assert "(0 skipped, 15 used but not as they are)" in str(made)
    unseal_dataset(made.folder)  # version 0.1.0 wrote no notes
    again = prepare("audio_folder", sample_rate=RATE, **how)
    assert not again.notes
    assert "(0 skipped)" in str(again)


@pytest.fixture
def cut_music(tmp_path):
    """Two whole files, and one that ends before its header says."""
    folder = tmp_path / "music/rock"
    folder.mkdir(parents=True)
    for name in ("a", "b", "cut"):
        noise = np.random.default_rng(ord(name[0])).normal(0, 0.1, 6 * RATE)
        soundfile.write(folder / f"{name}.wav", noise, RATE, subtype="PCM_16")
    whole = (folder / "cut.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[: len(whole) * 2 // 3])
    return folder.parent


def test_a_table_has_the_notes_of_its_tracks_also_after_a_kill(cut_music, tmp_path, monkeypatch):
    read = audio_tracks.read_audio

    def lenient(path, rate, limits):
        if killed and path.name == "b.wav":
            raise KeyboardInterrupt
        return read(path, rate, limits=limits, allow_truncated=True)

    shutil.move(cut_music / "rock/cut.wav", cut_music / "rock/a_cut.wav")  # before the kill
    monkeypatch.setattr(audio_tracks, "read_audio", lenient)
    loudness = Recipe(("loudness",), lambda waveform, rate: np.array([waveform.std()]))
    monkeypatch.setattr(extract, "find_recipe", lambda *_, **__: loudness)
    out, killed = tmp_path / "table.csv", True
    how = {"audio": cut_music, "workers": 0, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        extract_table("mfcc_statistics", out, **how)
    killed = False
    made = extract_table("mfcc_statistics", out, **how)
    assert list(made.notes) == ["a_cut.wav"]
    assert "is cut short" in made.notes["a_cut.wav"][0]
    assert json.loads((tmp_path / "table.csv.notes.json").read_text()) == made.notes
    assert "1 used with a note, see table.csv.notes.json" in str(made)


def test_an_audit_tells_the_notes_also_of_kept_fingerprints(cut_music, tmp_path):
    for _ in range(2):
        found = audit(audio=cut_music, store=tmp_path / "kept", workers=0, progress=False)
        assert list(found.notes) == ["rock/cut.wav"]
        assert "1 tracks were compared with a warning" in str(found)
        assert "## Used, but not as they are" in found.markdown()
    (cut_music / "rock/cut.wav").write_bytes(b"")
    found = audit(audio=cut_music, store=tmp_path / "kept", workers=0, progress=False)
    assert not found.notes
    assert list(found.unreadable) == ["rock/cut.wav"]


def test_workers_cannot_be_fewer_than_none():
    with user_error("argument.out_of_range", "-1"):
        next(map_in_processes(odd, [1], workers=-1))
