"""Where the examples of baselines come from: a prepared dataset, or a file of features."""

import dataclasses
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags as absl_flags

from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.feature_array.files import FeatureTracks, read_features
from mgr_jax.data.gtzan.splits import find_artists
from mgr_jax.data.locate import find_dataset
from mgr_jax.errors import UserError
from mgr_jax.tables.examples import Examples, describe_tracks, examples_of_table, make_examples
from mgr_jax.tables.extract import RECIPES, find_recipe
from mgr_jax.tables.segments import describe_pictures, describe_segments
from mgr_jax.training.splits import describe_protocol, make_units, usable_tracks

_TITLES = {
    "mfcc_statistics": "MFCC statistics",
    "gtzan57": "GTZAN's 57 features",
    "fma518": "FMA's 518 features (corrected)",
    "random_projection": "random projections",
    "bin_statistics": "bin statistics",
}


def read_examples(flags: absl_flags.FlagValues) -> tuple[Examples, str]:
    """Reads what the flags of `baselines` name; also says what to call the features."""
    if flags.table:
        return _from_file(flags)
    for name in ("tracks", "subset"):
        if flags[name].value:
            raise UserError(f"--{name} belongs to --table; leave it out with --dataset")
    return _from_dataset(flags)


def _path(text: str | None) -> Path | None:
    return Path(text).expanduser() if text else None


def _from_file(flags: absl_flags.FlagValues) -> tuple[Examples, str]:
    path = Path(flags.table).expanduser()
    if flags.seconds:
        raise UserError("--seconds cuts the tracks of a --dataset; the rows of a file are given")
    table = read_features(path, _path(flags.tracks), subset=flags.subset)
    artists = find_artists(_path(flags.artists), table.track_id)
    if table.columns:
        if flags.features:
            raise UserError(
                f"{path} is a table, whose columns are the features; leave --features out, or "
                "choose columns by --feature_sets"
            )
        return examples_of_table(table, artists), path.stem
    features = flags.features or "bin_statistics"
    return _from_pictures(table, features, artists, flags.components), _TITLES[features]


def _from_pictures(
    table: FeatureTracks, features: str, artists: list[str] | None, components: int
) -> Examples:
    frames = int(np.median([len(picture) for picture in table.features]))
    values = describe_pictures(table.features, features, frames=frames, components=components)
    tracks = np.arange(len(values))
    spans = np.tile([0.0, 1.0], (len(values), 1))
    return make_examples(values, tracks, spans, **describe_tracks(table, artists))


def _from_dataset(flags: absl_flags.FlagValues) -> tuple[Examples, str]:
    arrays = flags.dataset.startswith("feature_array/")
    folder = find_dataset(
        flags.dataset,
        sample_rate=0 if arrays else flags.sample_rate,
        data_dir=_path(flags.data_dir),
    )
    made = json.loads((folder / "protocol.json").read_text())
    names = list(made["tracks"])
    if flags.protocol == "dataset":
        scored = flags.split or ("test" if "test" in names else "validation")
        names = [name for name in names if name in ("train", scored)]
    splits = [usable_tracks(open_tracks(folder, name), "single_label") for name in names]
    pool = join_tracks(splits, "pool")
    units = make_units(pool, [split.split for split in splits for _ in range(len(split))])
    if artists := find_artists(_path(flags.artists), units.track):
        units = dataclasses.replace(units, artist=artists)
    about: dict[str, Any] = {
        "tracks": units,
        "label": pool.label,
        "classes": pool.classes,
        "origin": describe_protocol(pool).removesuffix(", whole tracks"),
        "published": bool(made["given"]),
    }
    if columns := tuple(made.get("columns", ())):
        if flags.features or flags.seconds:
            raise UserError(
                f"{flags.dataset} holds a table; leave --features and --seconds out, or choose "
                "columns by --feature_sets"
            )
        values = np.concatenate([pool.read(track) for track in range(len(pool))])
        frames = pool.cut(1)
        examples = make_examples(
            values, *_position(pool, frames), columns=columns, **about, length="rows of the table"
        )
        return examples, flags.dataset.partition("/")[2]
    features = flags.features or _default(pool.kind)
    values, segments = _describe(splits, features, folder, flags)
    length = f"segments of {flags.seconds:g} s" if flags.seconds else "whole tracks"
    columns = find_recipe(features).columns if features in RECIPES else ()
    examples = make_examples(
        values, *_position(pool, segments), columns=columns, **about, length=length
    )
    there = np.isfinite(examples.features).all(axis=1)
    if missing := int((~there).sum()):
        warnings.warn(
            f"{missing} of {len(there)} segments of {flags.dataset} have no {features} (are they "
            "silent?) and are left out",
            stacklevel=2,
        )
    return examples.select(there), _TITLES[features]


def _default(kind: str) -> str:
    return "mfcc_statistics" if kind == "waveform" else "bin_statistics"


def _describe(
    splits: Sequence[Tracks], features: str, folder: Path, flags: absl_flags.FlagValues
) -> tuple[np.ndarray, Tracks]:
    """Features of the segments of all splits, each computed and kept on its own."""
    parts = [_cut(split, flags.seconds) for split in splits]
    segments = join_tracks(parts, "pool")
    steps = int(np.median(segments.length))
    size = f"_{flags.components}_{steps}" if features == "random_projection" else ""
    values = [
        describe_segments(
            part,
            features,
            folder / "cache" / f"{part.split}.{features}{size}_{flags.seconds:g}s.npz",
            steps=steps,
            components=flags.components,
            workers=flags.workers,
        )
        for part in parts
    ]
    return np.concatenate(values), segments


def _cut(tracks: Tracks, seconds: float) -> Tracks:
    """Consecutive segments; whole tracks for 0 seconds."""
    if not seconds:
        return tracks
    if not (steps := round(seconds * tracks.rate)):
        raise UserError(f"--seconds={seconds:g} is less than a frame of the dataset; give more")
    return tracks.cut(steps)


def _position(pool: Tracks, segments: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """The track of every segment, and where it lies in it: [segments], [segments, 2] seconds."""
    position = {name: row for row, name in enumerate(pool.track_id.tolist())}
    of_track = np.array([position[name] for name in segments.track_id.tolist()])
    ends = np.stack([segments.offset, segments.offset + segments.length], axis=1)
    return of_track, ends / pool.rate
