"""Finds the tables of facts taken over from others; third_party/README.md lists them."""

from pathlib import Path


def third_party_file(name: str) -> Path:
    """The path of a table: in `third_party/` of a checkout, `mgr_jax/_third_party` of a wheel."""
    package = Path(__file__).parents[1]
    folders = (package / "_third_party", package.parent / "third_party")
    return next(folder / name for folder in folders if (folder / name).is_file())
