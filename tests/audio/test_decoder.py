"""Headers are not believed; what FFmpeg plays is read, and what is not there is said."""

import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from encoded import by_ffmpeg, by_soundfile, tune
from errors import user_error

import mgr_jax
from mgr_jax.audio import decoder as decoder_module
from mgr_jax.audio.decoder import Decoder
from mgr_jax.audio.io import (
    AudioError,
    AudioWarning,
    Limits,
    convert_waveform,
    read_audio,
    read_native,
)
from mgr_jax.errors import UserError

RATE = 22_050
TUNE = tune(4, RATE)
STORED = np.round(TUNE * 32768).astype(np.int16)


def read(data: bytes, name: str = "sound", *, rate: int = RATE, **options) -> np.ndarray:
    """Reads content of which there is nothing to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_audio(name, rate, data=data, **options)


def without_first_frame(mp3: bytes) -> bytes:
    """Without the Xing header, as `ffmpeg -f mp3 -`, recorders and stream rips leave it."""
    rates = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # of MPEG 2, layer 3
    start = mp3.index(b"\xff\xf3")
    length = 72_000 * rates[mp3[start + 2] >> 4] // RATE + (mp3[start + 2] >> 1 & 1)
    assert any(mark in mp3[start : start + length] for mark in (b"Xing", b"Info"))
    return mp3[start + length :]


def test_an_mp3_of_variable_rate_needs_no_header():
    """Its length is estimated from its first frames, which are quiet and small."""
    quiet = np.concatenate([TUNE * 1e-3, TUNE, tune(4, RATE, seed=1)])
    whole = by_soundfile(quiet, RATE, "MP3")
    expected, _ = soundfile.read(io.BytesIO(whole), dtype="float32")
    bare = read(without_first_frame(whole), "bare.mp3")
    priming = 1105  # samples of the encoder and the decoder, which the header lets decoders drop
    np.testing.assert_allclose(bare[priming : len(expected) + priming], expected, atol=1e-4)
    assert len(expected) == len(quiet) <= len(bare) < len(quiet) + 3 * 1152
    assert len(soundfile.read(io.BytesIO(without_first_frame(whole)))[0]) < len(quiet) / 2


def with_length(data: bytes, tag: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, data.index(tag) + offset, *values)
    return bytes(changed)


def lengths_that_say_nothing():
    for told in (0, 0x7F000000, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF):
        wav = by_soundfile(STORED, RATE, "WAV", "PCM_16")
        wav = with_length(wav, b"RIFF", 4, "<I", min(told + 36, 0xFFFFFFFF))
        yield f"wav {told:#x}", with_length(wav, b"data", 4, "<I", told)
        wav = by_soundfile(TUNE, RATE, "WAV", "FLOAT")
        wav = with_length(with_length(wav, b"RIFF", 4, "<I", told), b"fact", 8, "<I", told)
        yield f"wav with fact {told:#x}", with_length(wav, b"data", 4, "<I", told)
        au = by_soundfile(STORED, RATE, "AU", "PCM_16")
        yield f"au {told:#x}", with_length(au, b".snd", 8, ">I", told)
        aiff = by_soundfile(STORED, RATE, "AIFF", "PCM_16")
        aiff = with_length(with_length(aiff, b"FORM", 4, ">I", told), b"SSND", 4, ">I", told)
        yield f"aiff {told:#x}", with_length(aiff, b"COMM", 10, ">I", told // 2)
    for told in (0, -1):
        caf = by_soundfile(STORED, RATE, "CAF", "PCM_16")
        yield f"caf {told}", with_length(caf, b"data", 4, ">q", told)
        w64 = by_soundfile(STORED, RATE, "W64", "PCM_16")
        w64 = with_length(w64, b"riff", 16, "<q", told)
        yield f"w64 {told}", with_length(w64, b"data\xf3\xac", 16, "<q", told)
        rf64 = by_soundfile(STORED, RATE, "RF64", "PCM_16")
        yield f"rf64 {told}", with_length(rf64, b"ds64", 8, "<qqq", told, told, told)
    for told in (0, 1, 2**31 - 1, 2**32 - 1, 2**36 - 1):
        flac = by_soundfile(STORED, RATE, "FLAC", "PCM_16")
        (kept,) = struct.unpack_from(">Q", flac, 18)
        yield f"flac {told:#x}", with_length(flac, b"fLaC", 18, ">Q", kept >> 36 << 36 | told)


@pytest.mark.parametrize(("name", "data"), lengths_that_say_nothing(), ids=lambda x: str(x)[:24])
def test_lengths_that_pipes_and_recorders_leave_say_nothing(name, data):
    expected = TUNE if "fact" in name else STORED / 32768
    np.testing.assert_allclose(read(data, name), expected, atol=1e-7)


@pytest.mark.parametrize(
    ("form", "codec"),
    [("wav", "pcm_s16le"), ("au", "pcm_s16be"), ("w64", "pcm_s16le"), ("caf", "pcm_s16be"),
     ("flac", "flac"), ("matroska", "flac"), ("adts", "aac"), ("mp3", "libmp3lame")],
)  # fmt: skip
def test_what_ffmpeg_writes_to_a_pipe_is_whole(form, codec):
    found = read(by_ffmpeg(TUNE, RATE, form, codec, seekable=False), form)
    assert len(TUNE) <= len(found) < len(TUNE) + 3 * 1152
    if codec in ("flac", "pcm_s16le", "pcm_s16be"):
        np.testing.assert_allclose(found, TUNE, atol=2**-15)


@pytest.mark.parametrize(
    ("form", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("RF64", "PCM_16"), ("W64", "PCM_16"), ("AU", "PCM_16"),
     ("AIFF", "PCM_16"), ("AIFF", "FLOAT"), ("CAF", "PCM_16"), ("FLAC", "PCM_16")],
)  # fmt: skip
def test_what_a_killed_recorder_has_written_is_read(tmp_path, form, subtype):
    with soundfile.SoundFile(tmp_path / "x", "w", RATE, 1, subtype, format=form) as file:
        file.write(STORED / 32768 if subtype == "FLOAT" else STORED)
        data = (tmp_path / "x").read_bytes()  # its header is completed when it is closed
    found = read(data, f"x.{form.lower()}")
    assert len(STORED) - 4_096 <= len(found) <= len(STORED)
    np.testing.assert_allclose(found, STORED[: len(found)] / 32768, atol=1e-7)


@pytest.mark.parametrize("name", ["junk.mp3", "tail.mp3"])
def test_what_lies_around_an_mp3_without_length_is_not_missing_sound(name):
    mp3 = by_ffmpeg(TUNE, RATE, "mp3", "libmp3lame", write_xing="0")
    data = bytes(500_000) + mp3 if name == "junk.mp3" else mp3 + b"APETAGEX" + bytes(500_000)
    found = read_audio(name, RATE, data=data)
    assert len(TUNE) <= len(found) < len(TUNE) + 3 * 1152


WHOLE = {
    "pcm.wav": lambda _: by_soundfile(TUNE, RATE, "WAV", "PCM_16"),
    "float.wav": lambda _: by_soundfile(TUNE, RATE, "WAV", "FLOAT"),
    "rf64.wav": lambda _: by_soundfile(TUNE, RATE, "RF64", "PCM_16"),
    "a.w64": lambda _: by_soundfile(TUNE, RATE, "W64", "PCM_16"),
    "a.au": lambda _: by_soundfile(TUNE, RATE, "AU", "PCM_16"),
    "a.aiff": lambda _: by_soundfile(TUNE, RATE, "AIFF", "PCM_16"),
    "a.caf": lambda _: by_soundfile(TUNE, RATE, "CAF", "PCM_16"),
    "a.flac": lambda _: by_soundfile(TUNE, RATE, "FLAC", "PCM_16"),
    "a.ogg": lambda _: by_soundfile(TUNE, RATE, "OGG", "VORBIS"),
    "a.opus": lambda _: by_soundfile(tune(4, 24_000), 24_000, "OGG", "OPUS"),
    "a.mp3": lambda _: by_soundfile(TUNE, RATE, "MP3"),
    "a.mka": lambda _: by_ffmpeg(TUNE, RATE, "matroska", "flac"),
    "a.webm": lambda _: by_ffmpeg(tune(4, 24_000), 24_000, "webm", "libopus"),
    "a.wv": lambda _: by_ffmpeg(TUNE, RATE, "wv", "wavpack"),
    "first.m4a": lambda folder: by_ffmpeg(
        TUNE, RATE, "ipod", "aac", path=str(folder / "x.m4a"), movflags="faststart"
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_cut_is_refused_or_used_with_how_much_is_there(tmp_path, name):
    data = WHOLE[name](tmp_path)
    assert abs(len(read(data, name)) / RATE - 4) < 0.1  # aac fills its last frame
    half = data[: len(data) // 2]
    with user_error("audio.cut_short", name, " s "):
        read_audio(name, RATE, data=half)
    with pytest.warns(AudioWarning, match=f"{name} is cut short .*; using what is there") as told:
        found = read_audio(name, RATE, data=half, allow_truncated=True)
    seconds = len(found) / RATE
    assert 0.9 < seconds < 3.1
    assert f": {seconds:.1f} " in str(told[0].message)


@pytest.mark.parametrize("form", ["WAV", "AIFF", "W64"])
def test_what_lies_behind_the_end_of_a_file_is_said(form):
    one = by_soundfile(STORED, RATE, form, "PCM_16")
    with pytest.warns(AudioWarning, match="two goes on behind the end .* leaving out 50%"):
        assert len(read_audio("two", RATE, data=2 * one)) == len(TUNE)
    assert len(read(one + b"TAG" + bytes(125))) == len(TUNE)


@pytest.mark.parametrize("change", ["grows", "shrinks", "is written anew"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, change):
    path = tmp_path / "a.wav"
    data = by_soundfile(np.tile(TUNE, 4), RATE, "WAV")
    path.write_bytes(data)
    assert sum(block.shape[1] for _, block in Decoder(path)) == 4 * len(TUNE)
    blocks = iter(Decoder(path))
    next(blocks)
    if change == "is written anew":
        path.write_bytes(data)
        os.utime(path, (1, 1))
    else:
        os.truncate(path, len(data) + (1_000 if change == "grows" else -200_000))
    with user_error("audio.changed", path, "try again"):
        list(blocks)


def test_where_the_length_does_not_tell_what_is_missing_the_fault_is_named():
    ogg = by_soundfile(TUNE, RATE, "OGG", "VORBIS")
    with user_error("audio.cut_short", "s can be decoded, and its end is missing or damaged"):
        read_audio("a.ogg", RATE, data=ogg[: len(ogg) // 2])
    aac = bytearray(by_ffmpeg(TUNE, RATE, "adts", "aac"))
    frames = [at for at in range(len(aac)) if aac[at : at + 2] in (b"\xff\xf1", b"\xff\xf9")]
    for at in frames[20:60]:
        aac[at + 7 : at + 60] = b"\x55" * 53
    with user_error("audio.cut_short", "s can be decoded, and", "packets cannot;"):
        read_audio("a.aac", RATE, data=bytes(aac))


def test_of_an_m4a_without_its_index_nothing_can_be_used():
    half = by_ffmpeg(TUNE, RATE, "ipod", "aac")[:-20_000]
    with user_error("audio.cut_short", "last.m4a"):
        read_audio("last.m4a", RATE, data=half, allow_truncated=True)


def test_packets_that_do_not_decode_are_counted(tmp_path):
    data = bytearray(by_ffmpeg(tune(20, RATE), RATE, "ipod", "aac"))
    data[len(data) // 2 : len(data) // 2 + 300] = bytes(300)
    with pytest.warns(AudioWarning, match=r"a\.m4a is damaged: packets of it \(\d\) cannot"):
        assert len(read_audio("a.m4a", RATE, data=bytes(data))) > 19.5 * RATE
    data[len(data) // 2 : len(data) * 3 // 4] = bytes(len(data) * 3 // 4 - len(data) // 2)
    with user_error("audio.cut_short", "a.m4a"):
        read_audio("a.m4a", RATE, data=bytes(data))


@pytest.mark.parametrize(("form", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", None)])
def test_files_in_a_row_are_read_to_the_end_at_whatever_rate_and_channels(form, subtype):
    second = tune(2, 48_000, seed=1) if subtype == "OPUS" else tune(2, RATE, seed=1)
    rate = 48_000 if subtype == "OPUS" else RATE
    parts = [
        by_soundfile(tune(2, 48_000)[:, None] * [1, 0.5], 48_000, form, subtype),
        by_soundfile(second, rate, form, subtype),
    ]
    expected = [read_audio("part", 12_000, data=part) for part in parts]
    found = read_audio("row", 12_000, data=b"".join(parts))
    size = len(expected[0])
    if form == "OGG":
        assert abs(len(found) - size - len(expected[1])) < 1_500
    np.testing.assert_allclose(found[: size - 600], expected[0][: size - 600], atol=2e-3)
    end = expected[1][6_000:-2_000]
    lags = [np.abs(found[-len(end) - k : -k] - end).max() for k in range(1_990, 3_500)]
    assert min(lags) < 0.1  # of 0.4


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_samples_of_every_type_are_those_of_libsndfile(subtype, channels):
    data = by_soundfile(TUNE[:, None] * np.linspace(1, 0.5, channels), RATE, "WAV", subtype)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    np.testing.assert_allclose(read(data), expected.mean(axis=1), atol=1e-7)


def png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    picture = zlib.compress(b"\0\x80" * 64)
    return b"".join([
        b"\x89PNG\r\n\x1a\n",
        chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 64, 8, 0, 0, 0, 0)),
        chunk(b"IDAT", picture),
        chunk(b"IEND", b""),
    ])  # fmt: skip


def silent_film() -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 32
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 52920\n"


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"", "audio.empty_file", "0 bytes"),
        (b"this is no music\n" * 200, "audio.undecodable", "text"),
        (b"<!DOCTYPE html><title>404</title>", "audio.undecodable", "text"),
        (np.random.default_rng(0).bytes(9_000), "audio.undecodable", "damaged"),
        (LFS, "audio.git_lfs", "git lfs pull"),
        (png(), "audio.no_samples", "picture"),
        (silent_film(), "audio.no_samples", "picture"),
        (by_soundfile(TUNE[:0], RATE, "WAV"), "audio.no_samples", "no audio samples"),
    ],
    ids=["empty", "text", "page", "noise", "lfs", "picture", "film", "no samples"],
)
def test_what_is_no_sound_is_one_sentence(tmp_path, data, code, says):
    path = tmp_path / "odd.mp3"
    path.write_bytes(data)
    with user_error(code, path, says) as of_file:
        read_audio(path, RATE)
    assert isinstance(of_file.value, AudioError)
    with user_error(code) as of_bytes:
        read_audio(path, RATE, data=data)
    assert str(of_bytes.value) == str(of_file.value)


def test_only_regular_files_are_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.mp3")  # whoever opens it waits for ever
    for name in ("pipe.mp3", "", "nothing.mp3", "no\0name.mp3", "x" * 300):
        with user_error("file.not_found"):
            read_audio(tmp_path / name, RATE)
    (tmp_path / "a.wav").write_bytes(b"x")

    def refuse(path, flags):  # the tests may run as root, who may read everything
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with user_error("file.denied", tmp_path / "a.wav", "permission denied"):
        read_audio(tmp_path / "a.wav", RATE)


@pytest.mark.parametrize("good", [0, 90_000])
def test_a_disk_that_fails_is_not_called_a_damaged_file(tmp_path, monkeypatch, good):
    class Failing(io.BytesIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell() >= good and size < 1 << 16:
                raise OSError(5, "Input/output error")
            return super().read(size)

    path = tmp_path / "a.wav"
    path.write_bytes(by_soundfile(TUNE, RATE, "WAV"))
    monkeypatch.setattr(os, "fdopen", lambda *_: Failing(path.read_bytes()))
    with user_error("disk.refused", path, "Input/output error"):
        read_audio(path, RATE, allow_truncated=True)


@pytest.mark.parametrize("form", ["m3u8", "ffconcat"])
def test_what_a_file_names_is_not_opened(tmp_path, form):
    (tmp_path / "other.ts").write_bytes(by_ffmpeg(TUNE, RATE, "mpegts", "aac"))
    text = {
        "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nother.ts\n#EXT-X-ENDLIST\n",
        "ffconcat": "ffconcat version 1.0\nfile other.ts\n",
    }[form]
    path = tmp_path / f"list.{form}"
    path.write_text(text)
    with av.open(str(path)) as container:  # FFmpeg would
        assert sum(frame.samples for frame in container.decode(audio=0)) > len(TUNE) - 2_000
    for name in (path.name, "list.mp3"):
        path.rename(tmp_path / name)
        path = tmp_path / name
        with user_error("audio.undecodable", path):
            read_audio(path, RATE)


def test_names_and_tags_may_hold_any_bytes(tmp_path):
    info = b"INAM" + struct.pack("<I", 4) + b"\xff\xfe\xe9\0"
    chunk = b"LIST" + struct.pack("<I", 4 + len(info)) + b"INFO" + info
    data = by_soundfile(TUNE, RATE, "WAV")
    data = data[:36] + chunk + data[36:]
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    with open(path, "wb") as file:
        file.write(with_length(data, b"RIFF", 4, "<I", len(data) - 8))
    assert len(read_audio(os.fsdecode(path), RATE)) == len(TUNE)


def test_a_file_is_read_at_its_own_rate(tmp_path):
    (tmp_path / "a.m4a").write_bytes(by_ffmpeg(TUNE, RATE, "ipod", "aac"))
    waveform, rate = read_native(tmp_path / "a.m4a")
    assert rate == RATE
    np.testing.assert_array_equal(waveform, read_audio(tmp_path / "a.m4a", RATE))


def test_beyond_the_limits_nothing_is_decoded():
    wav = by_soundfile(TUNE, RATE, "WAV")
    for rate, told in ((1, "of 1 Hz"), (1_500_000, "of 1,500,000 Hz")):
        with user_error("audio.limit", "a.wav", told, "1,000 to 384,000 Hz"):
            read_audio("a.wav", RATE, data=with_length(wav, b"fmt ", 12, "<I", rate))
    assert len(read(wav, limits=Limits(max_hours=4.01 / 3600))) == len(TUNE)
    with user_error("audio.limit", "a.wav", "hours"):
        read_audio("a.wav", RATE, data=wav, limits=Limits(max_hours=3.9 / 3600))


def test_limits_are_read_by_name():
    assert Limits.parse("max_hours=48, min_rate=500") == Limits(max_hours=48, min_rate=500)
    assert Limits.parse("") == Limits()
    with user_error("unknown_name", "max_hour", "max_hours"):
        Limits.parse("max_hour=48")
    for value in ("x", "-1", "nan", ""):
        with user_error("argument.out_of_range", "max_rate"):
            Limits.parse(f"max_rate={value}")
    with user_error("argument.out_of_range", "max_rate is 'many'"):
        Limits.parse("max_rate=many")
    with user_error("argument.out_of_range", "min_rate is 500000", "384000"):
        Limits.parse("min_rate=500000")
    with user_error("argument.out_of_range", "max_hours"):
        Limits(max_hours="12")


def test_limits_are_given_as_people_write_them():
    for given in ({"max_hours": 48}, "max_hours=48", Limits(max_hours=48)):
        assert Limits.of(given) == Limits(max_hours=48)
    assert Limits.of(None) == Limits.of({}) == Limits()
    with user_error("unknown_name", "limit 'max_hour'", "max_hours"):
        Limits.of({"max_hour": 48})
    for call in (
        lambda: read_audio("a.wav", RATE, data=b"RIFF", limits=12),
        lambda: read_native("a.wav", limits=12),
        lambda: convert_waveform(TUNE, RATE, RATE, limits=12),
        lambda: mgr_jax.prepare("gtzan", limits=12),
        lambda: mgr_jax.predict_files("run", ["a.wav"], limits=12),
        lambda: mgr_jax.write_submission("run", ["a.wav"], "a.csv", limits=12),
        lambda: mgr_jax.extract_table("gtzan57", "a.csv", audio="music", limits=12),
        lambda: mgr_jax.audit(audio="music", limits=12),
    ):
        with user_error("argument.wrong_type", "`limits` is 12", "Limits(max_hours=48)"):
            call()


def test_a_stream_that_begins_within_a_file_is_no_fault_of_ours():
    """PyAV raises an IndexError there."""
    first, other = (
        by_ffmpeg(TUNE, RATE, "mpegts", "mp2", mpegts_start_pid=pid, mpegts_pmt_start_pid=table)
        for pid, table in (("256", "4096"), ("300", "4200"))
    )
    with pytest.warns(AudioWarning, match="a.ts is cut short or damaged: 4"):
        found = read_audio("a.ts", RATE, data=first + other, allow_truncated=True)
    assert 0.9 * len(TUNE) < len(found) < 1.1 * len(TUNE)


def test_faults_of_ours_are_not_called_damage(monkeypatch):
    """Whatever is no error of FFmpeg or of the file surfaces, also behind the first frame."""
    wav = by_soundfile(TUNE, RATE, "WAV")
    values, calls = decoder_module._values, []

    def wrong(frame):
        calls.append(frame)
        if len(calls) > 1:
            raise AttributeError("a fault")
        return values(frame)

    monkeypatch.setattr(decoder_module, "_values", wrong)
    with pytest.raises(AttributeError, match="a fault"):
        read(wav)


def test_records_of_our_own_are_read_without_pyav():
    code = (
        "import sys, numpy\nfrom mgr_jax.audio.io import decode_flac, encode_flac\n"
        "assert len(decode_flac(encode_flac(numpy.zeros(9, 'int16'), 12_000))) == 9\n"
        "assert 'av' not in sys.modules\n"
    )
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": root})


def test_without_pyav_there_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with user_error("package.missing", "pip install av") as error:
        read_audio("a.wav", RATE, data=by_soundfile(TUNE, RATE, "WAV"))
    assert type(error.value) is UserError  # so that no file is blamed
