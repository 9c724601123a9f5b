"""Reads results of versions in which a protocol was a sentence.

Until 0.1.0 a result held its protocol only as text. Only this module parses such a text.
"""

import re
from typing import Any

from mgr_jax.evaluation.protocol import KFOLDS, LEAK_OF_ROWS, LEAKING, SPLITS, Protocol

_FOLDS = re.compile(
    rf"(?P<name>{'|'.join(KFOLDS)})(?: \(LEAKS: [^)]*\))?, "
    r"(?:fold (?P<fold>\d+) of|all) (?P<folds>\d+) folds(?: of (?P<splits>[\w ]+?))?, "
    r"fitted on (?P<fitted>\d+)"
)
_SEEDS = re.compile(r", seeds? (\d+)(?: to (\d+))?")
_CROSSING = re.compile(r"(\d+) artists? on several sides")
_UNKNOWN = re.compile(r"(\d+) items? of unknown artist")
_LEAK = re.compile(r"; ([^;]* as an input LEAKS: [^;]*)$")
_LENGTH = ("whole tracks", "segments of ", "rows of the table", "tracks by the mean of ")


def protocol_of_sentence(sentence: str) -> Protocol:
    """The protocol that a sentence of version 0.1.0 describes."""
    leak = _LEAK.search(sentence)
    text = sentence[: leak.start()] if leak else sentence
    seeds = _SEEDS.search(text)
    text = _SEEDS.sub("", text)
    head, comma, segments = text.rpartition(", ")
    if not comma or not segments.startswith(_LENGTH):
        head, segments = text, "whole tracks"
    folds = _FOLDS.match(head)
    crossing, unknown = _CROSSING.search(head), _UNKNOWN.search(head)
    fields: dict[str, Any] = {
        "segments": segments,
        "seeds": tuple(range(int(seeds[1]), int(seeds[2] or seeds[1]) + 1)) if seeds else (),
        "crossing_artists": int(crossing[1]) if crossing else 0 if unknown else None,
        "unknown_artists": int(unknown[1]) if unknown else 0 if crossing else None,
        "leaks": (leak[1].replace(" LEAKS:", ":"),) if leak else (),
    }
    if not folds:
        plain = head.partition(", with ")[0]
        if re.fullmatch(r"\w+", plain):
            return Protocol(name=plain, **fields)
        return Protocol(name="dataset", origin=plain, **fields)
    name = folds["name"]
    if name in LEAKING:
        fields["leaks"] = (LEAK_OF_ROWS, *fields["leaks"])
    return Protocol(
        name=name,
        folds=int(folds["folds"]),
        fold=int(folds["fold"]) if folds["fold"] else None,
        parts=int(folds["folds"]) + 1 - int(folds["fitted"]),
        splits=tuple(folds["splits"].split(" and ")) if folds["splits"] else SPLITS,
        unit="segment" if name in LEAKING else "track",
        **fields,
    )
