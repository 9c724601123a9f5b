"""How much an archive may grow where it is unpacked: a small one may hold more than a disk."""

from mgr_jax.audio.io import Limits
from mgr_jax.errors import UserError

# Times; music and tables come to 20, silence and zeros to 1000.
MAX_EXPANSION = Limits().max_expansion
RAISE_IT = "raise that limit (`limits`: max_expansion=1000)"
FREE = 100_000_000  # bytes that anything may expand to


def require_expansion(
    what: object, packed: int, unpacked: int, max_expansion: float, way_out: str
) -> None:
    """Refuses what expands too much.

    Args:
      what: the archive or its member, for the sentence.
      packed: its size in bytes.
      unpacked: what it expands to, or has so far.
      max_expansion: how many times as large that may be, beyond FREE.
      way_out: what to do.

    Raises:
      UserError: it is larger.
    """
    if unpacked > most_bytes(packed, max_expansion):
        raise UserError(
            f"{what} expands from {packed:,} bytes to {unpacked:,} or more, over {max_expansion:g} "
            f"times; if you trust it, {way_out}",
            code="archive.expands",
        )


def most_bytes(packed: int, max_expansion: float) -> int:
    """What so many bytes may expand to."""
    return max(FREE, int(packed * max_expansion))
