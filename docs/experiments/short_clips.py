"""What it gains to leave out the zeros that fill a short clip: tables of docs/results.md.

  python docs/experiments/short_clips.py ~/music/rendered10 runs/short_clips

The clips of a folder with an index.csv (path, genre, artist) become tracks, one of every 10 s:
whole, and cut to 4 to 10 s. Networks are trained on either, and score tracks of artists that they
have not heard: whole, cut, and the first 4 s. What is there already is not trained again.
"""

import csv
import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import mgr_jax
from mgr_jax.audio.io import read_audio
from mgr_jax.data.pipeline import open_split, scored_split
from mgr_jax.evaluation.bootstrap import bootstrap_intervals
from mgr_jax.evaluation.results import format_interval

RATE = 12_000
SEEDS = (0, 1, 2)
SCORED = ("whole", "cut", "first 4 s")


def cut(source: Path, target: Path, length: Callable[[], float], start: Callable[[float], float]):
    """Writes a track of every 10 s of every clip, and an index of them."""
    rows = []
    for row in csv.DictReader((source / "index.csv").open(encoding="utf-8")):
        clip = read_audio(source / row["path"], RATE)
        for third in range(len(clip) // (10 * RATE)):
            seconds = length()
            first = 10 * third + start(seconds)
            path = f"{row['genre']}/{Path(row['path']).stem}.{third}.wav"
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            samples = clip[int(first * RATE) : int((first + seconds) * RATE)]
            soundfile.write(target / path, samples, RATE)
            rows.append([path, row["genre"], row["artist"]])
    with (target / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "genre", "artist"], *rows])


def config_of(data: str, seed: int, work: Path, *, mask_filling: bool, steps: int):
    """A CRNN of 0.1 M parameters on clips of 10 s, scored after the last step."""
    config = mgr_jax.read_config(f"demo:model=crnn,data=audio_folder/{data}")
    config.data_dir, config.seed, config.mask_filling = str(work / "data"), seed, mask_filling
    config.clip_samples, config.num_steps, config.eval_every = 10 * RATE, steps, steps
    config.frontend.kwargs.hop_length = 1024
    config.model.kwargs.pools = ((2, 2), (2, 2), (2, 4), (1, 4))
    config.protocol.update({"name": "artist_kfold", "fold": seed, "parts": 2})
    return config


def score(run: Path, configs: dict) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Which tracks of its fold a run gets right, [tracks] bool, and their artists, by `SCORED`."""
    predictor, split, found = mgr_jax.load(run), scored_split(run), {}
    for name in SCORED:
        tracks = open_split(configs["cut" if name == "cut" else "whole"], split)
        stop = 4 * RATE if name == "first 4 s" else None
        clips = [np.asarray(tracks.read(i))[:stop] / 2**15 for i in range(len(tracks))]
        answers = [predictor.predict(clip, RATE).track_probabilities.argmax() for clip in clips]
        found[name] = np.array(answers) == tracks.label, tracks.artist_id
    return found


def interval(right: np.ndarray, artists: np.ndarray) -> str:
    """The mean with its interval over artists."""

    def mean(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": weights @ right / weights.sum(axis=1)}

    return format_interval(bootstrap_intervals(mean, artists)["mean"])


def main(source: Path, work: Path, steps: int = 400) -> None:
    """Cuts, prepares, trains, scores and prints."""
    draws = np.random.default_rng(0)
    kinds = {
        "whole": (lambda: 10.0, lambda seconds: 0.0),
        "cut": (lambda: draws.uniform(4, 10), lambda seconds: draws.uniform(0, 10 - seconds)),
    }
    for data, how in kinds.items():
        if not (work / data / "index.csv").exists():
            cut(source, work / data, *how)
        mgr_jax.prepare(
            "audio_folder", manual_dir=work / data, name=data, sample_rate=RATE,
            data_dir=work / "data",
        )  # fmt: skip
    for trained_on in kinds:
        all_right: dict[tuple[str, bool], list] = {}
        for seed in SEEDS:
            for mask in (True, False):
                run = work / f"{trained_on}-{seed}-{'left_out' if mask else 'filled'}"
                config = config_of(trained_on, seed, work, mask_filling=mask, steps=steps)
                if trained_on == "whole" and not mask:  # the same weights: nothing was filled
                    shutil.rmtree(run, ignore_errors=True)
                    shutil.copytree(run.with_name(f"whole-{seed}-left_out"), run)
                    model = json.loads((run / "model.json").read_text(encoding="utf-8"))
                    model["input_spec"]["mask_filling"] = False
                    (run / "model.json").write_text(json.dumps(model), encoding="utf-8")
                else:
                    mgr_jax.train(config, run)
                configs = {
                    data: config_of(data, seed, work, mask_filling=mask, steps=steps)
                    for data in kinds
                }
                for name, (right, artists) in score(run, configs).items():
                    artists = np.char.add(f"{seed}/", artists.astype(str))
                    all_right.setdefault((name, mask), []).append((right, artists))
                    print(
                        trained_on,
                        seed,
                        name,
                        "left out" if mask else "filled",
                        interval(right, artists),
                    )
        for name in SCORED:
            left_out, filled = (
                tuple(map(np.concatenate, zip(*all_right[name, mask], strict=True)))
                for mask in (True, False)
            )
            print(trained_on, "mean", name, "left out", interval(*left_out))
            print(trained_on, "mean", name, "filled", interval(*filled))
            difference = left_out[0].astype(float) - filled[0]
            print(trained_on, "mean", name, "difference", interval(difference, left_out[1]))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message=".* less than the .* the network looks at")
    main(Path(sys.argv[1]).expanduser(), Path(sys.argv[2]).expanduser(), *map(int, sys.argv[3:]))
