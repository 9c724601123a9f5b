"""TFDS builder for files of features."""

import dataclasses
import functools
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.data import SPLITS
from mgr_jax.data.artists import find_artists
from mgr_jax.data.cache import digest
from mgr_jax.data.feature_files import FeatureTracks, read_features
from mgr_jax.data.named_splits import split_names, split_tracks
from mgr_jax.data.records import LoadedTrack, Record, Track, array_records
from mgr_jax.data.splits import crossing, require_given_splits, require_two_genres
from mgr_jax.data.track_builder import Plan, TrackBuilder
from mgr_jax.errors import UserError, unknown_name


@dataclasses.dataclass
class FeatureArrayConfig(tfds.core.BuilderConfig):
    """The file of features, and how it is split.

    Attributes:
      file: see `read_features`.
      frame_rate: frames per second (rows per second of a table); with 1, positions in the
        predictions table count frames.
      splits: "stratified", "artist" or a published list, see `split_tracks`; or "given", by the
        file.
      tracks: a dataset's table of tracks, see `read_features`.
      subset: a subset of these tracks, see `read_features`.
      artists: an index of artists; tracks that it lacks keep the artists of the file.
      fractions: shares of train, validation and test, if the splits are made here.
      seed: seed of the split.
    """

    file: Path = Path()
    frame_rate: float = 1.0
    splits: str = "stratified"
    tracks: Path | None = None
    subset: str | None = None
    artists: Path | None = None
    fractions: tuple[float, float, float] = (0.7, 0.15, 0.15)
    seed: int = 0


class Builder(TrackBuilder):
    """Stores the tracks of a file as `features` examples, one record each."""

    PAYLOAD = "features"
    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (the name is TFDS's)
    HOMEPAGE = "mgr_jax/data/feature_array/README.md"
    LICENSE = "That of the owners of the audio."

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> FeatureArrayConfig:
        """See TrackBuilder.

        Args:
          name: see TrackBuilder.
          variant: see TrackBuilder.
          **options: see TrackBuilder.
        """
        del variant
        told = {"file" if key == "features" else key: value for key, value in options.items()}
        return FeatureArrayConfig(name=name, description="A file of feature arrays.", **told)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Reads the file and splits its tracks; see TrackBuilder.

        Raises:
          UserError: the file cannot be used, or its tracks cannot be split.
        """
        del manual_dir  # the config names the file
        config = self.builder_config
        if not 0 < config.frame_rate < float("inf"):
            raise UserError(
                f"`frame_rate` is {config.frame_rate}; it must be positive",
                code="argument.out_of_range",
            )
        table = read_features(config.file, config.tracks, subset=config.subset)
        if not table.published:
            table.require_labels()
        table = table.with_artists(find_artists(config.artists, table.track_id))
        contents = {t: digest(f) for t, f in zip(table.track_id, table.features, strict=True)}
        former = {"source": _source(table, contents)}  # version 0.1.0 did not change them
        table = table.in_order()
        digests = [contents[track] for track in table.track_id]
        count = Counter(digests)
        twins = [name if count[name] > 1 else "" for name in digests]
        splits, protocol = _split(table, twins, config)

        tracks: dict[str, list[Track]] = {split: [] for split in SPLITS if split in splits}
        columns = (table.track_id, table.label, table.features, table.artist, splits)
        named = {**table.groups, "identical": twins}
        for row, (track, label, frames, artist, split) in enumerate(zip(*columns, strict=True)):
            if split:
                groups = {name: values[row] for name, values in named.items() if values[row]}
                load = functools.partial(LoadedTrack, frames)
                tracks[split].append(Track(track, label, load, artist, groups))
        return Plan(
            tracks,
            protocol
            | {
                "source": _source(table, contents),
                "columns": list(table.columns),
                "frame_rate": config.frame_rate,
            },
            former=former,
        )

    def make_records(self) -> Callable[[Track], tuple[LoadedTrack, list[Record]]]:
        """See TrackBuilder."""
        return array_records

    def format(self) -> dict[str, Any]:
        """See TrackBuilder."""
        assert self.planned is not None
        frames = self.planned.tracks["train"][0].load().data
        return {
            "kind": "features",
            "rate": self.builder_config.frame_rate,
            "dtype": frames.dtype.name,
            "item_shape": list(frames.shape[1:]),
        }


def _source(table: FeatureTracks, contents: Mapping[str, str]) -> str:
    """A digest of all that a table says."""
    first = table.features[0]
    listing = [
        first.dtype.name,
        first.shape[1:],
        table.columns,
        *zip(table.track_id, table.label, strict=True),
        *(
            *table.artist,
            *table.split,
            *map(contents.__getitem__, table.track_id),
            *table.groups.values(),
        ),
    ]
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def _split(
    table: FeatureTracks, twins: Sequence[str], config: FeatureArrayConfig
) -> tuple[list[str], dict[str, Any]]:
    """Splits tracks; those with identical features stay in one split.

    Returns:
      The split of every track, empty for a track on no list, and the account of it for
      protocol.json.

    Raises:
      UserError: unknown splits, or splits that these tracks do not allow.
    """
    if config.splits not in (known := (*split_names(), "given")):
        raise unknown_name("way to split features", config.splits, known)
    artists = table.artist if any(table.artist) else None
    if config.splits != "given":
        if told := sum(map(bool, table.split)):
            warnings.warn(
                f"{table.path} gives {told} of {len(table.split)} tracks a split, which is not "
                f"used, since splits are {config.splits}; `splits=given` takes the file's",
                stacklevel=2,
            )
        return split_tracks(
            table.track_id,
            table.label,
            splits=config.splits,
            artists=artists,
            fractions=config.fractions,
            seed=config.seed,
            identical=twins,
        )
    assigned = _given(table, twins)
    crossed = len(crossing(table.artist, assigned))
    if crossed:
        warnings.warn(f"{crossed} artists are in several given splits", stacklevel=2)
    return assigned, {
        "splits": "official" if table.published else "given",
        "split_by": ["artist" if table.published and not crossed else "track"],
        "given": True,
        "fractions": None,
        "seed": None,
        "unknown": {"artist": artists.count("")} if artists else {},
        "artists_in_several_splits": crossed if artists else None,
        "identical_files": sum(map(bool, twins)),
        **({"complete": False} if table.published else {}),
    }


def _given(table: FeatureTracks, twins: Sequence[str]) -> list[str]:
    require_two_genres([label for label in table.label if label])
    table.require_splits(of_all=True)
    require_given_splits(str(table.path), table.split)
    if crossed := crossing(twins, table.split):
        same = [t for t, twin in zip(table.track_id, twins, strict=True) if twin in crossed]
        what = f"{table.path} holds the same features in several splits ({', '.join(same[:3])})"
        if not table.published:
            raise UserError(
                f"{what}; put them into one, or remove all but one copy", code="split.overlap"
            )
        warnings.warn(f"{what}, as they are published", stacklevel=3)
    return list(table.split)
