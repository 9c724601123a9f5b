"""Spellings of genres: equal names are joined, similar ones are reported."""

import re
import unicodedata
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from mgr_jax.errors import some_names

# Invisible characters that Unicode does not class as format or control characters: joiners,
# fillers of Hangul, vowels of Khmer and variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Letters that look like another one, which Unicode's forms keep apart.
_SAME_PICTURE = str.maketrans("авекмнорстухіјѕαικνορøłđı", "abekmhopctyxijsaikvopoldi")
# What pandas, SQL, R and Excel write for missing values.
_NOTHING = {"nan", "none", "null", "na", "n/a", "<na>", "#n/a"}
_ACCENTS = 200  # combining classes from here on; below are signs that make another letter


def join_alike(labels: Sequence[str], where: str) -> list[str]:
    """Gives genres of the same name one spelling, with a warning.

    Names are the same if they differ only in case, white space, Unicode form or invisible
    characters. The spelling is the most frequent one, among equals the first. Names that merely
    look alike, such as hip-hop and hiphop, stay apart; a second warning lists them. A third warns
    of genres that are placeholders for missing values, such as nan.

    Args:
      labels: the genre of each track; an empty one is unknown and stays so.
      where: what holds them, for the warnings.

    Returns:
      The genre of each track, tidied.
    """
    joined = join_spellings(labels)
    if told := _describe_joined(dict(zip(labels, joined, strict=True))):
        warnings.warn(
            f"{where}: genres that differ only in case, spaces or Unicode form are one: {told}",
            stacklevel=2,
        )
    if odd := sorted(name for name in set(joined) if stands_for_nothing(name)):
        count, told = sum(map(odd.count, joined)), some_names(map(repr, odd))
        warnings.warn(
            f"{where}: {count} tracks have the genre {told}, as programs write where there is "
            "none; leave it empty where it is unknown",
            stacklevel=2,
        )
    for names in _group(dict.fromkeys(joined), alike_key).values():
        if len(names) > 1:
            warnings.warn(
                f"{where}: genres {some_names(map(repr, names))} look alike; if they are one, "
                "give them one name",
                stacklevel=2,
            )
    return joined


def join_spellings(names: Sequence[str]) -> list[str]:
    """Gives names that differ only in case, white space or Unicode form one spelling.

    Unlike `join_alike` it does not warn: it is for artists, of whom there are many.
    """
    tidy = {name: tidy_name(name) for name in dict.fromkeys(names)}
    tracks = Counter(tidy[name] for name in names)  # in the order of the names
    chosen = {
        spelling: max(spellings, key=tracks.__getitem__)
        for spellings in _group(tracks, same_key).values()
        for spelling in spellings
    }
    return [chosen[tidy[name]] for name in names]


def tidy_name(name: str) -> str:
    """A name in Unicode's form NFC, without invisible characters, with single spaces inside."""
    shown = (
        c
        for c in _INVISIBLE.sub("", name)
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf")
    )
    return unicodedata.normalize("NFC", " ".join("".join(shown).split()))


def stands_for_nothing(name: str) -> bool:
    """Whether a name is a placeholder for a missing value."""
    return tidy_name(name).lower() in _NOTHING


def same_key(name: str) -> str:
    """A key that is equal for tidy names that differ only in case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def alike_key(name: str) -> str:
    """A key that is equal for names that look alike: letters and digits, without case and accents.

    Letters that look like Latin ones become these; "and" equals "n" and "&". A name without letters
    is its own key.
    """
    name = same_key(tidy_name(name))
    folded = unicodedata.normalize("NFKD", name.replace("&", " n "))
    plain = "".join(c for c in folded if unicodedata.combining(c) < _ACCENTS)
    plain = plain.translate(_SAME_PICTURE)
    words = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in plain).split()
    key = "".join("n" if word == "and" else word for word in words)
    return key if any(c.isalpha() for c in key) else name


def _group(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    """The names by key, in their order."""
    groups = defaultdict(list)
    for name in names:
        groups[key(name)].append(name)
    return groups


def _describe_joined(joined: Mapping[str, str]) -> str:
    """Which spellings were joined; nothing about those that were only tidied."""
    told = []
    for name, spellings in _group(joined, joined.__getitem__).items():
        if name and len(spellings) > 1:
            others = [_seen(spelling, name) for spelling in spellings if spelling != name]
            told.append(f"{name!r} (also written {', '.join(others)})")
    return "; ".join(told)


def _seen(spelling: str, name: str) -> str:
    """A spelling, quoted so that its difference from the name is visible."""
    same = unicodedata.normalize("NFC", spelling) == name
    return ascii(spelling) if same else repr(spelling)
