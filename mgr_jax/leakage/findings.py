"""All findings of an audit, and the sentences that report them."""

from typing import Any

from mgr_jax.audio.fingerprint import Scheme
from mgr_jax.audio.notes import first_of_each, some_reasons
from mgr_jax.data.feature_files import track_names
from mgr_jax.data.published import copies_of_scored, copies_sentence
from mgr_jax.leakage.crossing import audit_splits
from mgr_jax.leakage.duplicates import find_duplicates
from mgr_jax.leakage.material import Material


def find_leaks(
    material: Material, scheme: Scheme, *, workers: int, progress: bool
) -> dict[str, Any]:
    """Looks for everything that is on both sides of a split.

    Args:
      material: the tracks to audit.
      scheme: how audio is compared.
      workers: processes that decode audio; 0: this one.
      progress: show bars.

    Returns:
      The fields of `mgr_jax.runs.auditing.Audit` by name, ready for JSON.
    """
    m = material
    splits = audit_splits(m.names, m.splits, m.artists, m.groups) if any(m.splits) else None
    duplicates, unreadable, notes = find_duplicates(m, scheme, workers=workers, progress=progress)
    copies = _copies(m)
    crosses = {}
    if splits:
        counts = {name: len(splits["columns"][name]["crossing"]) for name in m.apart}
        crosses = {name: count for name, count in counts.items() if count}
    if across := sum(pair["across"] for pair in duplicates["pairs"]):
        crosses[duplicates["what"]] = across
    # If the scored track is here too, in another split, the two may have been found above.
    short = dict(zip(m.names, track_names(m.names), strict=True))
    sides = dict(zip(short.values(), m.splits, strict=True))
    told = {
        frozenset((short[pair["first"]], short[pair["second"]]))
        for pair in duplicates["pairs"]
        if pair["across"]
    }
    untold = [
        copy
        for copy, original in copies.items()
        if sides.get(original) != "train" and frozenset((short[copy], original)) not in told
    ]
    if splits and untold:
        crosses["copy of a track on a published list"] = len(untold)
    found = {
        "source": m.source,
        "crosses": crosses,
        "splits": splits,
        "apart": m.apart,
        "copies": copies,
        "unreadable": unreadable,
        "notes": notes,
        "duplicates": duplicates,
    }
    return {"summary": _summarise(found, m), **found}


def _copies(material: Material) -> dict[str, str]:
    """Training tracks that are copies of tracks that a published list scores, with the latter.

    Without splits, all tracks may be training tracks.
    """
    known = any(material.splits)
    pairs = zip(material.names, material.splits, strict=True)
    return copies_of_scored([name for name, split in pairs if split == "train" or not known])


def _summarise(found: dict[str, Any], material: Material) -> tuple[str, ...]:
    splits, tracks = found["splits"], len(material.names)
    if splits:
        counts = (f"{n} {split or 'in no split'}" for split, n in splits["tracks"].items())
        lines = [f"{', '.join(counts)} tracks"]
    else:
        lines = [f"{tracks} tracks without splits: only pairs are reported"]
    for name in found["apart"] if splits else ():
        column = splits["columns"][name]
        if column["known"]:
            lines.append(
                f"{name}: {len(column['crossing'])} of {column['values']} are in several splits "
                f"(known of {column['known']} of {tracks} tracks)"
            )
    if not any(material.artists):
        lines.append("artist: unknown, so artists in several splits cannot be found")
    if found["copies"]:
        lines.append(copies_sentence(found["copies"]))
    duplicates = found["duplicates"]
    across = sum(pair["across"] for pair in duplicates["pairs"])
    concerned = ", ".join(f"{n} of {split}" for split, n in duplicates["affected"].items())
    lines.append(
        f"same {duplicates['what']}: pairs of tracks, {across} across splits"
        f"{f' (affected tracks: {concerned})' if across else ''}, "
        f"{len(duplicates['pairs']) - across} others"
    )
    lines.append(duplicates["method"])
    if unreadable := len(found["unreadable"]):
        lines.append(f"{unreadable} tracks cannot be read and were left out")
    if noted := len(found["notes"]):
        first = some_reasons(first_of_each(found["notes"]))
        lines.append(f"{noted} tracks were compared with a warning ({first})")
    return tuple(lines)
