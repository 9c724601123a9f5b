"""Compiles the library of convolutions by oneDNN into the user's cache."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import jax

from mgr_jax.errors import UserError
from mgr_jax.files import is_own
from mgr_jax.onednn import SOURCE, library_path, load

_NEEDED = "install them (Debian and Ubuntu: apt install g++ libdnnl-dev; conda: gxx onednn)"
_SECONDS = 300


def build_onednn() -> str:
    """Compiles the convolutions of oneDNN, which every later process on this CPU uses.

    It takes a few seconds, with the compiler that $CXX names, else g++, and needs oneDNN's headers
    and library (2.6 or later), where $CPATH and $LIBRARY_PATH name folders beside the system's.

    Returns:
      What was built, in a sentence.

    Raises:
      UserError: there is no compiler, oneDNN is not installed, or the result cannot be kept.
    """
    compiler = os.environ.get("CXX") or "g++"
    if not shutil.which(compiler):
        raise UserError(
            f"there is no compiler {compiler}; a C++ compiler and oneDNN are needed: {_NEEDED}",
            code="onednn.no_compiler",
        )
    target = library_path()
    if not is_own(target.parent):
        raise UserError(
            f"{target.parent} cannot be used; make it yours alone, or set XDG_CACHE_HOME to "
            "another folder",
            code="onednn.no_folder",
        )
    # Beside it, so that it appears at once and whole.
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder, target.name)
        _compile(compiler, made)
        made.replace(target)
    load.cache_clear()
    version = load()
    if not version:
        raise UserError(
            "oneDNN is turned off by MGR_JAX_ONEDNN=0; unset it", code="onednn.turned_off"
        )
    return f"Built {target} with oneDNN {version}; MGR_JAX_ONEDNN=0 turns it off"


def _compile(compiler: str, target: Path) -> None:
    options = ("-std=c++17", "-O2", "-fPIC", "-shared", "-isystem", jax.ffi.include_dir())
    libraries = [
        option
        for folder in filter(None, os.environ.get("LIBRARY_PATH", "").split(os.pathsep))
        for option in (f"-L{folder}", f"-Wl,-rpath,{folder}")
    ]
    command = [compiler, *options, str(SOURCE), "-o", str(target), *libraries, "-ldnnl"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"{compiler} could not be run: {error}; name another one in $CXX",
            code="onednn.no_compiler",
        ) from error
    if not done.returncode:
        return
    if "dnnl.hpp" in done.stderr or "-ldnnl" in done.stderr:
        raise UserError(
            f"oneDNN's headers or library were not found; {_NEEDED}", code="onednn.not_installed"
        )
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    raise UserError(
        f"{compiler} failed: {(lines or ['no reason given'])[0]}; oneDNN 2.6 or later is needed",
        code="onednn.not_compiled",
    )
