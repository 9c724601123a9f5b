"""TFDS builder for FMA."""

import dataclasses
import functools
import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from mgr_jax.audio.io import Limits
from mgr_jax.data.archives import content_marks, file_sizes
from mgr_jax.data.audio_builder import AudioBuilder, AudioConfig
from mgr_jax.data.fma.metadata import Row, genre_tags, read_genres, read_tracks
from mgr_jax.data.fma.published import HOMEPAGE, NO_AUDIO, SHORT, SUBSETS
from mgr_jax.data.fma.sources import check_sha1, find_clips, find_sources, missing
from mgr_jax.data.identical import identical_files, tell_of_twins
from mgr_jax.data.records import LoadedTrack, Track, load_member, refuse
from mgr_jax.data.sources import SourceFile
from mgr_jax.data.splits import SPLITS, crossing
from mgr_jax.data.track_builder import Plan
from mgr_jax.errors import unknown_name

_ISSUES = f"{HOMEPAGE}/issues"
_MISSING = "{} holds no file of track {}; complete it"
_MAX_LOST = 0.1  # a few deleted clips are skipped; if more are missing, unpacking has failed


@dataclasses.dataclass
class FmaConfig(AudioConfig):
    """The tracks to store.

    Attributes:
      subset: small, medium, large or full.
      allow_other_checksum: accept archives whose SHA-1 is not the published one.
      allow_missing: accept any number of missing clips.
    """

    subset: str = "small"
    allow_other_checksum: bool = False
    allow_missing: bool = False


class Builder(AudioBuilder):
    """The clips of a subset; the label is the root genre, the tags are all genres."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012 (the name is TFDS's)
    HOMEPAGE = HOMEPAGE
    LICENSE = "Metadata CC BY 4.0; audio under the licence each artist chose."
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        f"manual_dir holds fma_metadata.zip and fma_<subset>.zip of {HOMEPAGE}, or their "
        "unpacked folders."
    )

    @classmethod
    def make_config(cls, *, name: str, variant: str, **options: Any) -> FmaConfig:
        """See TrackBuilder.

        Args:
          name: see TrackBuilder.
          variant: see TrackBuilder.
          **options: see TrackBuilder.
        """
        return FmaConfig(name=name, subset=variant, description=f"FMA {variant}.", **options)

    def plan(self, manual_dir: Path | None) -> Plan:
        """Reads the metadata and finds the clips; see TrackBuilder.

        Raises:
          UserError: files are missing, or their clips are of one genre.
        """
        assert manual_dir is not None
        config = self.builder_config
        if config.subset not in SUBSETS:
            raise unknown_name("FMA subset", config.subset, SUBSETS)
        metadata, audio = find_sources(
            manual_dir, config.subset, allow_missing=config.allow_missing
        )
        checksum = {
            path.name.lower(): check_sha1(
                path, allow_other=config.allow_other_checksum, progress=self.progress
            )
            for path in (metadata, audio)
        }
        rows = read_tracks(metadata, config.subset)
        vocabulary, tags = genre_tags(rows, read_genres(metadata))
        clips = find_clips(audio)
        names = {row.track_id: clips[row.track_id] for row in rows if row.track_id in clips}
        lost = len(rows) - len(names)
        if lost > _MAX_LOST * len(rows) and not (config.allow_missing and names):
            what = f"{lost} of the {len(rows)} clips"
            raise missing(manual_dir, config.subset, what, some_there=bool(names))
        genres = {row.genre for row in rows if row.genre and row.track_id in names}
        if len(genres) < 2:
            warnings.warn(
                f"the {len(names)} clips in {audio} are of one genre ({', '.join(genres)}); a "
                "classifier needs at least two genres",
                stacklevel=2,
            )
        marks = content_marks(audio)
        twins = identical_files(
            audio,
            {name: marks[name] for name in names.values()},
            max_expansion=self.limits.max_expansion,
        )
        tell_of_twins(audio, twins, {names.get(row.track_id, ""): row.genre for row in rows})
        tracks: dict[str, list[Track]] = {split: [] for split in SPLITS}
        for row in rows:
            name = names.get(row.track_id, "")
            groups = {"album": row.album, "subset": row.subset, "identical": twins.get(name, "")}
            tracks[row.split].append(
                Track(
                    track_id=str(row.track_id),
                    label=row.genre,
                    load=_loader(row.track_id, audio, name, config, self.limits),
                    artist_id=row.artist,
                    groups={key: value for key, value in groups.items() if value},
                    tags=tags[row.track_id],
                    file=SourceFile(audio, name) if name else None,
                )
            )
        left_out = _leave_out(tracks, audio) if config.allow_missing else {}
        splits = [row.split for row in rows]
        across = list(
            crossing([twins.get(names.get(row.track_id, ""), "") for row in rows], splits)
        )
        if across:
            warnings.warn(
                f"the published splits part {len(across)} groups of identical files", stacklevel=2
            )
        sizes = file_sizes(audio)
        listing = [
            [*dataclasses.astuple(row), sizes.get(names.get(row.track_id, ""))] for row in rows
        ]
        protocol = {
            "source": hashlib.sha256(json.dumps(listing).encode()).hexdigest(),
            "checksum": checksum,
            "identical_files": len(twins),
            "identical_across": across,
            "short": {
                str(row.track_id): SHORT[row.track_id]
                for row in rows
                if row.track_id in SHORT and config.subset != "full"
            },
        }
        return Plan(tracks, _split_protocol(rows) | protocol, vocabulary, left_out)


def _leave_out(tracks: dict[str, list[Track]], audio: Path) -> dict[str, str]:
    """Removes the splits without any clip, except train; returns the reason by track."""
    left_out: dict[str, str] = {}
    for split in ("validation", "test"):
        if tracks[split] and not any(track.file for track in tracks[split]):
            warnings.warn(f"{audio} holds no clip of the {split} split", stacklevel=3)
            left_out |= {t.track_id: _MISSING.format(audio, t.track_id) for t in tracks.pop(split)}
    return left_out


def _loader(
    track_id: int, audio: Path, name: str, config: FmaConfig, limits: Limits
) -> functools.partial[LoadedTrack]:
    if track_id in NO_AUDIO and config.subset != "full":
        reason = f"the clip of track {track_id} is published without audio ({_ISSUES}/44)"
    elif not name:
        reason = _MISSING.format(audio, track_id)
    else:
        return functools.partial(load_member, audio, name, config.sample_rate, limits, audio)
    return functools.partial(refuse, reason)


def _split_protocol(rows: list[Row]) -> dict[str, Any]:
    artists = [row.artist for row in rows]
    several = crossing(artists, [row.split for row in rows])
    if several:
        warnings.warn(
            f"{len(several)} artists are in more than one of the published splits", stacklevel=3
        )
    return {
        "splits": "official",
        "split_by": ["artist"],
        "given": True,
        "complete": False,
        "fractions": None,
        "seed": None,
        "unknown": {"artist": artists.count("")},
        "artists_in_several_splits": len(several),
    }
