"""AudioSet's outputs as genres, without training: docs/experiments/zero_shot.md.

  python docs/experiments/zero_shot.py models/efficientat_mn04 genres/ [artists.csv]

The model is a folder that was imported from EfficientAT's weights (`mgr-jax import_weights
--source=efficientat`). In the other folder, each of GTZAN's ten genres has a folder of clips. Of
each clip, cuts of 10 s from 0, 10 and 20 s are classified, the probabilities of the ten AudioSet
classes that are named like the genres averaged, and the highest wins. Intervals are a bootstrap
over clips, and over artists too where a table tells them: columns `track` (the file's name without
its ending) and `artist`; clips it does not name count as an artist each.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import mgr_jax
from mgr_jax.audio.io import read_audio
from mgr_jax.evaluation import accuracy, bootstrap_intervals, format_interval, wilson_interval
from mgr_jax.prediction.engine import TrackClips

GENRES = {
    "blues": "Blues",
    "classical": "Classical music",
    "country": "Country",
    "disco": "Disco",
    "hiphop": "Hip hop music",
    "jazz": "Jazz",
    "metal": "Heavy metal",
    "pop": "Pop music",
    "reggae": "Reggae",
    "rock": "Rock music",
}
CUTS = 3
NAMES = list(GENRES)


def read_cuts(files: list[Path], rate: int, clip: int) -> Iterator[TrackClips]:
    """The cuts of every file; those that would reach beyond its end begin earlier."""
    for file in files:
        samples = read_audio(file, rate, dtype=np.int16)
        starts = np.minimum(np.arange(CUTS) * clip, max(0, len(samples) - clip))
        yield TrackClips(file, samples, np.unique(starts), {})


def score(files: list[Path], folder: str) -> tuple[np.ndarray, np.ndarray]:
    """Genre of each file, by number, and the mean probabilities of the ten."""
    predictor = mgr_jax.load(folder)
    columns = [predictor.classes.index(name) for name in GENRES.values()]
    cuts = read_cuts(files, predictor.audio_rate(), predictor.spec.clip_samples)
    outputs = {file: found["probabilities"] for file, found in predictor.engine(cuts)}
    truth = np.array([NAMES.index(file.parent.name) for file in files])
    return truth, np.array([outputs[file].mean(axis=0)[columns] for file in files])


def read_artists(files: list[Path], table: str) -> np.ndarray:
    """The artist of each file, or the file itself."""
    with open(table, encoding="utf-8", newline="") as file:
        known = {row["track"]: row["artist"] for row in csv.DictReader(file)}
    return np.array([known.get(file.stem) or file.stem for file in files])


def main() -> None:
    """Prints the accuracy, then what each genre was taken for."""
    folder, music = sys.argv[1], Path(sys.argv[2])
    files = sorted(f for name in NAMES for f in (music / name).iterdir() if f.suffix != ".csv")
    truth, probabilities = score(files, folder)
    units = {"clips": np.array([file.stem for file in files])}
    if len(sys.argv) > 3:
        units["artists"] = read_artists(files, sys.argv[3])
    for unit, groups in units.items():
        found = bootstrap_intervals(
            lambda weights: {"accuracy": accuracy(truth, probabilities, weights)}, groups
        )["accuracy"]
        print(
            f"{len(files)} clips, accuracy {format_interval(found)} (bootstrap over "
            f"{len(np.unique(groups))} {unit})"
        )
    said = probabilities.argmax(axis=1)
    print(f"\n| genre | right | of | 95 % | {' | '.join(NAMES)} |")
    print(f"|---|--:|--:|---|{'--:|' * len(NAMES)}")
    for number, name in enumerate(NAMES):
        counts = np.bincount(said[truth == number], minlength=len(NAMES))
        low, high = wilson_interval(counts[number] / counts.sum(), counts.sum())
        row = [name, counts[number], counts.sum(), f"{low:.2f}-{high:.2f}", *counts]
        print(f"| {' | '.join(map(str, row))} |")


if __name__ == "__main__":
    main()
