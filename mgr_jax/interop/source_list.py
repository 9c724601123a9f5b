"""The list of the sources of weights, for people and for the documentation."""

import textwrap

from mgr_jax.interop.source import Source
from mgr_jax.interop.sources import list_sources

_WIDTH = 80


def format_sources() -> str:
    """The sources of `import_weights` as people read them, in 80 columns."""
    return "\n".join(line for source in list_sources().values() for line in _lines(source))


def describe_sources() -> list[dict[str, str]]:
    """The sources as rows of a Markdown table."""
    return [
        {
            "source": f"`{source.name}`",
            "what": source.about,
            "names and shapes of": source.upstream,
            "readings": "; ".join(f"`{name}`" for name in source.readings),
            "left out, if there": " ".join(f"`{pattern}`" for pattern in source.ignored),
        }
        for source in list_sources().values()
    ]


def _lines(source: Source) -> list[str]:
    told = [source.about, f"Upstream: {source.upstream} ({source.license})."]
    if source.readings:
        first = next(iter(source.readings))
        told += [f"reading {name}: {what}" for name, what in source.readings.items()]
        told.append(f"Read as {first} by default.")
    told.append(f"Ignored, if present: {', '.join(source.ignored) or 'nothing'}.")
    lines = [source.name]
    for text in told:
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent="    ", subsequent_indent="      ", break_on_hyphens=False
        )
    return lines
