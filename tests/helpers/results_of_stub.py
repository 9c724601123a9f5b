"""Writes results of the present schema in every format, to be read by all later versions.

    PYTHONPATH=. python tests/helpers/results_of_stub.py

They are written once for each schema, and not again: tests/prediction/results/<schema>/.
"""

import dataclasses
import json
import os
from pathlib import Path

from stub_predictor import origin, predict

from mgr_jax.prediction.entries import SCHEMA
from mgr_jax.prediction.reading import read_results
from mgr_jax.prediction.record import Record
from mgr_jax.prediction.writers import create_writers

# What is no name in a table without care.
NAMES = (
    "songs/parts.mp3", "songs/unsure.mp3", "songs/bad.mp3", "songs/cut.mp3",
    'songs/a, "b";c.mp3', "songs/two\nlines\tand\ttabs.mp3", "songs/\udcff\\x\\ é.mp3",
    "/songs/#1: $x.mp3", "songs/ends in space ",
)  # fmt: skip


def write(out: Path, names=NAMES, **settings: object) -> None:
    """Writes what comes of these files in all formats."""
    from_where = origin(**settings)
    record = Record(out.with_name(out.name + ".jsonl"), from_where)
    writers = create_writers(out, ("csv", "parquet", "audacity", "m3u"), from_where, record)
    for writer in writers:
        writer.begin(record)
    for number, name in enumerate(names):
        file = dataclasses.replace(predict(name), size=1000 + number, modified=10**18 + number)
        record.add(file)
        for writer in writers:
            writer.add(file)
    record.close()
    for writer in writers:
        writer.close()


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1] / "prediction")
    folder = Path("results", str(SCHEMA))
    if folder.exists():
        raise SystemExit(f"{folder} is there already")
    folder.mkdir(parents=True)
    write(folder / "all", timeline=True)
    write(folder / "plain", NAMES[:2], timeline=True)
    for path in [*folder.glob("all.labels"), *folder.glob("all.playlists")]:
        for inner in sorted(path.rglob("*"), reverse=True):
            inner.rmdir() if inner.is_dir() else inner.unlink()
        path.rmdir()  # their names are not for every disk
    rows = [dataclasses.asdict(row) for row in read_results(folder / "all.jsonl")]
    (folder / "rows.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
