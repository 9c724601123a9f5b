"""Genres written into music files: the tags change, and nothing else does."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import av
import mutagen
import numpy as np
import pytest
from encoded import by_ffmpeg, by_soundfile, tune
from errors import user_error
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TCON, TIT2, TYER, ParseID3v1
from mutagen.mp4 import MP4, MP4Cover

from mgr_jax.audio.io import read_native
from mgr_jax.decisions import Answer
from mgr_jax.prediction.tags import TagWriter

ROOT = Path(__file__).resolve().parents[2]
RATE = 44_100
# Encoders that are not the project's: libsndfile's, or FFmpeg's by container and codec.
BY_SOUNDFILE = {
    "mp3": ("MP3", None),
    "flac": ("FLAC", None),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "wav": ("WAV", None),
    "aiff": ("AIFF", None),
}
BY_FFMPEG = {
    "m4a": ("ipod", "aac"),
    "oga": ("ogg", "flac"),
    "wv": ("wv", "wavpack"),
    "tta": ("tta", "tta"),
}
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """The bytes of a song of every kind, by suffix."""
    folder = tmp_path_factory.mktemp("encoded")
    made = {}
    for suffix, (form, subtype) in BY_SOUNDFILE.items():
        rate = 48_000 if subtype == "OPUS" else RATE
        made[suffix] = by_soundfile(tune(2, rate), rate, form, subtype)
    for suffix, (form, codec) in BY_FFMPEG.items():
        path = str(folder / f"song.{suffix}")
        made[suffix] = by_ffmpeg(tune(2, RATE), RATE, form, codec, path=path)
    return made


@pytest.fixture
def song(encoded, tmp_path):
    def make(suffix, name="song"):
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(encoded[suffix])
        return path

    return make


def told(path, *classes, implied=()):
    """What a prediction of a file tells, as far as a writer asks for it."""
    probabilities = np.array([0.6, 0.4], np.float32)
    reason = "" if classes else "background"
    answer = Answer(("rock", "metal"), probabilities, classes, reason, implied)
    return SimpleNamespace(name=str(path), prediction=SimpleNamespace(answer=answer), error=None)


def tag(path, *classes, mode="replace", **options):
    writer = TagWriter(mode)
    written = writer.add(told(path, *classes, **options))
    writer.close()
    (change,) = writer.changes
    assert change.written == written
    return change


def genres_by_ffmpeg(path):
    """What FFmpeg says, which knows nothing of mutagen."""
    with av.open(str(path)) as container:
        found = container.metadata | container.streams.audio[0].metadata
    return next((value for name, value in found.items() if name.lower() == "genre"), None)


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0)]


@pytest.mark.parametrize("suffix", [*BY_SOUNDFILE, *BY_FFMPEG])
def test_a_genre_is_written_and_the_sound_and_the_files_attributes_stay(song, suffix):
    path = song(suffix)
    path.chmod(0o640)
    os.utime(path, ns=(1_000_000_000_123_456_789, 1_100_000_000_987_654_321))
    before, sound, coded = path.stat(), read_native(path), packets(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert genres_by_ffmpeg(path) is None
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    change = tag(path, "metal", "rock", implied=("guitar music", "rock"))
    after = path.stat()
    assert (change.before, change.after) == ((), ("metal", "rock", "guitar music"))
    assert change.written
    for name in ("st_atime_ns", "st_mtime_ns", "st_mode", "st_uid", "st_gid"):
        assert getattr(after, name) == getattr(before, name), name
    np.testing.assert_array_equal(read_native(path)[0], sound[0])
    assert packets(path) == coded
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    # FFmpeg shows what one text holds, or the first of several.
    assert genres_by_ffmpeg(path).startswith("metal")

    assert tag(path, "rock", mode="keep").written is False
    assert tag(path, "rock").before == ("metal", "rock", "guitar music")
    assert genres_by_ffmpeg(path) == "rock"


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "opus", "m4a"])
def test_several_genres_are_several_values(song, suffix):
    path = song(suffix)
    tag(path, "metal", "rock")
    found = mutagen.File(path).tags[{"mp3": "TCON", "m4a": "\xa9gen"}.get(suffix, "genre")]
    assert list(getattr(found, "text", found)) == ["metal", "rock"]


def test_showing_changes_nothing(song):
    path = song("mp3")
    before = path.read_bytes(), path.stat()
    change = tag(path, "rock", mode="show")
    after = path.stat()
    assert (change.after, change.written) == (("rock",), False)
    assert "only shown" in str(change)
    assert path.read_bytes() == before[0]
    assert (after.st_ino, after.st_ctime_ns) == (before[1].st_ino, before[1].st_ctime_ns)


def test_nothing_is_written_where_nothing_is_told(song):
    path = song("mp3")
    before = path.read_bytes()
    assert "undecided (background)" in str(tag(path))
    failed = SimpleNamespace(name=str(path), prediction=None, error="it is silent")
    writer = TagWriter("replace")
    assert not writer.add(failed)
    assert "it is silent" in str(writer.changes[0])
    assert path.read_bytes() == before


@pytest.mark.parametrize("version", [3, 4])
def test_id3_keeps_its_version_and_all_other_frames(song, version):
    path = song("mp3")
    tags = ID3()
    tags.add(TIT2(encoding=1, text="Ein schöner Titel"))
    tags.add(APIC(encoding=0, mime="image/png", type=3, desc="cover", data=PIXEL))
    tags.add(TCON(encoding=0, text="Pop"))
    if version == 3:
        tags.add(TYER(encoding=0, text="1999"))  # which 2.4 does not have
    tags.save(path, v2_version=version)
    change = tag(path, "rock", "metal")
    assert change.before == ("Pop",)
    plain = ID3(path, translate=False)
    assert plain.version[:2] == (2, version)
    assert plain["TIT2"].text == ["Ein schöner Titel"]
    assert plain["APIC:cover"].data == PIXEL
    assert [frame.text for frame in plain.getall("TYER")] == ([["1999"]] if version == 3 else [])
    # 2.3 has no list of genres.
    assert plain["TCON"].text == (["rock; metal"] if version == 3 else ["rock", "metal"])


def test_id3v1_and_apev2_follow_where_they_are_and_keep_the_rest(song):
    path = song("mp3")
    bare = path.read_bytes()
    old = b"TAG" + b"A title that only ID3v1 knows".ljust(30, b"\0")[:30] + bytes(94) + bytes([13])
    assert len(old) == 128
    path.write_bytes(bare)
    ape = APEv2()
    ape["Genre"], ape["Artist"] = "Pop", "Somebody"
    ape.save(path)
    path.write_bytes(path.read_bytes() + old)
    assert tag(path, "Hip-Hop").written
    after = path.read_bytes()
    assert after[-128:-1] == old[:-1]
    assert ParseID3v1(after[-128:])["TCON"].genres == ["Hip-Hop"]
    assert dict(APEv2(path)) == {"Genre": "Hip-Hop", "Artist": "Somebody"}
    assert packets(path) == packets_of(bare, path)
    # Of a genre that ID3v1 has no number for, it tells none; and none is added where none was.
    tag(path, "balkan beat")
    assert path.read_bytes()[-1] == 255
    other = song("mp3", "other")
    tag(other, "rock")
    assert other.read_bytes()[-128:-125] != b"TAG"


def packets_of(data, path):
    copy = path.with_name("copy.mp3")
    copy.write_bytes(data)
    found = packets(copy)
    copy.unlink()
    return found


def test_pictures_and_other_tags_of_flac_and_m4a_stay(song):
    path = song("flac")
    file = FLAC(path)
    picture = Picture()
    picture.data, picture.mime, picture.type = PIXEL, "image/png", 3
    file.add_picture(picture)
    file["TITLE"], file["genre"] = ["one", "two"], ["Pop", "Folk"]
    file.save()
    assert tag(path, "rock").before == ("Pop", "Folk")
    file = FLAC(path)
    assert (file["title"], file["genre"]) == (["one", "two"], ["rock"])
    assert file.pictures[0].data == PIXEL

    path = song("m4a")
    film = MP4(path)
    film["\xa9nam"], film["covr"] = ["name"], [MP4Cover(PIXEL, MP4Cover.FORMAT_PNG)]
    film.save()
    assert tag(path, "rock").written
    film = MP4(path)
    assert (film["\xa9nam"], bytes(film["covr"][0]), film["\xa9gen"]) == (["name"], PIXEL, ["rock"])


def test_a_link_stays_a_link_and_files_of_several_names_are_left_alone(song, tmp_path):
    path = song("flac")
    link = tmp_path / "link.flac"
    link.symlink_to(path.name)
    assert tag(link, "rock").written
    assert link.is_symlink()
    assert FLAC(path)["genre"] == ["rock"]
    os.link(path, tmp_path / "other.flac")
    assert "hard links" in str(tag(path, "metal"))
    assert FLAC(path)["genre"] == ["rock"]


def test_read_only_files_and_unknown_kinds_are_told_and_stay(song, tmp_path):
    path = song("ogg")
    path.chmod(0o444)
    before = path.read_bytes()
    assert "read-only" in str(tag(path, "rock"))
    assert path.read_bytes() == before
    sound = by_soundfile(tune(1, RATE), RATE, "AU")
    for name, data in {"a.au": sound, "a.mp3": b"x" * 9999}.items():
        path = tmp_path / name
        path.write_bytes(data)
        change = tag(path, "rock")
        assert not change.written
        assert change.reason
        assert path.read_bytes() == data
    assert "cannot be used" in str(tag(tmp_path / "missing.mp3", "rock"))


@pytest.mark.parametrize("suffix", ["mp3", "flac", "ogg", "m4a"])
def test_damaged_files_are_tagged_with_their_sound_as_it_was_or_left_alone(song, suffix):
    rng = np.random.default_rng(0)
    whole = song(suffix).read_bytes()
    done = set()
    for number in range(12):
        data = bytearray(whole)
        for at in rng.integers(0, 600 if number % 2 else len(data), 8):
            data[at] = rng.integers(256)
        path = song(suffix, f"damaged {number}")
        path.write_bytes(data)
        try:
            coded = packets(path)
        except (av.FFmpegError, IndexError):
            coded = None
        change = tag(path, "rock")
        done.add(change.written)
        if not change.written:
            assert path.read_bytes() == data
        elif coded is not None:
            assert packets(path) == coded
    assert True in done


def test_a_kill_in_the_middle_leaves_the_file_as_it_was(song):
    path = song("mp3")
    before = path.read_bytes()
    code = (
        "import os, sys; sys.path[:0] = ['tests/prediction', 'tests/helpers']\n"
        "import mgr_jax.prediction.tagged_file as tagged, test_tags\n"
        "tagged.digest_packets = lambda *args: os.kill(os.getpid(), 9)\n"
        "test_tags.tag(sys.argv[1], 'rock')"
    )
    paths = os.pathsep.join([str(ROOT), *sys.path])
    killed = subprocess.run(
        [sys.executable, "-c", code, path],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
    )
    assert killed.returncode == -9, killed.stderr.decode()
    assert path.read_bytes() == before
    assert len(list(path.parent.glob(".song.mp3.*.partial"))) == 1
    assert tag(path, "rock").written
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # and the rest is cleared away


def test_sound_or_tags_that_would_change_are_noticed(song, monkeypatch):
    path = song("flac")
    file = FLAC(path)
    file["title"] = "one"
    file.save()
    before = path.read_bytes()

    def spoil(self, tags, genres):
        tags["GENRE"], tags["TITLE"] = list(genres), "another"

    with monkeypatch.context() as patch:
        patch.setattr("mgr_jax.prediction.tagged_file.TaggedFile._set", spoil)
        assert "other tags would change" in str(tag(path, "rock"))
    save = FLAC.save

    def spoil_sound(self, file, **options):
        save(self, file, **options)
        file.seek(-900, os.SEEK_END)
        file.write(b"spoilt")

    with monkeypatch.context() as patch:
        patch.setattr(FLAC, "save", spoil_sound)
        assert "sound would change" in str(tag(path, "rock"))
    assert path.read_bytes() == before


def test_a_mode_that_there_is_not_and_a_missing_package_are_told(monkeypatch):
    with user_error("unknown_name", "overwrite"):
        TagWriter("overwrite")
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with user_error("package.missing", "GPL", "mgr-jax[tags]"):
        TagWriter("show")
