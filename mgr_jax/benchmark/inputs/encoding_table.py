"""The table of tested encodings."""

from functools import partial
from typing import Any

from mgr_jax.benchmark.inputs.edits import (
    after_junk,
    aiff_says,
    au_says,
    caf_says_nothing,
    flac_says_nothing,
    moved_to,
    rf64_says_nothing,
    wav_says,
    with_id3,
    with_tags_behind,
)
from mgr_jax.benchmark.inputs.encodings import (
    ADPCM,
    EXACT,
    FIRST_SHORT,
    LAST_SHORT,
    LOG,
    PADDED,
    SPEECH,
    TRIMMED,
    Encoding,
    Kind,
)

_BARE = {"write_xing": "0", "id3v2_version": "0"}  # of an mp3
_INDEX_FIRST = {"movflags": "faststart"}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
_VBR = {"flags": "+qscale", "global_quality": str(6 * 118)}

_mp3 = partial(Encoding, suffix="mp3", container="mp3", codec="libmp3lame", kind=TRIMMED)
_m4a = partial(Encoding, suffix="m4a", container="ipod", codec="aac", kind=TRIMMED)
_wma = partial(Encoding, suffix="wma", container="asf", codec="wmav2", kind=FIRST_SHORT)
_opus = partial(Encoding, codec="libopus", kind=TRIMMED, rate=48_000)
_narrow = partial(Encoding, kind=SPEECH, rate=8_000, channels=1)

