"""Tries all inputs, and writes the page docs/inputs.md."""

import dataclasses
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import soundfile
from tqdm import tqdm

from mgr_jax.benchmark.inputs.bad_files import BAD_FILES, BadFile, try_file
from mgr_jax.benchmark.inputs.encoding_table import ENCODINGS
from mgr_jax.benchmark.inputs.encodings import Encoding
from mgr_jax.benchmark.inputs.fidelity import measure, notices_cut
from mgr_jax.benchmark.inputs.layout_table import LAYOUTS
from mgr_jax.benchmark.inputs.layouts import understand
from mgr_jax.benchmark.inputs.page import format_page
from mgr_jax.benchmark.record import Benchmark
from mgr_jax.errors import UserError


def benchmark_inputs(*, complete: bool = False, progress: bool = True) -> Benchmark:
    """Tries every encoding, bad file and layout, and reports the results.

        report = mgr_jax.benchmark_inputs()
        report.save(markdown="inputs.md")

    Rows of programs that are not installed (lame, sox, ffmpeg) say so.

    Args:
      complete: require that every row can be tried.
      progress: show a progress bar.

    Returns:
      The results, as tables when printed.

    Raises:
      UserError: `complete` is set, and a program is missing.
    """
    missing = sorted({encoding.missing for encoding in ENCODINGS} - {""})
    if complete and missing:
        raise UserError(
            f"programs that write some of the files are missing ({', '.join(missing)}); "
            "install them, or leave out the page (`markdown`)",
            code="package.missing",
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encodings = {
            encoding.name: _try_encoding(encoding, folder)
            for encoding in tqdm(ENCODINGS, unit="file", disable=None if progress else True)
        }
        content: dict[str, Any] = {
            "versions": _versions(),
            "encodings": encodings,
            "files": {bad.file: _try_file(bad, folder) for bad in BAD_FILES},
            "layouts": try_layouts(folder),
        }
    return Benchmark(content, format_page(content))


def _versions() -> dict[str, str]:
    import av

    programs = sorted({one.writer for one in ENCODINGS if one.command and not one.missing})
    return {
        "PyAV": av.__version__,
        "soundfile": soundfile.__version__,
        **{program: _version(program) for program in programs},
    }


def _version(program: str) -> str:
    """The version line of lame, sox or ffmpeg."""
    done = subprocess.run(
        [program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if number else "of unknown version"


def _try_encoding(encoding: Encoding, folder: Path) -> dict[str, Any]:
    if encoding.missing:
        return {"problem": f"not tried: no {encoding.missing} here"}
    path = folder / f"sound.{encoding.suffix}"
    try:
        measured = measure(encoding, path)
    except UserError as error:
        return {"problem": _shorten(str(error), folder)}
    numbers = {
        name: getattr(measured, name) for name in ("length", "lag", "gain", "correlation", "error")
    }
    problem = _shorten("; ".join(measured.wrong), folder)
    return numbers | {"problem": problem, "notices_cut": notices_cut(encoding, path)}


def _try_file(bad: BadFile, folder: Path) -> dict[str, Any]:
    path = folder / bad.file
    bad.make(path)
    strict, lenient = (try_file(path, allow_truncated=allow) for allow in (False, True))
    return {
        "refused": _shorten(strict.refused, folder),
        "warned": [_shorten(text, folder) for text in lenient.warned],
        "seconds": lenient.seconds,
        "still_refused": _shorten(lenient.refused, folder),
    }


def try_layouts(folder: Path) -> dict[str, dict[str, Any]]:
    """How each layout is understood, by its title and name; they are made below a folder."""
    found = {}
    for title, layouts in LAYOUTS.items():
        for layout in layouts:
            with tempfile.TemporaryDirectory(dir=folder) as name:
                music = Path(name) / "music"
                music.mkdir()
                understood = dataclasses.asdict(understand(layout, music))
                said = [_shorten(text, Path(name)) for text in understood["said"]]
                found[f"{title}: {layout.name}"] = understood | {"said": said}
    return found


def _shorten(text: str, folder: Path) -> str:
    return text.replace(f"{folder}/", "")
