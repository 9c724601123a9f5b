"""Whether tracks that sound alike are of one genre: docs/embeddings_format.md.

  python docs/experiments/neighbours.py runs/demo [data_dir]

Embeds all splits of a run's dataset, and asks for the five nearest tracks of other artists, of each
test track: how many of them are of its genre, beside how many of all that could be named are. The
candidates are all tracks of the dataset, and those of the test split alone, which the network has
not seen either. Intervals are a bootstrap over the artists of the test tracks, since tracks of one
artist are alike.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import mgr_jax

TOP, DRAWS = 5, 10_000
SPLITS = ("train", "validation", "test")


def embed(run: str, splits: tuple[str, ...], data_dir: str | None, out: Path) -> dict:
    """Name, genre and artist of each track, by column."""
    mgr_jax.embed(run, splits=splits, data_dir=data_dir, out=out, progress=False)
    with np.load(out) as file:
        return {name: file[name] for name in ("name", "split", "genre", "artist")}


def main() -> None:
    """Prints a line for each set of candidates."""
    run, data_dir = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else None)
    with tempfile.TemporaryDirectory() as folder:
        for splits in (SPLITS, SPLITS[-1:]):
            table = Path(folder) / f"{len(splits)}.npz"
            tracks = embed(run, splits, data_dir, table)
            rows = np.flatnonzero(tracks["split"] == "test")
            hits, chance = [], []
            for row in rows:
                found = mgr_jax.search(tracks["name"][row], table, top=TOP, not_same_artist=True)
                genre = tracks["genre"][row]
                hits.append(np.mean([near.genre == genre for near in found.nearest]))
                others = tracks["genre"][tracks["artist"] != tracks["artist"][row]]
                chance.append(np.mean(others == genre))
            artists, owner = np.unique(tracks["artist"][rows], return_inverse=True)
            sums = np.array([np.bincount(owner, hits), np.bincount(owner)])
            drawn = np.random.default_rng(0).integers(0, len(artists), (DRAWS, len(artists)))
            means = np.divide(*sums[:, drawn].sum(axis=-1))
            low, high = np.percentile(means, [2.5, 97.5])
            print(
                f"{len(rows)} test tracks of {len(artists)} artists among {len(tracks['name'])} "
                f"tracks of {', '.join(splits)}: precision at {TOP} {np.mean(hits):.3f} "
                f"[{low:.3f}, {high:.3f}], by chance {np.mean(chance):.3f}"
            )


if __name__ == "__main__":
    main()