_WAV = (
    Encoding("WAV, 16 bit", "wav", "WAV", "PCM_16"),
    Encoding("WAV, 16 bit, mono, 8 kHz", "wav", "WAV", "PCM_16", rate=8_000, channels=1),
    Encoding("WAV, 16 bit, 192 kHz", "wav", "WAV", "PCM_16", rate=192_000),
    Encoding("WAV, 8 bit", "wav", "WAV", "PCM_U8", bits=8),
    Encoding("WAV, 24 bit, 96 kHz", "wav", "WAV", "PCM_24", rate=96_000, bits=24),
    Encoding("WAV, 32 bit", "wav", "WAV", "PCM_32", bits=24),
    Encoding("WAV, float", "wav", "WAV", "FLOAT", bits=24),
    Encoding("WAV, double", "wav", "WAV", "DOUBLE", bits=24),
    Encoding("WAV, extensible, 24 bit", "wav", "WAVEX", "PCM_24", bits=24),
    Encoding("WAV, extensible, 5.1", "wav", "WAVEX", "PCM_16", rate=48_000, channels=6),
    Encoding("WAV, 16 channels", "wav", "WAV", "PCM_16", channels=16),
    Encoding("WAV, RF64", "wav", "RF64", "PCM_16"),
    Encoding("WAV, RF64 of length 0", "wav", "RF64", "PCM_16", edit=rf64_says_nothing),
    Encoding("WAV, Wave64", "w64", "W64", "PCM_16"),
    Encoding("WAV, A-law, mono, 8 kHz", "wav", "WAV", "ALAW", LOG, rate=8_000, channels=1),
    Encoding("WAV, µ-law", "wav", "WAV", "ULAW", LOG),
    Encoding("WAV, ADPCM of Microsoft", "wav", "WAV", "MS_ADPCM", ADPCM),
    Encoding("WAV, ADPCM of the IMA", "wav", "WAV", "IMA_ADPCM", ADPCM),
    Encoding("WAV, ADPCM of Yamaha", "wav", "wav", "adpcm_yamaha", ADPCM),
    _narrow("WAV, GSM 6.10, 8 kHz", "wav", "WAV", "GSM610"),
    Encoding("WAV, G.726, 8 kHz", "wav", "wav", "g726", ADPCM, rate=8_000, channels=1),
    Encoding("WAV, G.722, 16 kHz", "wav", "wav", "g722", PADDED, rate=16_000, channels=1),
    Encoding("WAV with MP3 inside", "wav", "wav", "libmp3lame", PADDED),
    Encoding("WAV with AC-3 inside, 5.1", "wav", "wav", "ac3", PADDED, rate=48_000, channels=6),
    Encoding("WAV from a pipe", "wav", "wav", "pcm_s16le", piped=True),
    Encoding("WAV of length 0", "wav", "WAV", "PCM_16", edit=wav_says(0)),
    Encoding("WAV of length 7FFFF000", "wav", "WAV", "PCM_16", edit=wav_says(0x7FFFF000)),
    Encoding("WAV of length 80000000", "wav", "WAV", "PCM_16", edit=wav_says(0x80000000)),
    Encoding("WAV of length FFFFFFFF", "wav", "WAV", "PCM_16", edit=wav_says(0xFFFFFFFF)),
    Encoding("Wave64 from a pipe", "w64", "w64", "pcm_s16le", piped=True),
)
_OTHER_PCM = (
    Encoding("AIFF, 16 bit", "aiff", "AIFF", "PCM_16"),
    Encoding("AIFF, 24 bit, 88.2 kHz", "aif", "AIFF", "PCM_24", rate=88_200, bits=24),
    Encoding("AIFF, 8 bit", "aiff", "AIFF", "PCM_S8", bits=8),
    Encoding("AIFF of length 0", "aiff", "AIFF", "PCM_16", edit=aiff_says(0)),
    Encoding("AIFF of length 7FFFFFFF", "aiff", "AIFF", "PCM_16", edit=aiff_says(0x7FFFFFFF)),
    Encoding("AIFF-C, little-endian", "aifc", "aiff", "pcm_s16le"),
    Encoding("AIFF-C, float", "aifc", "AIFF", "FLOAT", bits=24),
    Encoding("AIFF-C, µ-law", "aifc", "AIFF", "ULAW", LOG),
    Encoding("AIFF-C, ADPCM of the IMA", "aifc", "aiff", "adpcm_ima_qt", ADPCM),
    Encoding("AU, 16 bit, mono, 22.05 kHz", "au", "AU", "PCM_16", rate=22_050, channels=1),
    Encoding("AU, 24 bit", "au", "AU", "PCM_24", bits=24),
    Encoding("AU, float", "au", "AU", "FLOAT", bits=24),
    Encoding("AU, µ-law, mono, 8 kHz", "au", "AU", "ULAW", LOG, rate=8_000, channels=1),
    Encoding("AU from a pipe", "au", "au", "pcm_s16be", piped=True),
    Encoding("AU of length 0", "au", "AU", "PCM_16", edit=au_says(0)),
    Encoding("AU of length 7FFFF000", "au", "AU", "PCM_16", edit=au_says(0x7FFFF000)),
    Encoding("AU of length FFFFFFFF", "au", "AU", "PCM_16", edit=au_says(0xFFFFFFFF)),
    Encoding("CAF, 16 bit", "caf", "CAF", "PCM_16"),
    Encoding("CAF of unknown length", "caf", "CAF", "PCM_16", edit=caf_says_nothing),
    Encoding("CAF, float, 5.1", "caf", "CAF", "FLOAT", rate=48_000, channels=6, bits=24),
    Encoding("VOC", "voc", "voc", "pcm_s16le"),
    Encoding("IRCAM", "sf", "ircam", "pcm_s16le"),
    Encoding("SoX's own", "sox", "sox", "pcm_s32le", bits=24),
    Encoding("NUT", "nut", "nut", "pcm_s16le"),
    Encoding("PCM in QuickTime, 24 bit", "mov", "mov", "pcm_s24be", sample_format="s32", bits=24),
    Encoding("PCM in Matroska, float", "mka", "matroska", "pcm_f32le", bits=24),
)
_LOSSLESS = (
    Encoding("FLAC, 16 bit", "flac", "FLAC", "PCM_16"),
    Encoding("FLAC, 16 bit, mono, 11.025 kHz", "flac", "FLAC", "PCM_16", rate=11_025, channels=1),
    Encoding("FLAC, 24 bit, 96 kHz", "flac", "FLAC", "PCM_24", rate=96_000, bits=24),
    Encoding("FLAC, 5.1", "flac", "flac", "flac", rate=48_000, channels=6, sample_format="s16"),
    Encoding("FLAC, 7.1", "flac", "FLAC", "PCM_16", rate=48_000, channels=8),
    Encoding("FLAC from a pipe", "flac", "flac", "flac", sample_format="s16", piped=True),
    Encoding("FLAC of unknown length", "flac", "FLAC", "PCM_16", edit=flac_says_nothing),
    Encoding("FLAC behind an ID3 tag", "flac", "FLAC", "PCM_16", edit=with_id3),
    Encoding("FLAC in Ogg", "oga", "ogg", "flac", sample_format="s16"),
    Encoding("FLAC in Matroska", "mka", "matroska", "flac", sample_format="s16"),
    Encoding("FLAC in MP4", "mp4", "mp4", "flac", sample_format="s16"),
    _m4a("ALAC, 16 bit", codec="alac", kind=EXACT, sample_format="s16p"),
    _m4a(
        "ALAC, 24 bit, 96 kHz", codec="alac", kind=EXACT, rate=96_000, sample_format="s32p", bits=24
    ),
    Encoding("ALAC in CAF", "caf", "CAF", "ALAC_16", LAST_SHORT),
    Encoding("WavPack, 16 bit", "wv", "wv", "wavpack", sample_format="s16p"),
    Encoding("WavPack, float", "wv", "wv", "wavpack", sample_format="fltp", bits=24),
    Encoding("WavPack, 5.1", "wv", "wv", "wavpack", rate=48_000, channels=6, sample_format="s16p"),
    Encoding("WavPack, 7.1", "wv", "wv", "wavpack", rate=48_000, channels=8, sample_format="s16p"),
    Encoding("True Audio", "tta", "tta", "tta", sample_format="s16"),
    Encoding("True Audio, 24 bit", "tta", "tta", "tta", sample_format="s32", bits=24),
)
_MP3 = (
    _mp3("MP3"),
    Encoding("MP3 of libsndfile", "mp3", "MP3", "MPEG_LAYER_III", TRIMMED),
    _mp3("MP3, 320 kbit/s, 48 kHz", rate=48_000, bit_rate=320_000),
    _mp3("MP3, 64 kbit/s, mono, 32 kHz", rate=32_000, channels=1, bit_rate=64_000),
    _mp3("MP3, no joint stereo", codec_options={"joint_stereo": "0"}),
    _mp3("MP3, VBR", codec_options=_VBR),
    _mp3("MP3, VBR, no Xing header", kind=PADDED, container_options=_BARE, codec_options=_VBR),
    _mp3("MP3, no Xing header", kind=PADDED, container_options=_BARE),
    _mp3("MP3 from a pipe", kind=PADDED, codec_options=_VBR, piped=True),
    _mp3("MP3, MPEG-2, 22.05 kHz", rate=22_050),
    _mp3("MP3, MPEG-2, mono, 16 kHz", rate=16_000, channels=1),
    _mp3("MP3, MPEG-2.5, mono, 8 kHz", rate=8_000, channels=1),
    _mp3("MP3, MPEG-2.5, 11.025 kHz", rate=11_025),
    _mp3("MP3 with a picture of 300 kB", edit=with_id3),
    _mp3("MP3 with APE and ID3v1 tags", edit=with_tags_behind),
    _mp3("MP3 that starts with junk", kind=PADDED, container_options=_BARE, edit=after_junk),
    Encoding("MP3 in AVI", "avi", "avi", "libmp3lame", PADDED),
    Encoding("MP3 in MP4", "mp4", "mp4", "libmp3lame", TRIMMED),
    Encoding("MP2", "mp2", "mp2", "mp2", PADDED),
    Encoding("MP2, mono, 22.05 kHz", "mp2", "mp2", "mp2", PADDED, rate=22_050, channels=1),
    Encoding("MP2 in MPEG-TS", "ts", "mpegts", "mp2", PADDED, rate=48_000),
)
_AAC = (
    _m4a("AAC"),
    _m4a("AAC, index first", container_options=_INDEX_FIRST),
    _m4a("AAC, in fragments, from a pipe", kind=PADDED, container_options=_FRAGMENTS, piped=True),
    _m4a("AAC, mono, 8 kHz", rate=8_000, channels=1),
    _m4a("AAC, 96 kHz", rate=96_000, bit_rate=256_000),
    _m4a("AAC, 5.1", rate=48_000, channels=6, bit_rate=384_000),
    _m4a("AAC, 7.1", rate=48_000, channels=8, bit_rate=512_000),
    Encoding("AAC, bare (ADTS)", "aac", "adts", "aac", PADDED),
    Encoding("AAC, bare (LATM)", "latm", "latm", "aac", PADDED),
    Encoding("AAC in Matroska", "mka", "matroska", "aac", TRIMMED),
    Encoding("AAC in MP4", "mp4", "mp4", "aac", TRIMMED),
    Encoding("AAC in 3GP", "3gp", "3gp", "aac", TRIMMED),
    Encoding("AAC in MPEG-TS", "ts", "mpegts", "aac", PADDED),
    Encoding("AAC in FLV", "flv", "flv", "aac", PADDED),
)
_OGG = (
    Encoding("Vorbis", "ogg", "OGG", "VORBIS", TRIMMED),
    Encoding("Vorbis, mono, 8 kHz", "ogg", "OGG", "VORBIS", TRIMMED, rate=8_000, channels=1),
    Encoding("Vorbis, 7.1", "ogg", "OGG", "VORBIS", TRIMMED, rate=48_000, channels=8),
    Encoding("Vorbis, 16 channels", "ogg", "OGG", "VORBIS", TRIMMED, channels=16),
    Encoding("Vorbis in WebM", "webm", "OGG", "VORBIS", TRIMMED, edit=moved_to("webm")),
    Encoding("Vorbis in Matroska", "mka", "OGG", "VORBIS", TRIMMED, edit=moved_to("matroska")),
    Encoding("Opus of libsndfile", "ogg", "OGG", "OPUS", TRIMMED, rate=48_000),
    _opus("Opus", "opus", "opus"),
    _opus("Opus, mono, 16 kHz", "opus", "opus", rate=16_000, channels=1),
    _opus("Opus in WebM", "webm", "webm"),
    _opus("Opus in WebM, from a pipe", "webm", "webm", piped=True),
    _opus("Opus in Matroska, 5.1", "mka", "matroska", channels=6),
    _opus("Opus in Matroska, 7.1", "mka", "matroska", channels=8),
    _opus("Opus in MP4", "mp4", "mp4"),
)
_OTHERS = (
    Encoding("AC-3", "ac3", "ac3", "ac3", PADDED, rate=48_000),
    Encoding("AC-3, 5.1", "ac3", "ac3", "ac3", PADDED, rate=48_000, channels=6, bit_rate=448_000),
    Encoding("AC-3, mono, 32 kHz", "ac3", "ac3", "ac3", PADDED, rate=32_000, channels=1),
    Encoding("E-AC-3", "eac3", "eac3", "eac3", PADDED, rate=48_000),
    Encoding("E-AC-3 in MP4, 5.1", "mp4", "mp4", "eac3", TRIMMED, rate=48_000, channels=6),
    _wma("WMA 1", codec="wmav1", bit_rate=128_000),
    _wma("WMA 2", bit_rate=128_000),
    _wma("WMA 2, mono, 22.05 kHz", rate=22_050, channels=1, bit_rate=48_000),
    _wma("WMA 2, from a pipe", bit_rate=128_000, piped=True),
    Encoding("RealAudio with AC-3", "ra", "rm", "ac3", PADDED),
    _narrow("RealAudio 1, 8 kHz", "ra", "rm", "real_144"),
    _narrow("AMR, 8 kHz", "amr", "amr", "libopencore_amrnb", bit_rate=12_200),
    _narrow("AMR in 3GP, 8 kHz", "3gp", "3gp", "libopencore_amrnb", bit_rate=12_200),
    Encoding("Nellymoser in FLV", "flv", "flv", "nellymoser", PADDED, rate=22_050, channels=1),
    Encoding("SBC", "sbc", "sbc", "sbc", PADDED),
)


