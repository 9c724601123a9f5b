"""Finds the tables of facts from other projects; third_party/README.md lists them."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_PLACES = (_PACKAGE / "_third_party", _PACKAGE.parent / "third_party")


def third_party_path(name: str) -> Path:
    """A file or folder in `third_party/` of a checkout, or in `mgr_jax/_third_party` of a wheel."""
    return next(place / name for place in _PLACES if (place / name).exists())
