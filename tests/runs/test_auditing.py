"""`mgr_jax.audit` from Python: a record that says what it found, and writes where it is told."""

import json
import os

import pytest
import soundfile
from errors import user_error

from mgr_jax.data.rendered.music import GENRES, SAMPLE_RATE, render_track
from mgr_jax.runs.auditing import audit

# Of GTZAN, with splits of our own. disco.00098 and pop.00067 are on no published list, and copies
# of disco.00099 and pop.00071, which are on that of test, as is disco.00001.
TRACKS = {
    "blues.00029": "train",
    "disco.00098": "train",
    "pop.00067": "train",
    "pop.00071": "test",
    "disco.00001": "test",
}


def write_table(path, tracks):
    """A table of GTZAN tracks, the known copies with the numbers of what they are copies of."""
    rows = ["track,artist,split,x,y"]
    numbers = {"pop.00067": 71, "pop.00071": 71, "disco.00098": 99, "disco.00099": 99}
    for number, (track, split) in enumerate(tracks.items()):
        rows.append(f"{track},artist {number},{split},{numbers.get(track, number)},0.5")
    path.write_text("\n".join(rows) + "\n")
    return path


def test_training_on_copies_of_scored_tracks_is_told(tmp_path):
    found = audit(table=write_table(tmp_path / "table.csv", TRACKS), progress=False)
    assert found.copies == {"disco.00098": "disco.00099", "pop.00067": "pop.00071"}
    told = "disco.00098 of disco.00099, pop.00067 of pop.00071"
    assert told in str(found)
    # pop.00071 is here, and the pair has been seen; disco.00099 is kept back.
    assert found.crosses == {"features": 1, "copy of a track on a published list": 1}
    with user_error("split.overlap", "table.csv", "features (1)", "copy of a track"):
        found.require_apart()
    page = found.markdown()
    assert "| disco.00098 | disco.00099 |" in page
    assert found.save(tmp_path / "out").read_text(encoding="utf-8") == page
    stored = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert stored["copies"] == found.copies
    assert tuple(stored["summary"]) == found.summary


def test_copies_that_nobody_trains_on_are_no_leak(tmp_path):
    tracks = {track: "test" if split == "train" else "train" for track, split in TRACKS.items()}
    found = audit(table=write_table(tmp_path / "table.csv", tracks), progress=False)
    assert found.copies == {}
    # By the published lists the copies are on no side, whatever the table says.
    with pytest.warns(UserWarning, match="of the fault-filtered tracks there are"):
        listed = audit(table=tmp_path / "table.csv", protocol="fault_filtered", progress=False)
    assert listed.copies == {}
    assert listed.crosses == {}
    listed.require_apart()
    assert "2 in no split" in listed.summary[0]


