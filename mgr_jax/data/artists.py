"""Reads the artists of tracks from an index."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mgr_jax.errors import UserError
from mgr_jax.files import require_regular


def find_artists(path: Path | None, track_ids: Sequence[str]) -> list[str] | None:
    """The artist of each track in an index; empty if unknown, None without an index.

    See `read_artists` for the forms of an index.

    Args:
      path: path of the index; None: there is none.
      track_ids: names of the tracks.

    Raises:
      UserError: the index cannot be read, or knows none of the tracks.
    """
    if path is None:
        return None
    artist_of = read_artists(path)
    artists = [artist_of.get(track, "") for track in track_ids]
    if not any(artists):
        raise UserError(
            f"{path} gives no artist for any of the {len(track_ids)} tracks; it must use the "
            f"tracks' names, such as {track_ids[0]}",
            code="table.no_match",
        )
    return artists


def read_artists(path: Path) -> dict[str, str]:
    """Reads the artist of each track; empty if unknown.

    Args:
      path: a CSV file with the columns track and artist, or one with lines of
        `track.wav ::: artist ::: title`, as index.txt of https://github.com/boblsturm/GTZAN has.

    Returns:
      The artist by track.

    Raises:
      UserError: there is no such file, it is a pipe or a device, or it has neither form.
    """
    require_regular(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if ":::" in text:
            lines = [line.split(":::") for line in text.splitlines() if ":::" in line]
            return {track.strip().removesuffix(".wav"): name.strip() for track, name, *_ in lines}
        reader = csv.DictReader(io.StringIO(text, newline=""), restval="", strict=True)
        rows = list(reader)
    except OSError as error:
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check the path", code="file.unreadable"
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"{path} is not a UTF-8 CSV file ({error}); save it as one", code="table.not_csv"
        ) from error
    if missing := {"track", "artist"} - set(reader.fieldnames or ()):
        raise UserError(
            f"{path} has no column '{sorted(missing)[-1]}'; an index of artists has the columns "
            "track and artist",
            code="table.missing_column",
        )
    return {row["track"].strip(): row["artist"].strip() for row in rows if row["track"].strip()}
