"""Damages a file of every kind that is stored: what reads it mends it, or says so; never silent."""

import functools
import json
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from commands import difference, tell
from stored import KINDS, Store

from mgr_jax.errors import UserError

SEED = 18
CASES = 500
NONE, REBUILT, NAMED, SILENT = "no effect", "rebuilt", "named", "silent"

# A damage turns what a file holds into something else; None: there is no file any more.
Damage = Callable[[bytes, np.random.Generator], bytes | None]
Reader = Callable[[], dict[str, Any]]


def flip(data: bytes, rng: np.random.Generator) -> bytes:
    """One bit."""
    at = int(rng.integers(len(data)))
    return data[:at] + bytes([data[at] ^ 1 << int(rng.integers(8))]) + data[at + 1 :]


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """The end is missing."""
    return data[: int(rng.integers(len(data)))]


def empty(data: bytes, rng: np.random.Generator) -> bytes:
    """All is missing, as a power cut leaves it."""
    return b""


def noise(data: bytes, rng: np.random.Generator) -> bytes:
    """A stretch is overwritten, as by a bad block."""
    first = int(rng.integers(len(data)))
    size = min(int(rng.integers(1, 600)), len(data) - first)
    return data[:first] + rng.bytes(size) + data[first + size :]


def remove(data: bytes, rng: np.random.Generator) -> None:
    """The file is gone."""


def edit_number(data: bytes, rng: np.random.Generator) -> bytes:
    """Somebody changes a number in JSON."""

    def change(content: Any) -> bool:
        places = list(content) if isinstance(content, dict) else range(len(content))
        for place in rng.permutation(np.array(places, object)):
            value = content[place]
            if isinstance(value, (dict, list)) and value and change(value):
                return True
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                content[place] = value + 1
                return True
        return False

    content = json.loads(data)
    change(content)
    return json.dumps(content, indent=2).encode() + b"\n"


def edit_order(data: bytes, rng: np.random.Generator) -> bytes:
    """Somebody sorts lists in JSON in another way, such as that of the labels."""

    def change(content: Any) -> Any:
        if isinstance(content, dict):
            return {name: change(value) for name, value in content.items()}
        return list(map(change, content))[::-1] if isinstance(content, list) else content

    return json.dumps(change(json.loads(data)), indent=2).encode() + b"\n"


def edit_name(data: bytes, rng: np.random.Generator) -> bytes:
    """Somebody drops a field of JSON."""
    content = json.loads(data)
    if isinstance(content, dict) and content:
        content.pop(str(rng.choice(list(content))))
    return json.dumps(content, indent=2).encode() + b"\n"


def without_step(data: bytes, rng: np.random.Generator) -> bytes:
    """A line of the log without its step."""
    lines = data.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    return b"".join([*lines[:at], lines[at].replace(b'"step"', b'"stop"'), *lines[at + 1 :]])


def odd_byte(data: bytes, rng: np.random.Generator) -> bytes:
    """A byte that no text has."""
    at = int(rng.integers(len(data)))
    return data[:at] + b"\xff" + data[at + 1 :]


EVERYWHERE: tuple[Damage, ...] = (flip, cut, noise, flip, empty, remove, flip, cut)
OF_JSON: tuple[Damage, ...] = (edit_number, edit_order, edit_name)
OF_LINES: tuple[Damage, ...] = (without_step, odd_byte)