def test_where_no_splits_are_known_all_tracks_may_be_trained_on(tmp_path):
    found = audit(table=write_table(tmp_path / "t.csv", dict.fromkeys(TRACKS, "")), progress=False)
    assert found.splits is None
    assert set(found.copies) == {"disco.00098", "pop.00067"}
    assert found.crosses == {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tracks, one of them twice."""
    folder = tmp_path_factory.mktemp("music")
    clips = [render_track(GENRES[0], artist, 0, seconds=8).samples for artist in range(2)]
    for name, clip in zip(("a", "b", "copy of a"), (*clips, clips[0]), strict=True):
        soundfile.write(folder / f"{name}.wav", clip, SAMPLE_RATE)
    return folder


def test_fingerprints_of_a_folder_are_kept_apart_from_it(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = sorted(folder.rglob("*"))
    found = audit(audio=folder, workers=0, progress=False)
    (pair,) = found.duplicates["pairs"]
    assert (pair["first"], pair["second"]) == ("a.wav", "copy of a.wav")
    assert sorted(folder.rglob("*")) == before
    assert len(list((tmp_path / "cache").rglob("*.npz"))) == 1

    def refuse(*args):
        raise AssertionError("computed again")

    monkeypatch.setattr("mgr_jax.leakage.fingerprints._compute", refuse)
    assert audit(audio=str(folder), workers=0, progress=False) == found
    with pytest.raises(AssertionError, match="computed again"):
        audit(audio=folder, store=tmp_path / "elsewhere", workers=0, progress=False)


def test_another_file_of_equal_size_and_time_is_not_taken_for_the_old_one(tmp_path):
    music = tmp_path / "music"
    music.mkdir()
    clips = [render_track(GENRES[0], artist, 0, seconds=8).samples for artist in range(2)]
    for name, clip in zip("ab", clips, strict=True):
        soundfile.write(music / f"{name}.wav", clip, SAMPLE_RATE)
    options = {"audio": music, "store": tmp_path / "store", "workers": 0, "progress": False}
    assert audit(**options).duplicates["pairs"] == []
    before = (music / "b.wav").stat()
    (music / "b.wav").write_bytes((music / "a.wav").read_bytes())
    os.utime(music / "b.wav", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (music / "b.wav").stat().st_size == before.st_size
    assert len(audit(**options).duplicates["pairs"]) == 1


def test_a_folder_says_of_splits_and_artists_what_it_says_to_a_dataset(folder, tmp_path):
    music = tmp_path / "music"
    for name, place in (("a", "rock"), ("b", "jazz"), ("copy of a", "test")):
        (music / place).mkdir(parents=True)
        (music / place / f"{name}.wav").symlink_to(folder / f"{name}.wav")
    options = {"audio": music, "store": tmp_path / "store", "workers": 0, "progress": False}
    with pytest.warns(UserWarning, match=r"called after splits \(test\)"):
        assert audit(**options).splits is None
    rows = ["path,artist,split", "rock/a.wav,The Band,train", "test/copy of a.wav,the  band,test"]
    (music / "index.csv").write_text("\n".join(rows))
    with (
        pytest.warns(UserWarning, match=r"called after splits \(test\)"),
        pytest.warns(UserWarning, match=r"index\.csv does not name 1 .*\(jazz/b\.wav\)"),
    ):
        found = audit(**options)
    assert found.crosses["artist"] == 1


def test_nothing_is_computed_for_a_store_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with user_error("folder.not_made", tmp_path / "file"):
        audit(audio=folder, store=tmp_path / "file", workers=0)


def test_the_switch_of_the_bars(folder, tmp_path, open_terminal, capsys):
    terminal = open_terminal()
    audit(audio=folder, store=tmp_path / "a", workers=0, progress=False)
    assert (capsys.readouterr().out, terminal.getvalue()) == ("", "")
    audit(audio=folder, store=tmp_path / "b", workers=0, progress=True)
    assert "fingerprint" in terminal.getvalue()


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        ({}, "argument.choose_one", ("dataset, audio and table",)),
        ({"audio": "x", "dataset": "y"}, "argument.choose_one", ("dataset, audio and table",)),
        ({"audio": "x", "tracks": "y"}, "argument.not_applicable", ("tracks",)),
        ({"table": "x.csv", "fingerprint": "shazam"}, "unknown_name", ("fingerprint 'shazam'",)),
        ({"table": "x.csv"}, "file.not_found", ("x.csv",)),
        ({"table": "{t}", "protocol": "fault_free"}, "unknown_name", ("'fault_free'",)),
        ({"table": "{t}", "artists": "none.csv"}, "file.unreadable", ("none.csv",)),
    ],
)
def test_mistakes_name_arguments_and_no_flags(tmp_path, arguments, code, named):
    table = write_table(tmp_path / "table.csv", TRACKS)
    arguments = {name: str(value).format(t=table) for name, value in arguments.items()}
    with user_error(code, *named) as caught:
        audit(**arguments)
    assert "--" not in str(caught.value)
