"""Where the examples of baselines come from: a prepared dataset, or a file of features."""

import dataclasses
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import flags as absl_flags

from mgr_jax.baselines.examples import Examples, describe_tracks, examples_of_table, make_examples
from mgr_jax.cli.paths import find_prepared, optional_path
from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.artists import find_artists
from mgr_jax.data.parts import artists_parted, is_published, unknown_artists
from mgr_jax.data.pipeline import make_units, protocol_of, usable_tracks
from mgr_jax.errors import UserError
from mgr_jax.features.extract import RECIPES, find_recipe
from mgr_jax.features.segments import describe_pictures, describe_segments

_TITLES = {
    "mfcc_statistics": "MFCC statistics",
    "gtzan57": "GTZAN's 57 features",
    "fma518": "FMA's 518 features (corrected)",
    "random_projection": "random projections",
    "bin_statistics": "bin statistics",
}


@dataclass(frozen=True)
class Wanted:
    """What to make examples of; the flags of `baselines` of these names.

    Attributes:
      dataset, table: one of them.
      sample_rate, data_dir: of the dataset.
      tracks, subset: of the table.
      artists: an index; of tracks that it lacks, artists are those of the dataset or the table.
      features, seconds, components: see `baselines`.
      workers: processes; None starts some where there is much to do.
      scored: of a dataset, the split beside training that is read; "" is test, or validation
        without one; None reads all.
    """

    dataset: str | None
    table: str | None
    sample_rate: int
    data_dir: str | None
    tracks: str | None
    subset: str | None
    artists: str | None
    features: str | None
    seconds: float
    components: int
    workers: int | None
    scored: str | None

    @classmethod
    def by_flags(cls, flags: absl_flags.FlagValues, *, scored: str | None) -> "Wanted":
        """What the flags of a command say."""
        names = [field.name for field in dataclasses.fields(cls) if field.name != "scored"]
        values: dict[str, Any] = {name: flags[name].value for name in names}
        return cls(**values, scored=scored)


def read_examples(wanted: Wanted) -> tuple[Examples, str]:
    """Makes examples; also says what to call their features."""
    if wanted.table:
        return _from_file(wanted, Path(wanted.table).expanduser())
    for name in ("tracks", "subset"):
        if getattr(wanted, name):
            raise UserError(f"--{name} belongs to --table; leave it out with --dataset")
    assert wanted.dataset
    return _from_dataset(wanted, wanted.dataset)


def _from_file(wanted: Wanted, path: Path) -> tuple[Examples, str]:
    if wanted.seconds:
        raise UserError("--seconds cuts the tracks of a --dataset; the rows of a file are given")
    table = read_features(path, optional_path(wanted.tracks), subset=wanted.subset)
    table = table.with_artists(find_artists(optional_path(wanted.artists), table.track_id))
    if table.columns:
        if wanted.features:
            raise UserError(
                f"{path} is a table, whose columns are the features; leave --features out, or "
                "choose columns by --feature_sets"
            )
        return examples_of_table(table), path.stem
    features = wanted.features or "bin_statistics"
    return _from_pictures(table, features, wanted.components), _TITLES[features]


def _from_pictures(table: FeatureTracks, features: str, components: int) -> Examples:
    frames = int(np.median([len(picture) for picture in table.features]))
    values = describe_pictures(table.features, features, frames=frames, components=components)
    tracks = np.arange(len(values))
    spans = np.tile([0.0, 1.0], (len(values), 1))
    return make_examples(values, tracks, spans, **describe_tracks(table))


def _from_dataset(wanted: Wanted, dataset: str) -> tuple[Examples, str]:
    folder = find_prepared(dataset, sample_rate=wanted.sample_rate, data_dir=wanted.data_dir)
    made = json.loads((folder / "protocol.json").read_text())
    names = list(made["tracks"])
    if wanted.scored is not None:
        scored = wanted.scored or ("test" if "test" in names else "validation")
        names = [name for name in names if name in ("train", scored)]
    splits = [usable_tracks(open_tracks(folder, name), "single_label") for name in names]
    pool = join_tracks(splits, "pool")
    units = make_units(pool, [split.split for split in splits for _ in range(len(split))])
    if artists := find_artists(optional_path(wanted.artists), units.track):
        merged = [new or own for new, own in zip(artists, units.artist, strict=True)]
        units = dataclasses.replace(units, artist=merged)
        made["artists_in_several_splits"] = artists_parted(units, units.split)
        made["unknown"] = {"artist": unknown_artists(units)}
        pool = dataclasses.replace(pool, account=made)
    about: dict[str, Any] = {
        "tracks": units,
        "label": pool.label,
        "classes": pool.classes,
        "protocol": protocol_of(pool),
        "published": is_published(made),
    }
    if columns := tuple(made.get("columns", ())):
        if wanted.features or wanted.seconds:
            raise UserError(
                f"{dataset} holds a table; leave --features and --seconds out, or choose "
                "columns by --feature_sets"
            )
        values = np.concatenate([pool.read(track) for track in range(len(pool))])
        frames = pool.cut(1)
        examples = make_examples(
            values, *_position(pool, frames), columns=columns, **about, length="rows of the table"
        )
        return examples, dataset.partition("/")[2]
    features = wanted.features or _default(pool.kind)
    values, segments = _describe(splits, features, folder, wanted)
    length = f"segments of {wanted.seconds:g} s" if wanted.seconds else "whole tracks"
    columns = find_recipe(features).columns if features in RECIPES else ()
    examples = make_examples(
        values, *_position(pool, segments), columns=columns, **about, length=length
    )
    there = np.isfinite(examples.features).all(axis=1)
    if missing := int((~there).sum()):
        warnings.warn(
            f"{missing} of {len(there)} segments of {dataset} have no {features} (are they "
            "silent?) and are left out",
            stacklevel=2,
        )
    return examples.select(there), _TITLES[features]


def _default(kind: str) -> str:
    return "mfcc_statistics" if kind == "waveform" else "bin_statistics"


def _describe(
    splits: Sequence[Tracks], features: str, folder: Path, wanted: Wanted
) -> tuple[np.ndarray, Tracks]:
    """Features of the segments of all splits, each computed and kept on its own."""
    parts = [_cut(split, wanted.seconds) for split in splits]
    segments = join_tracks(parts, "pool")
    steps = int(np.median(segments.length))
    size = f"_{wanted.components}_{steps}" if features == "random_projection" else ""
    values = [
        describe_segments(
            part,
            features,
            folder / "cache" / f"{part.split}.{features}{size}_{wanted.seconds:g}s.npz",
            steps=steps,
            components=wanted.components,
            workers=wanted.workers,
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
