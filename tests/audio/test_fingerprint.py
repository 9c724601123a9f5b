"""Fingerprints find the same recording again, and nothing else."""

import csv
import io
import shutil

import numpy as np
import pytest
import soundfile

from mgr_jax.audio.chromaprint import CHROMAPRINT
from mgr_jax.audio.fingerprint import (
    HAITSMA_KALKER,
    Fingerprint,
    compare_candidates,
    find_duplicates,
    haitsma_kalker,
)
from mgr_jax.audio.io import read_audio, resample
from mgr_jax.audio.listing import list_audio
from mgr_jax.data.rendered.music import GENRES, SAMPLE_RATE, render_track

RATE = 22_050
SHIFT, EXCERPT = 0.37, (4.003, 14.003)

SCHEMES = pytest.mark.parametrize(
    "scheme",
    [
        HAITSMA_KALKER,
        pytest.param(
            CHROMAPRINT,
            marks=pytest.mark.skipif(not shutil.which("fpcalc"), reason="fpcalc is not installed"),
        ),
    ],
    ids=lambda scheme: scheme.name,
)


@pytest.fixture(scope="module")
def music() -> list[np.ndarray]:
    """Twelve tracks of 15 s by twelve artists at RATE."""
    tracks = [render_track(genre, a, 0, seconds=15) for genre in GENRES[:6] for a in range(2)]
    return [resample(track.samples, SAMPLE_RATE, RATE) for track in tracks]