def _by(command: str, suffix: str, kind: Kind, **more: Any) -> Encoding:
    """An encoding by a program: {wav} is the original, and the output is {file} or a pipe."""
    name = command.format(wav="x.wav", file=f"x.{suffix}")
    parts = tuple(command.split())
    return Encoding(
        name, suffix, parts[0], "", kind, command=parts, piped="{file}" not in command, **more
    )


_COMMANDS = (
    _by("lame {wav} {file}", "mp3", TRIMMED),
    _by("lame -V4 {wav} {file}", "mp3", TRIMMED),
    _by("lame -V4 -t {wav} {file}", "mp3", PADDED),
    _by("lame -v {wav} {file}", "mp3", TRIMMED),
    _by("lame -b 24 {wav} {file}", "mp3", TRIMMED, rate=8_000, channels=1),
    _by("sox {wav} {file}", "wav", EXACT),
    _by("sox {wav} -t wav -", "wav", EXACT),
    _by("sox {wav} -t au -", "au", EXACT),
    _by("sox {wav} -t aiff -", "aiff", EXACT),
    _by("sox {wav} -t flac -", "flac", EXACT),
    _by("sox {wav} {file}", "ogg", TRIMMED),
    _by("sox -D {wav} {file}", "8svx", EXACT, channels=1, bits=8),
    _by("sox {wav} {file}", "gsm", SPEECH, rate=8_000, channels=1),
    _by("ffmpeg -i {wav} -f wav -", "wav", EXACT),
    _by("ffmpeg -i {wav} -f flac -", "flac", EXACT),
    _by("ffmpeg -i {wav} -q:a 4 -f mp3 -", "mp3", PADDED),
    _by("ffmpeg -i {wav} {file}", "m4a", TRIMMED),
    _by("ffmpeg -i {wav} -c:a libvorbis {file}", "ogg", TRIMMED),
    _by("ffmpeg -i {wav} -c:a libspeex {file}", "spx", SPEECH, rate=16_000, channels=1),
    _by("ffmpeg -i {wav} -c:a dca -strict -2 {file}", "dts", PADDED, rate=48_000),
    _by("ffmpeg -i {wav} -c:a truehd -strict -2 {file}", "thd", EXACT, rate=48_000),
)

# Their titles on the page.
TABLE = {
    "WAV": _WAV,
    "Other uncompressed files": _OTHER_PCM,
    "Compressed without loss": _LOSSLESS,
    "MP3 and MP2": _MP3,
    "AAC": _AAC,
    "Vorbis and Opus": _OGG,
    "Others": _OTHERS,
    "Written by lame, sox and ffmpeg": _COMMANDS,
}
ENCODINGS = tuple(encoding for encodings in TABLE.values() for encoding in encodings)
