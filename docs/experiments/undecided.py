"""What calibration and the background check reach: tables of docs/undecided.md, written into it.

  python docs/experiments/undecided.py SOUNDS MUSIC WORK runs/a runs/b:data_dir:0.8

SOUNDS is a folder of recordings whose file names say what they are (see `WHAT`), MUSIC one of music
in folders of genres, WORK one for copies of the runs, which are calibrated there for a precision
(0.9 unless given). Recordings are measured with, never fitted to.
"""

import shutil
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import mgr_jax
from mgr_jax.audio.clips import segment_starts
from mgr_jax.audio.io import read_audio
from mgr_jax.background import background_scores, sound_statistics
from mgr_jax.config import load_config
from mgr_jax.data.pipeline import open_split
from mgr_jax.evaluation import format_interval, wilson_interval
from mgr_jax.prediction.engine import TrackClips
from mgr_jax.runs.background_sounds import KINDS, make_background
from mgr_jax.runs.fit_background import (
    Music,
    choose_threshold,
    fit_detector,
    fit_logistic,
    quieter,
)

PAGE = Path(__file__).resolve().parents[1] / "undecided.md"
WHAT = {
    "speech": ("198_209", "3436_172162", "5703_47212"),
    "animals": ("robin", "humpback", "pibble"),
    "solo trumpet": ("trumpet",),
}
SOUNDS_OF_A_KIND = 30
KEPT = "**logistic regression on statistics** (kept)"


class Heard:
    """What there is to know of clips: statistics, probabilities and embeddings, by track."""

    def __init__(
        self,
        predictor: mgr_jax.Predictor,
        tracks: Iterable[np.ndarray],
        artists: np.ndarray | None = None,
    ) -> None:
        spec, self.statistics = predictor.spec, []

        def clips():
            for number, track in enumerate(tracks):
                starts = segment_starts(len(track), spec.clip_samples)
                for start in starts:
                    clip = track[start : start + spec.clip_samples]
                    self.statistics.append(sound_statistics(clip, spec.sample_rate))
                yield TrackClips(number, track, starts)

        found = list(predictor.engine(clips()))
        self.statistics = np.stack(self.statistics)
        self.track = np.concatenate([np.full(len(o["embedding"]), key) for key, o in found])
        self.music = None if artists is None else Music(self.statistics, artists[self.track])
        self.embedding = np.concatenate([o["embedding"] for _, o in found]).astype(float)
        self.probabilities = np.concatenate([o["probabilities"] for _, o in found])


def detectors(train: Heard, quiet: Heard, made: Heard) -> dict[str, Callable]:
    """Scores of clips by detector: the higher, the less like music."""
    centre = train.embedding.mean(axis=0)
    spread = np.cov(train.embedding.T)
    inverse = np.linalg.inv(spread + 1e-3 * np.trace(spread) / len(spread) * np.eye(len(spread)))
    scale = np.maximum(train.embedding.std(axis=0), 1e-6)

    def expand(heard: Heard) -> np.ndarray:
        z = (heard.embedding - centre) / scale
        return np.concatenate([z, np.clip(z**2, 0, 36)], axis=1)

    inputs = [expand(heard) for heard in (train, quiet, made)]
    truth = np.repeat([False, False, True], list(map(len, inputs)))
    weights, bias = fit_logistic(np.concatenate(inputs), truth)
    flatness = 39  # of `sound_statistics`

    def distance(heard: Heard) -> np.ndarray:
        away = heard.embedding - centre
        return np.einsum("ij,jk,ik->i", away, inverse, away)

    return {
        "lowest of the highest probabilities": lambda h: -h.probabilities.max(axis=1),
        "entropy of the probabilities": lambda h: (
            -(h.probabilities * np.log(h.probabilities + 1e-12)).sum(axis=1)
        ),
        "Mahalanobis distance of embeddings": distance,
        "logistic regression on embeddings": lambda h: expand(h) @ weights + bias,
        "spectral flatness alone": lambda h: h.statistics[:, flatness],
    }


def left_out(music: Heard, quiet: Heard, made: Heard, new: Heard) -> str:
    """The share that is found of each made-up kind, by a detector that was fitted without it."""
    names, told = np.array(list(KINDS)), []
    kind_of = [names[np.arange(len(heard.statistics)) % len(names)] for heard in (made, new)]
    for kind in names:
        known = fit_detector(music.music, quiet.music, made.statistics[kind_of[0] != kind])
        scores = background_scores(new.statistics[kind_of[1] == kind], known)
        told.append(f"{kind} {100 * (scores > known['threshold']).mean():.0f} %")
    return ", ".join(told)


def interval(refused: np.ndarray) -> str:
    """The share that is refused, with Wilson's interval."""
    share = float(refused.mean())
    return format_interval([share, *wilson_interval(share, len(refused))])


def by_track(heard: Heard, scores: np.ndarray) -> np.ndarray:
    """Mean scores of tracks [tracks]."""
    return np.bincount(heard.track, scores) / np.bincount(heard.track)


