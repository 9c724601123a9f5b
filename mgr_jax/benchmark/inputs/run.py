"""What goes in: the page docs/inputs.md, on which everything is tried when it is written."""

import dataclasses
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


def benchmark_inputs(*, progress: bool = True) -> Benchmark:
    """Tries every encoding, bad file and layout, and tells what became of it.

        report = mgr_jax.benchmark_inputs()
        report.save(markdown="inputs.md")

    Rows of programs that are not here (lame, sox, ffmpeg) say so.

    Args:
      progress: show a progress bar.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encodings = {
            encoding.name: _try_encoding(encoding, folder)
            for encoding in tqdm(ENCODINGS, unit="file", disable=not progress)
        }
        content: dict[str, Any] = {
            "versions": _versions(),
            "encodings": encodings,
            "files": {bad.file: _try_file(bad, folder) for bad in BAD_FILES},
            "layouts": _try_layouts(folder),
        }
    return Benchmark(content, format_page(content), is_markdown=True)


def _versions() -> dict[str, str]:
    import av

    return {"PyAV": av.__version__, "soundfile": soundfile.__version__}


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


def _try_layouts(folder: Path) -> dict[str, dict[str, Any]]:
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
