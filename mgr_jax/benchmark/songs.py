"""Files of synthetic music, for benchmarks of decoding."""

import os
from pathlib import Path

import av
import numpy as np
import soundfile
import soxr

KINDS = ("mp3", "flac", "ogg")
SONGS, SECONDS, RATE = 10, 30.0, 44_100
GENRES = ("even", "odd")


def write_songs(folder: Path, files: int) -> Path:
    """Writes mp3 files of ten pieces, each under many names; returns their folder.

    Args:
      folder: where the folder is made.
      files: number of files.

    Returns:
      The folder.
    """
    songs, target = folder / "songs", folder / "music"
    songs.mkdir()
    target.mkdir()
    tones = _tones()
    for number in range(min(SONGS, files)):
        soundfile.write(songs / f"{number}.mp3", _play(tones, number), RATE)
    written = sorted(songs.iterdir())
    for number in range(files):
        os.link(written[number % len(written)], target / f"{number:05d}.mp3")
    return target


def write_genres(folder: Path, files: int) -> Path:
    """Writes two genre folders of music.

    A third of the files is mp3 at 44.1 kHz in stereo, a third FLAC and a third Ogg Vorbis at
    22,050 Hz in mono. Some pieces are repeated under another title, so no two files are the same.

    Args:
      folder: where the folders are made.
      files: number of files.

    Returns:
      The folder that holds both.
    """
    songs, target = folder / "songs", folder / "music"
    for place in (songs, target / "calm", target / "lively"):
        place.mkdir(parents=True)
    tones = _tones()
    for number in range(min(len(KINDS) * SONGS, files)):
        kind, sound = KINDS[number % len(KINDS)], _play(tones, number)
        if kind == "mp3":
            soundfile.write(songs / f"{number}.{kind}", sound, RATE)
        else:
            mono = soxr.resample(sound.mean(axis=1), RATE, RATE // 2)
            soundfile.write(songs / f"{number}.{kind}", mono, RATE // 2)
    written = sorted(songs.iterdir(), key=lambda path: int(path.stem))
    for number in range(files):
        source = written[number % len(written)]
        genre = "lively" if number // len(KINDS) % 2 else "calm"
        _copy_as(source, target / genre / f"{number:05d}{source.suffix}", f"Piece {number}")
    return target


def _copy_as(source: Path, target: Path, title: str) -> None:
    """Copies the coded sound of a file into one with a title."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        new.metadata["title"] = title
        stream = new.add_stream_from_template(old.streams.audio[0])
        for packet in old.demux(old.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                new.mux(packet)


def _play(tones: np.ndarray, seed: int) -> np.ndarray:
    """Chords of some tones and strokes on the beat, [samples, 2] float32."""
    rng = np.random.default_rng(seed)
    beat = round(RATE * rng.uniform(0.3, 0.6))
    fading = np.exp(-40 / RATE * np.arange(beat, dtype=np.float32))
    beats = []
    for _ in range(round(SECONDS * RATE) // beat + 1):
        chord = rng.uniform(0, 0.1, (2, 4)).astype(np.float32)
        chord = chord @ tones[rng.choice(len(tones), 4, replace=False), :beat]
        stroke = 0.3 * fading * rng.standard_normal((2, beat), np.float32)
        beats.append((chord + stroke).T)
    return np.concatenate(beats)[: round(SECONDS * RATE)].clip(-1, 1)


def _tones() -> np.ndarray:
    """Three octaves from 55 Hz, fading: [tones, samples] float32."""
    time, harmonics = np.arange(round(0.6 * RATE)) / RATE, np.arange(1, 12)
    return np.stack(
        [
            np.exp(-4 * time) * (harmonics**-1.5 @ np.sin(np.outer(harmonics, angle)))
            for angle in 2 * np.pi * 55 * 2 ** (np.arange(36)[:, None] / 12) * time
        ]
    ).astype(np.float32)


def write_tracks(folder: Path, tracks: int) -> Path:
    """Writes WAV files, mono at half the rate and all different, in a folder for each of `GENRES`.

    Args:
      folder: where the folders are made.
      tracks: number of files.

    Returns:
      The folder that holds them.
    """
    for genre in GENRES:
        (folder / "tracks" / genre).mkdir(parents=True)
    tones = _tones()
    songs = [_play(tones, number)[::2].mean(1) for number in range(min(SONGS, tracks))]
    for number in range(tracks):
        late = np.roll(songs[number % len(songs)], 1000 * number)
        genre = GENRES[number % len(GENRES)]
        soundfile.write(folder / "tracks" / genre / f"{number:05d}.wav", late, RATE // 2)
    return folder / "tracks"