def hear_run(run: Path, data_dir: str, sounds: Path, music: Path) -> list[str]:
    """The lines of a run in the tables of detectors."""
    predictor = mgr_jax.load(run)
    spec, config = predictor.spec, load_config(run / "config.json")
    config.data_dir = data_dir or config.data_dir
    rate, seconds = int(spec.sample_rate), spec.clip_samples / spec.sample_rate
    splits = {name: open_split(config, name) for name in ("train", "validation", "test")}
    tracks = {name: [np.asarray(t.read(i)) for i in range(len(t))] for name, t in splits.items()}
    heard = {name: Heard(predictor, found) for name, found in tracks.items()}
    quiet = Heard(predictor, [quieter(track, i) for i, track in enumerate(tracks["train"])])
    known = [*tracks["train"], *tracks["validation"]]
    artists = np.concatenate([splits[name].artist_id for name in ("train", "validation")])
    heard_music = Heard(predictor, known, artists)
    softer = Heard(predictor, [quieter(track, i) for i, track in enumerate(known)], artists)
    made = Heard(predictor, [s for _, s in make_background(rate, seconds, 60 * len(KINDS))])
    new = list(make_background(rate, seconds, SOUNDS_OF_A_KIND * len(KINDS), seed=1))
    kinds, heard_new = np.array([k for k, _ in new]), Heard(predictor, [s for _, s in new])
    recordings: dict[str, list[np.ndarray]] = {name: [] for name in (*WHAT, "music")}
    for path in sorted(sounds.glob("*.ogg")):
        kind = next((k for k, parts in WHAT.items() if any(p in path.name for p in parts)), "music")
        recordings[kind].append(read_audio(path, rate, dtype=np.int16))
    real = {kind: Heard(predictor, found) for kind, found in recordings.items()}
    other = Heard(
        predictor, [read_audio(p, rate, dtype=np.int16) for p in sorted(music.glob("*/*.flac"))]
    )
    lines = [
        f"\n`{run.name}` ({config.dataset}; clips of "
        f"{seconds:g} s; {len(heard['validation'].track)} validation clips):\n",
        "| detector | test clips refused | tracks of other music refused | made-up found (least "
        "kind) | silence | speech | animals | solo trumpet | recorded music refused |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    kept = fit_detector(heard_music.music, softer.music, made.statistics)
    scores = detectors(heard["train"], quiet, made)
    least_of = {
        name: choose_threshold(score(heard["validation"])) for name, score in scores.items()
    }
    scores[KEPT] = lambda h: background_scores(h.statistics, kept)
    least_of[KEPT] = kept["threshold"]
    for name, score in scores.items():
        least = least_of[name]
        found = score(heard_new) > least
        by_kind = {kind: found[kinds == kind].mean() for kind in KINDS}
        worst = min(by_kind, key=by_kind.__getitem__)

        def files(kind: str, score=score, least=least) -> str:
            tracks_told = by_track(real[kind], score(real[kind])) > least
            clips = (score(real[kind]) > least).mean()
            return f"{tracks_told.sum()} of {len(tracks_told)} files, {100 * clips:.0f} % of clips"

        cells = [
            name,
            interval(score(heard["test"]) > least),
            interval(by_track(other, score(other)) > least),
            f"{100 * found.mean():.0f} % ({worst} {100 * by_kind[worst]:.0f} %)",
            f"{100 * by_kind['silence']:.0f} %",
            *(files(kind) for kind in ("speech", "animals", "solo trumpet", "music")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    told = left_out(heard_music, softer, made, heard_new)
    return [*lines, f"\nWhat the kept detector finds of kinds that it was fitted without: {told}."]


def calibrate_run(run: Path, data_dir: str, precision: float) -> str:
    """The line of a run in the table of calibration."""
    found = mgr_jax.calibrate(
        run, precision=precision, report_split="test", data_dir=data_dir or None, progress=False
    ).decisions
    m = found.measured
    test = m["reported"]

    def errors(scores) -> str:
        return f"{scores['track']['calibration_error']:.3f}, {scores['track']['log_loss']:.3f}"

    def told(scores) -> str:
        return f"{format_interval(scores['precision'])} at {format_interval(scores['coverage'])}"

    cells = [
        f"`{run.name}`, {m['tracks']} tracks, {precision:g}",
        f"{found.track_temperature:.2f}, {found.clip_temperature:.2f}",
        f"{errors(m['before'])} → {errors(m['after'])}",
        f"{errors(test['before'])} → {errors(test['after'])}",
        told(m["after"]["track"]),
        told(m["cross_fitted"]),
        told(test["after"]["track"]),
        format_interval(test["before"]["track"]["precision"]),
    ]
    return f"| {' | '.join(cells)} |"


def main(sounds: str, music: str, work: str, *runs: str) -> None:
    """Fills what stands between the marks of the page."""
    warnings.simplefilter("ignore")
    calibrated = [
        "| run, validation tracks, wanted precision | temperature of tracks, of clips | "
        "calibration error and log loss on validation | on test | told on validation: precision "
        "at coverage | "
        "cross-fitted | on test | test precision where all is told |",
        "|---|---|---|---|---|---|---|---|",
    ]
    checked: list[str] = []
    for given in runs:
        source, data_dir, precision = [*given.split(":"), "", ""][:3]
        run = Path(work, Path(source).name)
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(source, run)
        checked += hear_run(run, data_dir, Path(sounds), Path(music))
        calibrated.append(calibrate_run(run, data_dir, float(precision or 0.9)))
        print(calibrated[-1], *checked, sep="\n", flush=True)
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in {"calibration": calibrated, "background": checked}.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, rest = page.split(begin)
        page = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
