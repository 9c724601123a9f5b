"""What the two readings of Choi's released weights hear in music whose genre is known.

  python docs/experiments/choi_readings.py WEIGHTS MUSIC WORK

WEIGHTS holds choi_crnn_msd.h5 and choi_cnn_msd.h5, MUSIC folders named by GTZAN's genres, WORK gets
the imported models. Seven of these genres are among the 50 tags. Of a clip, the most probable of
the seven tags is compared with its genre; and clips of a genre are told from all others by its tag
(area under the ROC curve, mean of the seven; the chance is 0.5).
"""

import sys
import warnings
from pathlib import Path

import numpy as np

import mgr_jax
from mgr_jax.evaluation import format_interval, wilson_interval

TAGS = {
    "blues": "blues", "country": "country", "hiphop": "Hip-Hop", "jazz": "jazz", "metal": "metal",
    "pop": "pop", "rock": "rock",
}  # fmt: skip


def area(inside: np.ndarray, outside: np.ndarray) -> float:
    """How often a value inside is larger than one outside; equal ones count half."""
    larger, equal = inside[:, None] > outside, inside[:, None] == outside
    return float((larger + equal / 2).mean())


def hear(model: Path, clips: dict[Path, str]) -> str:
    """Agreement with the genres, and the area under the curve."""
    predictor = mgr_jax.load(model)
    columns = [predictor.classes.index(tag) for tag in TAGS.values()]
    scores = np.array([predictor.predict(clip).track_probabilities for clip in clips])[:, columns]
    genres = np.array(list(clips.values()))
    known = np.isin(genres, list(TAGS))
    right = float((np.array(list(TAGS))[scores.argmax(axis=1)] == genres)[known].mean())
    interval = [right, *wilson_interval(right, int(known.sum()))]
    areas = [
        area(scores[genres == genre, column], scores[genres != genre, column])
        for column, genre in enumerate(TAGS)
    ]
    return f"{format_interval(interval)} of {known.sum()} | {np.mean(areas):.3f}"


def main(weights: str, music: str, work: str) -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    clips = {path: path.parent.name for path in sorted(Path(music).glob("*/*")) if path.is_file()}
    print("| network | reading | most probable of seven tags is the genre | area under the curve |")
    print("|---|---|---|---|")
    for source in ("choi_crnn", "choi_cnn"):
        for reading in ("raw", "standardised"):
            model = Path(work, f"{source}_{reading}")
            if not model.exists():
                file = Path(weights, f"{source}_msd.h5")
                mgr_jax.import_weights(source, file, model, labels="msd50", reading=reading)
            print(f"| `{source}` | `{reading}` | {hear(model, clips)} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
