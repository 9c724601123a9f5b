"""Reads the examples of baselines from a prepared dataset or a file of features."""

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mgr_jax.baselines.examples import Examples, describe_tracks, examples_of_table, make_examples
from mgr_jax.baselines.segments import describe_segments
from mgr_jax.data.artists import find_artists
from mgr_jax.data.cache import Tracks, join_tracks, open_tracks
from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.locate import find_prepared
from mgr_jax.data.parts import artists_parted, is_published, make_units, unknown_artists
from mgr_jax.data.pipeline import protocol_of, usable_tracks
from mgr_jax.data.prepared import read_account
from mgr_jax.errors import UserError
from mgr_jax.features.pictures import describe_pictures
from mgr_jax.features.recipes import RECIPES, find_recipe
from mgr_jax.files import expand

_TITLES = {
    "mfcc_statistics": "MFCC statistics",
    "gtzan57": "GTZAN's 57 features",
    "fma518": "FMA's 518 features (corrected)",
    "random_projection": "random projections",
    "bin_statistics": "bin statistics",
}


def read_examples(
    dataset: str | None = None,
    *,
    table: str | Path | None = None,
    sample_rate: int = 22_050,
    data_dir: str | Path | None = None,
    tracks: str | Path | None = None,
    subset: str | None = None,
    artists: str | Path | None = None,
    features: str | None = None,
    seconds: float = 0.0,
    components: int = 256,
    scored: str | None = None,
    workers: int | None = None,
    progress: bool = True,
) -> tuple[Examples, str]:
    """Makes examples from a prepared dataset or a file of features.

    Args:
      dataset: the name of a prepared dataset.
      table: instead of it, a file of features, see `read_features`.
      sample_rate: of the dataset in Hz, if it holds audio.
      data_dir: the TFDS folder that holds the dataset.
      tracks: for a table, FMA's tracks.csv, see `read_features`.
      subset: for a table, see `read_features`.
      artists: an index, see `find_artists`. For tracks that it lacks, the dataset or the table
        gives the artists.
      features: of audio or arrays, see `describe_segments`; None: MFCC statistics for audio, bin
        statistics for arrays.
      seconds: for a dataset, length of segments; 0: whole tracks.
      components: of random projections.
      scored: for a dataset, the split to read besides training; "" is test, or validation if there
        is no test; None reads all.
      workers: processes; None starts some if there is much to do.
      progress: show progress bars.

    Returns:
      The examples, and the name of their features.

    Raises:
      UserError: the arguments do not fit together, or there is nothing to learn from.
    """
    if bool(dataset) == bool(table):
        raise UserError(
            "give one of `dataset`, a prepared one, and `table`, a file of features",
            code="argument.choose_one",
        )
    if table:
        if seconds:
            raise UserError(
                "`seconds` cuts the tracks of a dataset; the rows of a file are what they are",
                code="argument.not_applicable",
            )
        return _from_file(
            expand(table),
            tracks=_path(tracks),
            subset=subset,
            artists=_path(artists),
            features=features,
            components=components,
        )
    for name, value in (("tracks", tracks), ("subset", subset)):
        if value:
            raise UserError(
                f"`{name}` belongs to a table of features; leave it out for a dataset",
                code="argument.not_applicable",
            )
    assert dataset
    return _from_dataset(
        dataset,
        find_prepared(dataset, sample_rate=sample_rate, data_dir=data_dir),
        scored=scored,
        artists=_path(artists),
        features=features,
        seconds=seconds,
        how={"components": components, "workers": workers, "progress": progress},
    )


def _path(path: str | Path | None) -> Path | None:
    return expand(path) if path else None


def _from_file(
    path: Path,
    *,
    tracks: Path | None,
    subset: str | None,
    artists: Path | None,
    features: str | None,
    components: int,
) -> tuple[Examples, str]:
    table = read_features(path, tracks, subset=subset).in_order()
    table = table.with_artists(find_artists(artists, table.track_id))
    if not table.columns:
        features = features or "bin_statistics"
        return _from_pictures(table, features, components), _TITLES[features]
    if features:
        raise UserError(
            f"{path} is a table, whose columns are the features; leave `features` out, or choose "
            "columns (`feature_sets`)",
            code="argument.not_applicable",
        )
    return examples_of_table(table), path.stem


