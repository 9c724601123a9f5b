"""Limits the expansion of archives: a small archive may unpack to more than a disk holds."""

from mgr_jax.audio.io import Limits
from mgr_jax.errors import UserError

# Factors; music and tables reach 20, silence and zeros 1000.
MAX_EXPANSION = Limits().max_expansion
RAISE_IT = "raise that limit (`limits`: max_expansion=1000)"
FREE = 100_000_000  # bytes that are always allowed


def require_expansion(
    what: object, packed: int, unpacked: int, max_expansion: float, way_out: str
) -> None:
    """Checks that an archive or a member does not expand too much.

    Args:
      what: name of the archive or its member, for the message.
      packed: its size in bytes.
      unpacked: its unpacked size, or the bytes unpacked so far.
      max_expansion: the largest allowed factor, beyond FREE bytes.
      way_out: what the user can do.

    Raises:
      UserError: it does.
    """
    if unpacked > most_bytes(packed, max_expansion):
        raise UserError(
            f"{what} expands from {packed:,} bytes to {unpacked:,} or more, over {max_expansion:g} "
            f"times; if you trust it, {way_out}",
            code="archive.expands",
        )


def most_bytes(packed: int, max_expansion: float) -> int:
    """The largest unpacked size allowed for so many bytes."""
    return max(FREE, int(packed * max_expansion))
