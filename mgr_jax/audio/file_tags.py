"""Reads the tags of an audio file."""

from pathlib import Path

from mgr_jax.audio.decoder import CONTAINERS
from mgr_jax.audio.encoded import Part, open_encoded
from mgr_jax.errors import UserError

# What formats call the same, the first that says something counts.
_NAMES = {
    "artist": ("artist", "album_artist", "albumartist", "author", "composer"),
    "title": ("title",),
    "album": ("album",),
    "genre": ("genre",),
}


def read_tags(path: str | Path) -> dict[str, str]:
    """Reads "artist", "title", "album" and "genre" from a file that was decoded before.

    Args:
      path: of the file; a file that can no longer be opened gives no tags.

    Returns:
      The texts by name, without surrounding spaces; a missing tag is left out.
    """
    import av

    path = Path(path)
    options = {"protocol_whitelist": "none", "format_whitelist": CONTAINERS}
    try:
        with (
            open_encoded(path, None) as file,
            av.open(
                Part(file, path.suffix, 0), "r", options=options, metadata_errors="replace"
            ) as container,
        ):
            stream = container.streams.best("audio")
            # Ogg keeps them with the stream.
            found = {**(stream.metadata if stream else {}), **container.metadata}
    except (av.FFmpegError, UserError, OSError, ValueError, IndexError, EOFError):
        return {}
    tags = {name.lower(): " ".join(text.split()) for name, text in found.items()}
    told = {
        name: next((tags[key] for key in keys if tags.get(key)), "")
        for name, keys in _NAMES.items()
    }
    return {name: text for name, text in told.items() if text}