def encode_mp3(clip: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    soundfile.write(buffer, clip, RATE, format="MP3")
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")[0]


def add_noise(clip: np.ndarray, decibel: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(len(clip))
    return (clip + noise * np.std(clip) * 10 ** (-decibel / 20)).astype(np.float32)


def cut(clip: np.ndarray, start: float, stop: float | None = None) -> np.ndarray:
    return clip[round(start * RATE) : None if stop is None else round(stop * RATE)]


# What is done to a clip, and where the copy begins in it.
COPIES = {
    "exact": (lambda clip: clip, 0.0),
    "mp3": (encode_mp3, 0.0),
    "shifted": (lambda clip: cut(clip, SHIFT), SHIFT),
    "louder": (lambda clip: np.clip(clip * 10 ** (3 / 20), -1, 1), 0.0),
    "excerpt": (lambda clip: cut(clip, *EXCERPT), EXCERPT[0]),
    "noisy": (lambda clip: add_noise(clip, 20), 0.0),
    "noisy mp3 excerpt": (lambda clip: encode_mp3(add_noise(cut(clip, *EXCERPT), 20)), EXCERPT[0]),
}


def plant(clips, originals):
    """Adds all copies of some clips; returns the clips and {(first, second): distance in s}."""
    clips, expected = list(clips), {}
    for original in originals:
        for make, start in COPIES.values():
            expected[original, len(clips)] = start
            clips.append(make(clips[original]))
    return clips, expected


@SCHEMES
def test_planted_copies_are_found_where_they_are_and_nothing_else(scheme, music):
    clips, expected = plant(music, originals=(0, 7))
    found = find_duplicates([scheme.compute(clip, RATE) for clip in clips], scheme)
    pairs = {(match.first, match.second): match for match in found}
    assert expected.keys() <= pairs.keys()
    resolution = max(0.05, 0.51 * scheme.hop_seconds)
    for pair, distance in expected.items():
        match = pairs[pair]
        assert abs(match.start_first - match.start_second - distance) < resolution
        overlap = (len(clips[pair[1]])) / RATE
        assert overlap - 1 < match.seconds < overlap + resolution
    # Copies of one track are duplicates of each other; tracks by different artists are not.
    owner = {copy: original for original, copy in expected}
    assert all(owner.get(a, a) == owner.get(b, b) for a, b in pairs)


@SCHEMES
def test_copies_at_other_sample_rates_are_found(scheme, music):
    rates = (8_000, 12_000, 16_000, 44_100)
    prints = [scheme.compute(resample(music[0], RATE, rate), rate) for rate in rates]
    prints.append(scheme.compute(music[1], RATE))
    found = {(match.first, match.second) for match in find_duplicates(prints, scheme)}
    assert found == {(a, b) for b in range(len(rates)) for a in range(b)}


def test_words_do_not_depend_on_the_sample_rate_or_the_level(music):
    words = haitsma_kalker(music[0], RATE).words
    for rate in (8_000, 12_000, 44_100):
        others = haitsma_kalker(resample(music[0], RATE, rate), rate).words
        assert np.bitwise_count(words ^ others).sum() < 0.005 * 32 * len(words)
    np.testing.assert_array_equal(words, haitsma_kalker(music[0] / 4, RATE).words)


def test_a_passage_within_other_music_is_delimited(music):
    host = music[3].copy()
    host[3 * RATE : 10 * RATE] = cut(music[5], 6, 13)
    (match,) = find_duplicates([haitsma_kalker(host, RATE), haitsma_kalker(music[5], RATE)])
    assert match.start_first == pytest.approx(3, abs=0.5)
    assert match.start_second - match.start_first == pytest.approx(3, abs=0.05)
    assert match.seconds == pytest.approx(7, abs=0.8)


def steady_sounds(seconds: int) -> list[np.ndarray]:
    """Digital silence, dither, a constant and a tone."""
    time = np.arange(seconds * RATE) / RATE
    dither = np.random.default_rng(0).integers(-1, 2, len(time)) / 32768
    sounds = [0 * time, dither, 0 * time + 0.1, 0.3 * np.sin(2 * np.pi * 440 * time)]
    return [sound.astype(np.float32) for sound in sounds]


@SCHEMES
def test_silence_and_steady_sounds_do_not_make_tracks_alike(scheme, music):
    for sound in steady_sounds(12):
        clips = [np.concatenate([track[: 4 * RATE], sound]) for track in music[:2]]
        assert not find_duplicates([scheme.compute(clip, RATE) for clip in clips], scheme)


def test_nothing_is_heard_in_silence_and_steady_sounds():
    for sound in steady_sounds(12):
        assert not haitsma_kalker(sound, RATE).heard.any()


def test_short_tracks_match_as_a_whole(music):
    clips = [cut(music[0], 2, 5), encode_mp3(cut(music[0], 2, 5)), cut(music[0], 6, 9)]
    (match,) = find_duplicates([haitsma_kalker(clip, RATE) for clip in clips])
    assert (match.first, match.second) == (0, 1)
    assert match.seconds == pytest.approx(3, abs=0.05)
    for clip in (music[0][:RATE], music[0][:100], music[0][:0]):
        assert not find_duplicates([haitsma_kalker(clip, RATE)] * 2)
    assert not find_duplicates([])


def test_tracks_without_words_in_common_are_not_compared():
    rng = np.random.default_rng(0)
    prints = [
        Fingerprint(rng.integers(0, 1 << 32, 2_500, np.uint32), np.ones(2_500, bool))
        for _ in range(300)
    ]
    assert len(compare_candidates(prints)) < 10  # of 44,850 pairs


@pytest.fixture(scope="module")
def many(shared_dir) -> tuple[list[np.ndarray], list[str]]:
    """Clips of rendered10 and of GTZAN, and who plays them as far as it is known.

    Of GTZAN every second clip there is: all of them take a quarter longer and tell nothing else.
    """
    folder = shared_dir / "data" / "rendered10"
    with (folder / "index.csv").open() as file:
        index = list(csv.DictReader(file))
    genuine = list_audio(shared_dir / "data" / "gtzan_audio_dev").paths[::2]
    clips = [read_audio(path, RATE) for path in [folder / row["path"] for row in index] + genuine]
    return clips, [row["artist"] for row in index] + [path.stem for path in genuine]


@pytest.mark.slow
@SCHEMES
def test_planted_copies_among_rendered_and_genuine_clips(scheme, many):
    """No false pair by different artists, and no more than 3 by one, of tens of thousands.

    The two clips that an artist has of one groove repeat an accompaniment note for note.
    """
    clips, artists = many
    spread = np.linspace(0, len(clips) - 1, 5).astype(int).tolist()  # rendered and genuine
    clips, expected = plant(clips, originals=spread)
    found = find_duplicates([scheme.compute(clip, RATE) for clip in clips], scheme)
    distances = {(m.first, m.second): m.start_first - m.start_second for m in found}
    for pair, distance in expected.items():
        assert abs(distances[pair] - distance) < max(0.05, 0.51 * scheme.hop_seconds)
    owner = {copy: original for original, copy in expected}
    others = {(owner.get(a, a), owner.get(b, b)) for a, b in distances}
    others = {(a, b) for a, b in others if a != b}
    assert all(artists[a] == artists[b] for a, b in others)
    assert len(others) <= 3
