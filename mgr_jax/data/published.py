"""Published lists of splits, and known copies of the tracks on them: tables in `third_party`.

A list is a file `third_party/splits/<name>.csv` with the columns track and split. A file
`third_party/copies/<name>.csv` with the columns track and copy_of may name tracks on no list that
hold the same recording as a listed one. A new list is found by its name everywhere: as splits of a
dataset and as a protocol.
"""

import csv
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mgr_jax.data import SPLITS
from mgr_jax.errors import UserError, unknown_name
from mgr_jax.third_party import third_party_path


def list_names() -> tuple[str, ...]:
    """Names of the published lists, such as fault_filtered."""
    return tuple(sorted(path.stem for path in third_party_path("splits").glob("*.csv")))


def read_list(name: str) -> dict[str, str]:
    """Reads a published list.

    Returns:
      The split (train, validation or test) of each of its tracks.

    Raises:
      UserError: there is no list of this name.
    """
    if name not in list_names():
        raise unknown_name("published list of splits", name, list_names())
    with third_party_path(f"splits/{name}.csv").open(newline="", encoding="utf-8") as file:
        return {row["track"]: row["split"] for row in csv.DictReader(file)}


def assign_published(name: str, track_ids: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Looks up tracks in a published list; a track may be named several times.

    Args:
      name: name of the list.
      track_ids: names as in the list.

    Returns:
      The split of each track, empty for a track on no list, and the account of it for
      protocol.json.

    Raises:
      UserError: there is no such list, or none of the tracks is on its train list.
    """
    lists, title = read_list(name), name.replace("_", "-")
    assigned = [lists.get(track, "") for track in track_ids]
    expected = Counter(lists.values())
    found = Counter(lists[track] for track in set(track_ids) & lists.keys())
    counts = ", ".join(f"{found[split]} of {expected[split]} {split}" for split in SPLITS)
    if not found["train"]:
        raise UserError(
            f"the {title} lists cannot be used: of their tracks there are {counts}; add the "
            "missing ones or choose other splits",
            code="protocol.missing_tracks",
        )
    if found.total() < len(lists):
        warnings.warn(f"of the {title} tracks there are {counts}", stacklevel=3)
    return assigned, {
        "split_by": ["track"],
        "given": True,
        "complete": False,
        "fractions": None,
        "seed": None,
        "unlisted": assigned.count(""),
    }


def copies_of_scored(track_ids: Iterable[str]) -> dict[str, str]:
    """Finds training tracks that are copies of tracks that a published list scores.

    Tracks on no published list seem free for training, but some hold the same recording as a test
    track; training on them is training on the test set. For GTZAN four are known, for example
    pop.00067, which is pop.00071. Call this with the names of the training tracks, and tell the
    user if the result is not empty.

    Args:
      track_ids: names of training tracks. Folders and what follows the name (an audio suffix, the
        number of a segment) do not matter: "pop/pop.00067.wav" is known as pop.00067.

    Returns:
      The scored track by copy, under the name that was given, in order.
    """
    known: dict[str, str] = {}
    for name in list_names():
        path = third_party_path("copies") / f"{name}.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                known |= {row["track"]: row["copy_of"] for row in csv.DictReader(file)}
    found = {}
    for track in track_ids:
        plain = track.replace("\\", "/").rpartition("/")[2]
        for copy, original in known.items():
            if plain == copy or plain.startswith(f"{copy}."):
                found[track] = original
    return found


def copies_sentence(copies: dict[str, str]) -> str:
    """The result of `copies_of_scored` as one sentence."""
    pairs = ", ".join(f"{track} of {original}" for track, original in copies.items())
    return (
        f"{len(copies)} of the training tracks are copies of tracks that published lists score "
        f"({pairs}); leave them out, or do not score a model trained on them on those lists"
    )
