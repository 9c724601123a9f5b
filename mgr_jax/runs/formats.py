"""All formats of results: those of `prediction.writers`, and pictures, which need matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from mgr_jax.prediction import writers
from mgr_jax.prediction.origin import Origin
from mgr_jax.prediction.record import Record, Writer
from mgr_jax.runs.timeline_pictures import PictureWriter

FORMATS = (*writers.FORMATS, "png")
SUFFIXES = writers.SUFFIXES
_PICTURES = ".timelines"


def create_writers(
    out: Path, formats: Sequence[str], origin: Origin, record: Record, *, beside: bool
) -> list[Writer]:
    """Makes the writers of formats; see `prediction.writers.create_writers`.

    Args:
      out: path with which the names of results begin.
      formats: names of formats.
      origin: the model and settings that the results come from.
      record: the record of results.
      beside: write one file beside each song.

    Returns:
      One writer per format.

    Raises:
      UserError: see `prediction.writers.create_writers`; or matplotlib is missing.
    """
    others = [name for name in formats if name != "png"]
    found = writers.create_writers(out, others, origin, record, beside=beside)
    if "png" in formats:
        folder = writers.with_suffix(out, _PICTURES)
        place = writers.place_beside(".png") if beside else writers.place_below(folder, ".png")
        found.append(PictureWriter(place))
    return found


def written_by(out: Path, formats: Sequence[str], *, beside: bool) -> list[str]:
    """The paths that `create_writers` writes for all files, the record among them.

    Args:
      out: path with which the names of results begin.
      formats: names of formats.
      beside: write one file beside each song.
    """
    pictures = [f"{out}{_PICTURES}/"] if "png" in formats and not beside else []
    return writers.written_by(out, formats, beside=beside) + pictures
