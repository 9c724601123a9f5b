"""The folder in which jax keeps what it compiles."""

import os
import subprocess
import sys
import time
import warnings
import zlib
from pathlib import Path

import pytest

from mgr_jax import program_cache

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's cache, of a process that has not begun jax."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(program_cache.FOLDER)
    monkeypatch.delenv(program_cache.LEAST)
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield tmp_path


def chosen():
    program_cache.keep()
    return os.environ.get(program_cache.FOLDER)


def test_compiled_programs_are_kept_in_a_folder_of_the_user_alone(home):
    folder = Path(chosen())
    assert folder.is_relative_to(home / "mgr_jax/xla")
    assert {oct(path.stat().st_mode & 0o777) for path in (folder, folder.parent)} == {"0o700"}
    # It is that of this processor.
    assert folder.name == program_cache._processor()


def test_a_folder_where_others_write_is_not_used(home):
    folder = Path(chosen())
    del os.environ[program_cache.FOLDER]
    folder.chmod(0o770)
    with pytest.warns(UserWarning, match="others may write to it"):
        assert chosen() is None


def test_what_the_user_says_of_the_folder_stands(home, monkeypatch):
    monkeypatch.setenv("MGR_JAX_CACHE", "0")
    assert chosen() is None
    monkeypatch.delenv("MGR_JAX_CACHE")
    monkeypatch.setenv(program_cache.FOLDER, "/mine")
    assert chosen() == "/mine"
    assert not list(home.iterdir())


def test_nothing_is_kept_and_nothing_said_where_there_is_no_room_for_a_folder(home):
    (home / "mgr_jax").write_text("a file")
    assert chosen() is None


def test_cut_off_programs_and_the_least_used_are_deleted(home, monkeypatch):
    folder = Path(chosen())
    whole = zlib.compress(os.urandom(1000))
    contents = {"whole": whole, "cut": whole[:-9], "empty": b"", "odd": b"odd", "old": whole}
    contents["written"] = whole[:-9]
    for name, content in contents.items():
        path = folder / f"{name}-cache"
        path.write_bytes(content)
        hours = {"written": 0, "old": 10}.get(name, 2)
        os.utime(path, (time.time() - 3600 * hours,) * 2)
    monkeypatch.setattr(program_cache, "_LARGEST", 2500)
    del os.environ[program_cache.FOLDER]
    chosen()
    left = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert set(left) == {"whole-cache", "written-cache"}
    assert left["whole-cache"] == 0o400


def test_a_damaged_program_is_compiled_again(tmp_path):
    code = (
        "import os, warnings\n"
        "warnings.simplefilter('error')\n"
        "from pathlib import Path\n"
        "from mgr_jax import program_cache\n"
        "program_cache._LEAST_SECONDS = 0\n"
        "program_cache.keep()\n"
        "import jax, jax.numpy as jnp\n"
        "@jax.jit\n"
        "def shifted_sine(x): return jnp.sin(x) + 1\n"
        "first = float(shifted_sine(0.5))\n"
        "kept, = Path(os.environ['XDG_CACHE_HOME']).glob('mgr_jax/xla/*/jit_shifted_sine*-cache')\n"
        "whole = kept.read_bytes()\n"
        "for damaged in (whole[: len(whole) // 2], b'', os.urandom(len(whole)), whole):\n"
        "    kept.write_bytes(damaged)\n"
        "    jax.clear_caches()\n"
        "    assert float(shifted_sine(0.5)) == first\n"
    )
    unset = (program_cache.FOLDER, program_cache.LEAST, program_cache.SWITCH)
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