def run(folder: Path, *, reduced: bool = False) -> dict[str, str]:
    """Damages files again and again, and looks at what comes of it."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # remarks of Orbax
    store = Store(folder)
    wanted = functools.cache(functools.partial(_undamaged, store))
    rng = np.random.default_rng(SEED)
    counts: Counter[str] = Counter()
    silent = []
    kinds = [kind for kind in KINDS if kind in store.files.values()]
    cases = len(kinds) if reduced else CASES
    for number in range(cases):
        kind = kinds[number % len(kinds)]
        names = [name for name, its in store.files.items() if its is kind]
        name = names[int(rng.integers(len(names)))]
        turn = number if reduced else number // len(kinds)
        readers = store.readers(name)
        readers = [readers[number % len(readers)]] if reduced else readers
        done, outcome = _case(store, name, names, turn, rng, readers, wanted)
        counts[_word(outcome)] += 1
        tell(f"{number + 1}/{cases} {kind.name}: {name}, {done}: {outcome}")
        if outcome.startswith(SILENT):
            silent.append(f"{name}, {done}: {outcome}")
    assert not silent, "\n".join([f"{len(silent)} of {cases} are not told:", *silent])
    return {
        "cases": f"{cases}",
        "kinds": f"{len(kinds)}",
        "none": f"{counts[NONE]}",
        "rebuilt": f"{counts[REBUILT]}",
        "named": f"{counts[NAMED]}",
    }


def _case(
    store: Store,
    name: str,
    alike: list[str],
    turn: int,
    rng: np.random.Generator,
    readers: Sequence[Reader],
    wanted: Callable[[Reader], dict[str, Any]],
) -> tuple[str, str]:
    """Damages a file: how, and what came of it."""
    undamaged = [wanted(reader) for reader in readers]
    store.restore()
    path = store.folder / name
    before = path.read_bytes()
    damages = [*EVERYWHERE, *(OF_LINES if name.endswith(".jsonl") else ())]
    if name.endswith(".json"):
        damages[1:1] = OF_JSON
    if store.files[name].optional:  # and of a file of lines, as if nothing had been written yet
        damages = [damage for damage in damages if damage not in (remove, empty)]
    others = [other for other in alike if other != name]
    if others and turn % 5 == 4 and not store.files[name].optional:
        other = others[int(rng.integers(len(others)))]
        done, after = f"replaced by {other}", (store.folder / other).read_bytes()
    else:
        damage = damages[turn] if turn < len(damages) else damages[rng.integers(len(damages))]
        done = damage.__name__
        after = damage(before, rng) if before else b"x"
    path.unlink()
    if after is not None:
        path.write_bytes(after)
    if after == before:
        return done, NONE
    order = (NONE, REBUILT, NAMED, SILENT)
    found = []
    for reader, numbers in zip(readers, undamaged, strict=True):
        found.append(_outcome(reader, numbers, path, store))
        if len(readers) > 1:  # what the first one has mended, the second would not see
            store.restore()
            path.unlink()
            if after is not None:
                path.write_bytes(after)
    return done, max(found, key=lambda outcome: order.index(_word(outcome)))


def _undamaged(store: Store, reader: Reader) -> dict[str, Any]:
    """What a reader comes to when all is well."""
    store.restore()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reader()


def _word(outcome: str) -> str:
    return next(word for word in (NONE, REBUILT, NAMED, SILENT) if outcome.startswith(word))


def _outcome(reader: Reader, wanted: dict[str, Any], path: Path, store: Store) -> str:
    """What comes of reading a damaged file: one of the four words, and why."""
    said = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            told = difference(wanted, reader())
        except UserError as error:
            said, told = str(error), "error"
        except Exception as error:
            return f"{SILENT}: {reader.__name__} raised {type(error).__name__}: {error}"
    said = said or "; ".join(str(w.message) for w in caught if str(store.folder) in str(w.message))
    if not said:
        return f"{SILENT}: {reader.__name__} gave another {told}" if told else NONE
    # The file, or a folder that it lies in, of a run or of a dataset at least.
    below = path.relative_to(store.folder).parts
    if not any(str(store.folder.joinpath(*below[:n])) in said for n in range(1, len(below) + 1)):
        return f"{SILENT}: {reader.__name__} did not name it: {said}"
    return f"{NAMED} ({told}): {said[:300]}" if told else f"{REBUILT}: {said[:300]}"
