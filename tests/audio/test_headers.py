"""Where the sound of a file lies, by its chunks and among its tags."""

import io
import struct
import warnings

import av
import numpy as np
import pytest
from encoded import by_ffmpeg, by_soundfile, tune
from errors import user_error

from mgr_jax.audio.io import AudioError, AudioWarning, read_audio

RATE = 22_050
TUNE = tune(4, RATE)
COVER = np.random.default_rng(0).bytes(300_000)  # FFmpeg finds frames in it


def read(data: bytes, name: str = "sound") -> np.ndarray:
    """Reads content of which there is nothing to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_audio(name, RATE, data=data)


def id3v2(content: bytes) -> bytes:
    size = [len(content) >> shift & 127 for shift in (21, 14, 7, 0)]
    return b"ID3\x03\0\0" + bytes(size) + content


def ape(content: bytes, *, headed: bool = True) -> bytes:
    item = struct.pack("<II", len(content), 2) + b"Cover Art (Front)\0" + content

    def end(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII8x", 2_000, len(item) + 32, 1, flags)

    return end(0xA0000000) + item + end(0x80000000) if headed else item + end(0)


LYRICS = b"LYRICSBEGIN" + b"a" * 5_000 + b"005011LYRICS200"
ID3V1 = b"TAG" + b"A song".ljust(125, b"\0")


def mp3(seed: int = 0, xing: bool = True) -> bytes:
    options = {"write_xing": str(int(xing)), "id3v2_version": "0"}
    return by_ffmpeg(tune(4, RATE, seed), RATE, "mp3", "libmp3lame", **options)


@pytest.mark.parametrize("xing", [True, False])
@pytest.mark.parametrize(
    "tags",
    [ape(COVER), ape(COVER, headed=False), ape(COVER) + ID3V1, LYRICS + ID3V1, ID3V1,
     ape(COVER[:90]) + LYRICS + ID3V1],
    ids=["ape", "footer", "ape+id3v1", "lyrics", "id3v1", "all"],
)  # fmt: skip
def test_tags_behind_an_mp3_are_no_sound(tags, xing):
    bare = mp3(xing=xing)
    np.testing.assert_array_equal(read(bare + tags), read(bare))
    with user_error("audio.cut_short", "of 4."):
        read_audio("half", RATE, data=mp3()[:9_000] + tags)


@pytest.mark.parametrize(
    "tags",
    [id3v2(COVER), ID3V1 + id3v2(COVER), ape(COVER), ape(COVER) + ID3V1, ID3V1],
    ids=["id3v2", "id3v1+id3v2", "ape", "ape+id3v1", "id3v1"],
)
def test_tags_between_two_mp3s_are_no_sound(tags):
    first, second = mp3(), mp3(1)
    joined = read(id3v2(COVER[:5_000]) + first + tags + second)
    np.testing.assert_array_equal(joined, read(first + second))
    assert len(joined) > 8 * RATE


def test_what_only_looks_like_a_tag_stays():
    text = b"ID3 and TAG and APETAGEX " * 60_000
    wav = by_soundfile(TUNE, RATE, "WAV", "PCM_16")
    assert len(read(wav[:36] + b"note" + struct.pack("<I", len(text)) + text + wav[36:])) == len(
        TUNE
    )
    assert len(read(mp3() + ape(text))) == len(read(mp3()))
    with user_error("audio.undecodable"):
        read_audio("text.mp3", RATE, data=b"ID3" * 1_000_000)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("tail", [bytes(300_000), COVER[:200_000], ID3V1], ids=len)
def test_behind_its_last_page_an_ogg_may_hold_anything(subtype, tail):
    data = by_soundfile(tune(4, 24_000), 24_000, "OGG", subtype)
    np.testing.assert_array_equal(read(data + tail), read(data))
    with user_error("audio.cut_short", "its end is missing"):
        read_audio("cut.ogg", RATE, data=data[: len(data) // 2] + bytes(300_000))


def test_a_hole_behind_a_flac_takes_nothing_of_it():
    data = by_soundfile(TUNE, RATE, "FLAC", "PCM_16")
    assert len(read(data + bytes(8_000_000))) == len(TUNE)


def with_chunk(data: bytes, at: int, tag: bytes, size: int, form: str) -> bytes:
    """With another chunk at some place, and the length of the file corrected."""
    chunk = tag + struct.pack(form, size) + bytes(size)
    length = struct.pack(form, len(data) + len(chunk) - 8)
    return data[:4] + length + data[8:at] + chunk + data[at:]


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "W64", "CAF", "AU", "RF64"])
def test_what_is_missing_is_a_share_of_the_sound(kind):
    data = by_soundfile(TUNE, RATE, kind, "PCM_16")
    if kind == "WAV":
        data = with_chunk(data, 36, b"id3 ", 1_000_000, "<I")
    elif kind == "AIFF":
        data = with_chunk(data, 12, b"ID3 ", 1_000_000, ">I")
    assert len(read(data)) == len(TUNE)
    with user_error("audio.cut_short", "1.0 of 4.0 s"):
        read_audio("cut", RATE, data=data[: -2 * 3 * RATE])


@pytest.mark.parametrize(("form", "codec"), [("caf", "pcm_s16be"), ("wav", "pcm_s16le")])
def test_text_is_no_chunk(form, codec):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        container.metadata["title"] = "metadata of data, ds64 and fact"
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        samples = np.round(TUNE * 32768).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])
    data = buffer.getvalue()
    assert data.index(b"metadata") < data.rindex(b"data", 0, 1_000)
    assert len(read(data)) == len(TUNE)
    with user_error("audio.cut_short", "of 4.0 s"):
        read_audio("cut", RATE, data=data[: len(data) // 2])


SHORT = [
    ("WAV", b"data", 4, "<I", 40_000),
    ("AIFF", b"SSND", 4, ">I", 40_008),
    ("W64", b"data\xf3\xac", 16, "<Q", 40_024),
    ("RF64", b"ds64", 16, "<Q", 40_000),
    ("AU", b".snd", 8, ">I", 40_000),
]


@pytest.mark.parametrize(("kind", "tag", "offset", "form", "told"), SHORT)
def test_sound_behind_its_told_length_is_read(kind, tag, offset, form, told):
    data = bytearray(by_soundfile(TUNE, RATE, kind, "PCM_16"))
    whole = read(bytes(data))
    struct.pack_into(form, data, data.index(tag) + offset, told)
    with pytest.warns(AudioWarning, match="a holds more sound than its header tells"):
        np.testing.assert_array_equal(read_audio("a", RATE, data=bytes(data)), whole)


@pytest.mark.parametrize("told", [0, 30, 10_000, 60_000, 2**63])
def test_a_header_that_leaves_no_place_for_sound_says_nothing(told):
    wma = bytearray(by_ffmpeg(TUNE, RATE, "asf", "pcm_s16le"))
    whole = len(read(bytes(wma)))
    at = wma.index(b"\xa1\xdc\xab\x8c") + 40
    struct.pack_into("<QQ", wma, 16, told, *struct.unpack_from("<Q", wma, 24))
    struct.pack_into("<Q", wma, at, told)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AudioWarning)
        try:
            found = len(read_audio("a.wma", RATE, data=bytes(wma)))
        except AudioError as error:  # nothing else is raised
            found = error.code == "audio.cut_short" or error.code == "audio.undecodable"
    assert 0 < found <= whole


def test_zeros_that_fill_up_a_file_are_no_sound():
    data = by_soundfile(TUNE, RATE, "WAV", "PCM_16") + bytes(100_000)
    assert len(read(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])) == len(TUNE)


def test_chunks_behind_the_sound_are_no_sound():
    data = by_soundfile(TUNE, RATE, "WAV", "PCM_16")
    chunk = b"LIST" + struct.pack("<I", 1_000_000) + b"INFO" + bytes(999_996)
    assert len(read(data + chunk)) == len(TUNE)  # the length of the file is the old one
    length = struct.pack("<I", len(data) + len(chunk) - 8)
    assert len(read(data[:4] + length + data[8:] + chunk)) == len(TUNE)
    caf = by_soundfile(TUNE, RATE, "CAF", "PCM_16")
    with pytest.warns(AudioWarning, match="leaving out 50%"):
        assert len(read_audio("two", RATE, data=2 * caf)) == len(TUNE)


@pytest.mark.parametrize("codec", ["mjpeg", "mpeg4"])
def test_a_matroska_with_pictures_may_be_cut_too(codec):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        sound = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        pictures = container.add_stream(codec, rate=1)
        pictures.width = pictures.height = 32
        pictures.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        picture = av.VideoFrame(32, 32, pictures.pix_fmt)
        picture.pts = 0
        container.mux([*pictures.encode(picture), *pictures.encode(None)])
        samples = np.round(TUNE * 32768).astype(np.int16)
        for start in range(0, len(samples), 2_205):
            part = samples[None, start : start + 2_205]
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            container.mux(sound.encode(frame))
    data = buffer.getvalue()
    assert len(read(data)) == len(TUNE)
    with user_error("audio.cut_short", "1.9 of "):  # of a film, by its bytes
        read_audio("cut.mka", RATE, data=data[: len(data) // 2])
