"""The ways to split GTZAN: by published lists, by track, or by artist."""

import csv
import io
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mgr_jax.data.splits import SPLITS, assign_splits, crossing, join_groups
from mgr_jax.data.third_party import third_party_file
from mgr_jax.errors import UserError, unknown_name

SPLIT_NAMES = ("fault_filtered", "stratified", "artist")


def split_tracks(
    track_ids: Sequence[str],
    genres: Sequence[str],
    *,
    splits: str,
    artists: Sequence[str] | None,
    fractions: Sequence[float],
    seed: int,
    identical: Sequence[str],
) -> tuple[list[str], dict[str, Any]]:
    """Splits tracks, those of GTZAN or (but for its lists) any others.

    Args:
      track_ids: such as blues.00000.
      genres: of each track.
      splits: "fault_filtered", the lists of Kereliuk, Sturm and Larsen (Deep Learning and Music
        Adversaries, 2015); "stratified", by track; "artist", by artist.
      artists: of each track, empty where unknown; None where nothing is known of artists. The
        artist splits need them; of the others they tell how many stand in several splits.
      fractions: shares of train, validation and test; not used by the lists.
      seed: of the split; not used by the lists.
      identical: a common name for byte-identical files, empty for others. They stay on one side,
        except where the lists part them.

    Returns:
      The split of each track, empty for a track on no list, and the account of it that
      protocol.json keeps.

    Raises:
      UserError: unknown splits, no artists to split by, no track on the lists, or a genre that
        cannot be divided.
    """
    if splits not in SPLIT_NAMES:
        raise unknown_name("way to split GTZAN", splits, SPLIT_NAMES)
    if splits == "artist" and artists is None:
        raise UserError(
            "splitting GTZAN by artist needs an index of its artists; give --artists the file "
            "index.txt of https://github.com/boblsturm/GTZAN, or a CSV with columns track, artist"
        )
    names = artists or [""] * len(track_ids)
    if splits == "fault_filtered":
        assigned, made = read_lists(track_ids)
    else:
        by = "artist" if splits == "artist" else "track"
        assigned = assign_splits(
            genres,
            join_groups([identical, names] if by == "artist" else [identical]),
            fractions=dict(zip(SPLITS, fractions, strict=True)),
            seed=seed,
            group_name=by,
            advice="choose other splits",
        )
        made = {"split_by": [by], "given": False, "fractions": list(fractions), "seed": seed}

    def parted(groups: Sequence[str]) -> list[str]:
        kept = [group if split else "" for group, split in zip(groups, assigned, strict=True)]
        return list(crossing(kept, assigned))

    if artists_parted := len(parted(names)):
        warnings.warn(f"{artists_parted} artists stand in several {splits} splits", stacklevel=2)
    twins = {
        name: [track for track, other in zip(track_ids, identical, strict=True) if other == name]
        for name in sorted(set(identical) - {""})
    }
    across = [twins[name] for name in parted(identical)]
    if across:  # the lists are published, and so kept as they are
        warnings.warn(
            f"the {splits} splits part identical files: {'; '.join(map(', '.join, across))}",
            stacklevel=2,
        )
    return assigned, {
        "splits": splits,
        **made,
        "unknown": {"artist": names.count("")} if artists else {},
        "artists_in_several_splits": artists_parted if artists else None,
        "identical_files": sum(map(bool, identical)),
        "identical": list(twins.values()),
        "identical_across": across,
    }


def read_lists(track_ids: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Looks tracks up in the fault-filtered lists; a track may be named several times.

    Returns:
      The split of each track, empty for a track on no list, and the account that protocol.json
      keeps.

    Raises:
      UserError: none is on the list of train.
    """
    with third_party_file("gtzan_fault_filtered.csv").open(newline="") as file:
        lists = {row["track"]: row["split"] for row in csv.DictReader(file)}
    assigned = [lists.get(track, "") for track in track_ids]
    expected, found = (
        Counter(lists.values()),
        Counter(lists[track] for track in set(track_ids) & lists.keys()),
    )
    counts = ", ".join(f"{found[split]} of {expected[split]} {split}" for split in SPLITS)
    if not found["train"]:
        raise UserError(
            f"the fault-filtered lists of GTZAN cannot be used: of their tracks there are {counts};"
            " add the missing ones or choose other splits"
        )
    if found.total() < len(lists):
        warnings.warn(f"of the fault-filtered tracks there are {counts}", stacklevel=3)
    return assigned, {
        "split_by": ["track"],
        "given": True,
        "complete": False,
        "fractions": None,
        "seed": None,
        "unlisted": assigned.count(""),
    }


def find_artists(path: Path | None, track_ids: Sequence[str]) -> list[str] | None:
    """Looks up the artist of each track in an index, see `read_artists`; None without one.

    Raises:
      UserError: the index cannot be read, or knows none of the tracks.
    """
    if path is None:
        return None
    artist_of = read_artists(path)
    artists = [artist_of.get(track, "") for track in track_ids]
    if not any(artists):
        raise UserError(
            f"{path} gives no artist for any of the {len(track_ids)} tracks; its tracks must be "
            "named like blues.00000"
        )
    return artists


def read_artists(path: Path) -> dict[str, str]:
    """Reads who plays each track; empty where that is unknown.

    Args:
      path: a CSV file with the columns track and artist, or index.txt of
        https://github.com/boblsturm/GTZAN (lines of `track.wav ::: artist ::: title`).

    Raises:
      UserError: there is no such file, or it is of neither form.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if ":::" in text:
            lines = [line.split(":::") for line in text.splitlines() if ":::" in line]
            return {track.strip().removesuffix(".wav"): name.strip() for track, name, *_ in lines}
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        rows = list(reader)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the path") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is not a UTF-8 CSV file ({error}); save it as one") from error
    if missing := {"track", "artist"} - set(reader.fieldnames or ()):
        raise UserError(
            f"{path} has no column '{sorted(missing)[-1]}'; an index of artists has the columns "
            "track and artist"
        )
    return {row["track"].strip(): (row["artist"] or "").strip() for row in rows}