def _from_pictures(table: FeatureTracks, features: str, components: int) -> Examples:
    frames = int(np.median([len(picture) for picture in table.features]))
    values = describe_pictures(table.features, features, frames=frames, components=components)
    tracks = np.arange(len(values))
    spans = np.tile([0.0, 1.0], (len(values), 1))
    return make_examples(values, tracks, spans, **describe_tracks(table))


def _from_dataset(
    dataset: str,
    folder: Path,
    *,
    scored: str | None,
    artists: Path | None,
    features: str | None,
    seconds: float,
    how: dict[str, Any],
) -> tuple[Examples, str]:
    account = read_account(folder)
    names = list(account["tracks"])
    if scored is not None:
        scored = scored or ("test" if "test" in names else "validation")
        names = [name for name in names if name in ("train", scored)]
    opened = [open_tracks(folder, name, progress=how["progress"]) for name in names]
    splits = [usable_tracks(tracks, "single_label") for tracks in opened]
    pool = join_tracks(splits, "pool")
    units = make_units(pool, [split.split for split in splits for _ in range(len(split))])
    if told := find_artists(artists, units.track):
        merged = [new or own for new, own in zip(told, units.artist, strict=True)]
        units = dataclasses.replace(units, artist=merged)
        account["artists_in_several_splits"] = artists_parted(units, units.split)
        account["unknown"] = {"artist": unknown_artists(units)}
        pool = dataclasses.replace(pool, account=account)
    about: dict[str, Any] = {
        "tracks": units,
        "label": pool.label,
        "classes": pool.classes,
        "protocol": protocol_of(pool),
        "published": is_published(account),
    }
    if columns := tuple(account.get("columns", ())):
        if features or seconds:
            raise UserError(
                f"{dataset} holds a table; leave `features` and `seconds` out, or choose columns "
                "(`feature_sets`)",
                code="argument.not_applicable",
            )
        values = np.concatenate([pool.read(track) for track in range(len(pool))])
        frames = pool.cut(1)
        examples = make_examples(
            values, *_position(pool, frames), columns=columns, **about, length="rows of the table"
        )
        return examples, dataset.partition("/")[2]
    features = features or ("mfcc_statistics" if pool.kind == "waveform" else "bin_statistics")
    values, segments = _describe(splits, features, folder, seconds, **how)
    length = f"segments of {seconds:g} s" if seconds else "whole tracks"
    columns = find_recipe(features).columns if features in RECIPES else ()
    examples = make_examples(
        values, *_position(pool, segments), columns=columns, **about, length=length
    )
    there = np.isfinite(examples.features).all(axis=1)
    if missing := int((~there).sum()):
        warnings.warn(
            f"{missing} of {len(there)} segments of {dataset} have no {features} (are they "
            "silent?) and are left out",
            stacklevel=3,
        )
    return examples.select(there), _TITLES[features]


def _describe(
    splits: Sequence[Tracks],
    features: str,
    folder: Path,
    seconds: float,
    components: int,
    workers: int | None,
    progress: bool,
) -> tuple[np.ndarray, Tracks]:
    """Features of the segments of all splits, each computed and kept on its own."""
    parts = [_cut(split, seconds) for split in splits]
    segments = join_tracks(parts, "pool")
    steps = int(np.median(segments.length))
    size = f"_{components}_{steps}" if features == "random_projection" else ""
    values = [
        describe_segments(
            part,
            features,
            folder / "cache" / f"{part.split}.{features}{size}_{seconds:g}s.npz",
            steps=steps,
            components=components,
            workers=workers,
            progress=progress,
        )
        for part in parts
    ]
    return np.concatenate(values), segments


def _cut(tracks: Tracks, seconds: float) -> Tracks:
    """Consecutive segments; whole tracks for 0 seconds."""
    if not seconds:
        return tracks
    if (steps := round(seconds * tracks.rate)) < 1:
        raise UserError(
            f"segments of {seconds:g} s are less than a frame of the dataset; give more",
            code="segment.too_short",
        )
    return tracks.cut(steps)


def _position(pool: Tracks, segments: Tracks) -> tuple[np.ndarray, np.ndarray]:
    """The track of every segment, and where it lies in it: [segments], [segments, 2] seconds."""
    position = {name: row for row, name in enumerate(pool.track_id.tolist())}
    of_track = np.array([position[name] for name in segments.track_id.tolist()])
    ends = np.stack([segments.offset, segments.offset + segments.length], axis=1)
    return of_track, ends / pool.rate
