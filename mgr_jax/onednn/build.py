"""Compiles the library of oneDNN convolutions into the user's cache."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import jax

from mgr_jax.errors import UserError
from mgr_jax.files import is_own, lock, replace_folder, scratch
from mgr_jax.integrity import write_sums
from mgr_jax.onednn import SOURCE, SWITCH, library_path, load

_NEEDED = "install them (Debian and Ubuntu: apt install g++ libdnnl-dev; conda: gxx onednn)"
_SECONDS = 300
# As GCC and Clang say it.
_MISSING = re.compile(r"dnnl\.hpp\W+(No such file|file not found)|-ldnnl")


def build_onednn() -> str:
    """Compiles the oneDNN convolutions. Every later process on this CPU uses them.

    It takes a few seconds. It uses the compiler in $CXX, or else g++. It needs oneDNN's headers and
    library, 2.6 or later; $CPATH and $LIBRARY_PATH may name further folders.

    Returns:
      A sentence that says what was built.

    Raises:
      UserError: there is no compiler, oneDNN is not installed or too old, the library cannot be
        stored or loaded, or it is turned off.
    """
    if os.environ.get(SWITCH) == "0":
        raise UserError(f"oneDNN is turned off by {SWITCH}=0; unset it", code="onednn.turned_off")
    compiler = os.environ.get("CXX") or "g++"
    if not shutil.which(compiler):
        raise UserError(
            f"there is no compiler {compiler}; a C++ compiler and oneDNN are needed: {_NEEDED}",
            code="onednn.no_compiler",
        )
    target = library_path()
    home = target.parent.parent
    try:
        if not is_own(home):
            raise UserError(
                f"{home} is not yours alone; remove it, or set XDG_CACHE_HOME to another folder",
                code="onednn.no_folder",
            )
        with lock(home / "build.lock", "", wait=True), scratch(home) as folder:
            made = folder / target.parent.name
            made.mkdir(mode=0o700)
            _compile(compiler, made / target.name)
            write_sums(made)
            replace_folder(made, target.parent)
    except OSError as error:
        raise UserError(
            f"nothing can be kept in {home} ({error.strerror or error}); make room there, or set "
            "XDG_CACHE_HOME to another folder",
            code="onednn.no_folder",
        ) from error
    load.cache_clear()
    version = load()
    if not version:  # which has warned why
        raise UserError(
            f"{target} was built, but cannot be loaded; check that oneDNN's library is where the "
            "system finds it, or name its folder in $LIBRARY_PATH",
            code="onednn.not_loaded",
        )
    return f"Built {target} with oneDNN {version}; {SWITCH}=0 turns it off"


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
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            env=os.environ | {"LC_ALL": "C"},  # what it says is looked through
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(
            f"{compiler} could not be run: {error}; name another one in $CXX",
            code="onednn.no_compiler",
        ) from error
    if not done.returncode:
        return
    if _MISSING.search(done.stderr):
        raise UserError(
            f"oneDNN's headers or library were not found; {_NEEDED}", code="onednn.not_installed"
        )
    lines = [line for line in done.stderr.splitlines() if "error" in line]
    raise UserError(
        f"{compiler} failed: {(lines or ['no reason given'])[0]}; oneDNN 2.6 or later is needed",
        code="onednn.not_compiled",
    )
