"""How well genres are taught on each encoder: docs/teach.md.

  python docs/experiments/teach.py SHARED WORK models/efficientat_mn04 models/musicnn_mtt …
  python docs/experiments/teach.py SHARED WORK --nocurves models/won2020_fcn_mtat …

SHARED holds `data/rendered10` and `data/gtzan_audio_dev` with `data/gtzan_artists.csv`. WORK keeps
what was embedded, so that a second call scores alone. Prints Markdown: accuracy with 95 % intervals
(a bootstrap over the groups that folds keep apart) on rendered10 with artists and with groove files
kept apart, and on the GTZAN clips with one artist left out at a time; then learning curves. All
numbers go to WORK/teach.json, to which later calls add theirs.
"""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np

import mgr_jax
from mgr_jax.integrity import read_sealed
from mgr_jax.runs.teaching.choice import Songs, choose
from mgr_jax.runs.teaching.folds import deal_folds
from mgr_jax.runs.teaching.mapping import mapping_matrix, untrained_outputs
from mgr_jax.runs.teaching.model import path_of_encoder
from mgr_jax.runs.teaching.songs import Song, make_grouping
from mgr_jax.runs.teaching.store import Store

PER_GENRE, DRAWS, FOLDS = (5, 10, 20, 50), 3, 5
ROWS = ("taught", "trained head alone", "untrained outputs", "SVM on 57 features", "majority class")


def index_gtzan(data: Path, work: Path) -> Path:
    """An index of the GTZAN clips with their artists, where they are known."""
    with (data / "gtzan_artists.csv").open(encoding="utf-8", newline="") as file:
        artists = {row["track"]: row["artist"] for row in csv.DictReader(file)}
    index = work / "gtzan.csv"
    with index.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "genre", "artist"])
        for path in sorted((data / "gtzan_audio_dev").glob("*/*.flac")):
            name = path.relative_to(data / "gtzan_audio_dev").as_posix()
            rows.writerow([name, path.parent.name, artists.get(path.stem, "")])
    return index


def read_songs(folder: Path) -> Songs:
    """What was taught, as numbers."""
    account = read_sealed(folder / "teach.json", "")
    settings = json.loads((folder / "embeddings" / "settings.json").read_text(encoding="utf-8"))
    settings = {name: settings[name] for name in ("encoder", "limits")}
    store = Store(folder / "embeddings", settings)
    clips = store.read(s["path"] for s in account["songs"])
    genres, mine = list(account["genres"]), [clips[s["path"]] for s in account["songs"]]
    untrained = None
    if len(account["mapping"]) > 1:
        names = mgr_jax.load(path_of_encoder(folder)).classes
        matrix = mapping_matrix(account["mapping"], genres, names)
        untrained = np.concatenate([untrained_outputs(c.outputs, matrix) for c in mine])
    return Songs(
        np.concatenate([c.embedding for c in mine]).astype(np.float64),
        np.array([len(c.start) for c in mine]),
        np.array([genres.index(s["genre"]) for s in account["songs"]]),
        make_grouping([Song(**song) for song in account["songs"]], store.items).groups,
        len(genres),
        untrained,
    )


def learn_from_few(songs: Songs) -> dict[str, float]:
    """Mean accuracy over draws of so many songs of each genre, those of left-out groups told."""
    rights: dict[int, list[float]] = {}
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        fold = deal_folds(songs.labels, songs.groups, FOLDS, draw)
        for few in PER_GENRE:
            right = []
            for number in range(FOLDS):
                chosen = np.zeros(len(songs), bool)
                for genre in range(songs.genres):
                    there = np.flatnonzero((fold != number) & (songs.labels == genre))
                    chosen[rng.permutation(there)[:few]] = True
                learnt, held = songs.select(chosen), songs.select(fold == number)
                told = held.answers(choose(learnt).fit(learnt)).argmax(axis=1)
                right += (told == held.labels).tolist()
            rights.setdefault(few, []).append(float(np.mean(right)))
    most = int(np.bincount(songs.labels).max())
    return {str(few): float(np.mean(found)) for few, found in rights.items() if few <= most}


def main() -> None:
    """Teaches, prints and keeps."""
    shared, work, *rest = sys.argv[1:]
    draw_curves = "--nocurves" not in rest
    encoders = [Path(encoder) for encoder in rest if encoder != "--nocurves"]
    shared, work = Path(shared), Path(work)
    data = shared / "data"
    work.mkdir(parents=True, exist_ok=True)
    index = index_gtzan(data, work)
    settings = {
        "rendered10, artists": (data / "rendered10", {"group_by": "artist"}),
        "rendered10, groove files": (data / "rendered10", {"group_by": "groove_file"}),
        "GTZAN, leave one artist out": (data / "gtzan_audio_dev", {"labels": index, "folds": 0}),
    }
    numbers = work / "teach.json"
    before = json.loads(numbers.read_text("utf-8")) if numbers.exists() else {}
    kept: dict[str, dict] = before.get("scores", {})
    curves: dict[str, dict] = before.get("curves", {})
    for encoder in encoders:
        for title, (music, options) in settings.items():
            out = work / f"{encoder.name}-{music.name}"
            journal = work / f"{music.name}.journal"  # features know no encoder
            inside = out / "embeddings" / "gtzan57.journal"
            if journal.exists() and not inside.exists():
                mgr_jax.teach(music, on=encoder, out=out, svm=False, **options)
                shutil.copy(journal, inside)
            made = mgr_jax.teach(music, on=encoder, out=out, svm=True, **options)
            shutil.copy(inside, journal)
            scores = {row["system"]: row["accuracy"] for row in made.scores}
            kept.setdefault(title, {})[encoder.name] = scores
            if draw_curves and "groove" not in title:
                curves.setdefault(music.name, {})[encoder.name] = learn_from_few(read_songs(out))
            record = {"scores": kept, "curves": curves}
            numbers.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    for title, by_encoder in kept.items():
        print(f"\n{title}\n\n| encoder | {' | '.join(ROWS)} |\n|---|{'---|' * len(ROWS)}")
        for name, scores in by_encoder.items():
            cells = [
                "{:.3f} [{:.3f}, {:.3f}]".format(*scores[row]) if row in scores else ""
                for row in ROWS
            ]
            print(f"| {name} | {' | '.join(cells)} |")
    for title, by_encoder in curves.items():
        print(f"\n{title}, songs of each genre\n\n| encoder | {' | '.join(map(str, PER_GENRE))} |")
        print(f"|---|{'---|' * len(PER_GENRE)}")
        for name, found in by_encoder.items():
            cells = [f"{found[f]:.3f}" if f in found else "" for f in map(str, PER_GENRE)]
            print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
