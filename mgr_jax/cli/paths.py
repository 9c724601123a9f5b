"""Paths that flags give; shared by commands."""

from pathlib import Path


def optional_path(text: str | None) -> Path | None:
    """The path that a flag gives, ~ being the home folder; None without one."""
    return Path(text).expanduser() if text else None
