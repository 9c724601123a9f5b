"""Every error that a user can cause has a code, which a search finds where it arises."""

import ast
import errno
import functools
import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from errors import user_error

from mgr_jax.audio.io import AudioError
from mgr_jax.errors import UserError, disk_errors_told, some_names
from mgr_jax.features.journal import JournalInUseError

ROOT = Path(__file__).resolve().parent.parent
CODE = re.compile(r"[a-z_]+(\.[a-z_]+)?")
# What is raised or read here again has got its code in another process.
HANDED_ON = ("mgr_jax/training/partition.py", "mgr_jax/prediction/entries.py")


@functools.cache
def nodes(folder: str) -> list[tuple[str, ast.AST]]:
    """Everything in the syntax trees of a folder, with its place."""
    return [
        (f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}", node)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    ]


def kinds() -> set[str]:
    """The names of UserError and of what is derived from it."""
    classes = [node for _, node in nodes("mgr_jax") if isinstance(node, ast.ClassDef)]
    names: set[str] = {"UserError"}
    while derived := {c.name for c in classes if names & set(map(ast.unparse, c.bases))} - names:
        names |= derived
    return names


def codes(folder: str, names: set[str], position: int) -> Iterator[tuple[str, str | None]]:
    """Where some functions are called, and with which code; None where that is no literal.

    An error that tells of another one, or of a worker's failure, has the code of that.
    """
    for place, node in nodes(folder):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            named = [word.value for word in node.keywords if word.arg == "code"]
            match named or node.args[position:]:
                case [ast.Constant(str(code)), *_]:
                    yield place, code
                case [ast.Attribute(ast.Name("error" | "failure"), "code")]:
                    pass
                case _:
                    yield place, None


def test_every_error_has_a_code():
    assert {"UserError", "AudioError", "ForeignJournalError"} <= kinds()
    found = dict(codes("mgr_jax", kinds(), 1))
    assert len(found) > 300
    assert not [
        place
        for place, code in found.items()
        if not CODE.fullmatch(code or "") and not place.startswith(HANDED_ON)
    ]


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (errno.ENOSPC, "disk.full", "is full; free some space"),
        (errno.EDQUOT, "disk.full", "your quota"),
        (errno.EFBIG, "disk.refused", "ulimit -f"),
        (errno.EROFS, "disk.refused", "can only be read"),
        (errno.EIO, "disk.refused", "fails"),
        (errno.EACCES, "disk.refused", "permissions"),
    ],
)
def test_what_a_disk_refuses_is_told_in_its_own_words(tmp_path, number, code, says):
    for name in (None, str(tmp_path / "sub/a.json")):
        with user_error(code, says, tmp_path), disk_errors_told(tmp_path):
            raise OSError(number, os.strerror(number), name)


def test_the_errors_of_writers_in_c_are_those_of_the_disk_too(tmp_path):
    with user_error("disk.full", tmp_path), disk_errors_told(tmp_path):
        raise RuntimeError("ArrayRecord: write() failed: No space left on device [/x]")
    with user_error("disk.full", tmp_path), disk_errors_told(tmp_path):
        raise OSError("Not enough disk space. Needed: Unknown size (download: …)")
    with user_error("disk.full", "/elsewhere is full"), disk_errors_told(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device", "/elsewhere/spool")
    with user_error("training.stopped"), disk_errors_told(tmp_path):
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise UserError("stopped", code="training.stopped") from error


def test_of_many_names_the_first_are_told():
    assert some_names([]) == ""
    assert some_names(iter("abc")) == "a, b, c"
    assert some_names("abcd") == "a, b, c, …"
    assert some_names("abc", most=1, between="; ") == "a; …"


def test_no_test_expects_a_code_that_there_is_not():
    known = {code for _, code in codes("mgr_jax", kinds(), 1)}
    expected = dict(codes("tests", {"user_error"}, 0))
    assert len(expected) > 100
    assert not {place: code for place, code in expected.items() if code not in known | {None}}


@pytest.mark.parametrize("kind", [UserError, AudioError, JournalInUseError])
def test_an_error_is_the_same_in_another_process(kind):
    error = kind("a.mp3 is empty", code="audio.empty")
    error.add_note("In the worker process")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.code) == (kind, "a.mp3 is empty", "audio.empty")
    assert copy.__notes__ == ["In the worker process"]
