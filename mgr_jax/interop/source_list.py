"""The list of the sources of weights, for people and for the documentation."""

import textwrap

from mgr_jax.errors import unknown_name
from mgr_jax.interop.source import Source
from mgr_jax.interop.sources import list_sources

_WIDTH = 80


def format_sources(name: str | None = None) -> str:
    """The sources of `import_weights` as text for people, a line for each, in 80 columns.

    Args:
      name: show all of this source alone: readings, where it is from, what is left out.

    Returns:
      The list as `mgr-jax` prints it.

    Raises:
      UserError: there is no such source.
    """
    sources = list_sources()
    if name is not None:
        if name not in sources:
            raise unknown_name("source of weights", name, sources)
        return "\n".join(_lines(sources[name]))
    width = max(map(len, sources)) + 2
    lines = [
        f"{name:<{width}}{textwrap.shorten(source.about, _WIDTH - width, placeholder=' …')}"
        for name, source in sources.items()
    ]
    return "\n".join(lines)


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
