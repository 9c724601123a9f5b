"""Finds equal tracks: rows of features bit for bit, or recordings by their fingerprints."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from mgr_jax.audio.fingerprint import Scheme, compare_candidates
from mgr_jax.leakage.crossing import Pair, audit_pairs, identical_rows
from mgr_jax.leakage.fingerprints import fingerprint_all
from mgr_jax.leakage.material import Material
from mgr_jax.workers import Failure


def find_duplicates(
    material: Material, scheme: Scheme, *, workers: int, progress: bool
) -> tuple[dict[str, Any], dict[str, str], dict[str, list[str]]]:
    """Finds pairs of equal tracks.

    Args:
      material: the tracks; their audio is compared if there is any, else their rows.
      scheme: how audio is compared.
      workers: processes that decode audio; 0: this one.
      progress: show bars.

    Returns:
      Three dicts. The findings: `what` was compared and by which `method`; the `pairs` of tracks by
      name, with their splits, whether these differ (`across`), and where the tracks are equal;
      `between` and `affected`, see `audit_pairs`; for audio also the `limit` of the bit error rate
      of a duplicate, and the `bit_error_rates` of all compared pairs. The unreadable tracks: the
      reason by name. The warnings about other tracks, by name.
    """
    if material.audio is None:
        return _same_rows(material), {}, {}
    return _same_audio(material, scheme, workers, progress)


def _same_rows(material: Material) -> dict[str, Any]:
    matches = identical_rows(material.rows or [])
    places = [{"first_at": match.row_first, "second_at": match.row_second} for match in matches]
    return {
        "what": "features",
        "method": "features are compared bit for bit; of a pair the first identical row is given",
        **_describe(matches, places, material),
    }


def _same_audio(
    material: Material, scheme: Scheme, workers: int, progress: bool
) -> tuple[dict[str, Any], dict[str, str], dict[str, list[str]]]:
    assert material.audio is not None
    assert material.store is not None
    found, told = fingerprint_all(
        material.audio, scheme, material.store, workers=workers, progress=progress
    )
    results = list(enumerate(found.values()))
    unreadable = {
        material.names[row]: result.reason for row, result in results if isinstance(result, Failure)
    }
    usable = [(row, result) for row, result in results if not isinstance(result, Failure)]
    rows = [row for row, _ in usable]
    compared = [
        dataclasses.replace(match, first=rows[match.first], second=rows[match.second])
        for match in compare_candidates([words for _, words in usable], scheme, progress=progress)
    ]
    limit = scheme.max_bit_error_rate
    matches = [match for match in compared if match.bit_error_rate <= limit]
    places = [
        {
            "first_at": round(match.start_first, 3),
            "second_at": round(match.start_second, 3),
            "seconds": round(match.seconds, 3),
            "bit_error_rate": round(match.bit_error_rate, 4),
        }
        for match in matches
    ]
    duplicates = {
        "what": "recording",
        "method": f"recordings are compared by {scheme.name} fingerprints if they share words "
        f"at one time offset ({len(compared)} pairs of tracks); two are equal if the bit error "
        f"rate is at most {limit:g} over {scheme.min_seconds:g} s or more, or over the whole "
        "of a shorter track",
        "limit": limit,
        "bit_error_rates": [round(match.bit_error_rate, 4) for match in compared],
        **_describe(matches, places, material),
    }
    notes = {n: told[k] for n, k in zip(material.names, found, strict=True) if k in told}
    return duplicates, unreadable, notes


def _describe(
    matches: Sequence[Pair], places: Sequence[dict[str, Any]], material: Material
) -> dict[str, Any]:
    """The pairs by name, and the number of affected tracks by split."""
    sides = audit_pairs(matches, material.splits)
    across = set(sides["across"])
    pairs = [
        {
            "first": material.names[match.first],
            "first_split": material.splits[match.first],
            "second": material.names[match.second],
            "second_split": material.splits[match.second],
            "across": row in across,
            **place,
        }
        for row, (match, place) in enumerate(zip(matches, places, strict=True))
    ]
    return {"pairs": pairs, "between": sides["between"], "affected": sides["affected"]}
