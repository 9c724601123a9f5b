"""The sources of weights by name: every module here lists its own in SOURCES."""

import importlib
import pkgutil

from mgr_jax.errors import unknown_name
from mgr_jax.interop.source import Source


def list_sources() -> dict[str, Source]:
    """All sources of weights that `import_weights` can read, by name.

    for name, source in mgr_jax.list_sources().items():
        print(name, source.about)
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        for source in importlib.import_module(f"{__name__}.{module.name}").SOURCES:
            found[source.name] = source
    return dict(sorted(found.items()))


def find_source(name: str) -> Source:
    """The source of a name.

    Raises:
      UserError: there is none of this name.
    """
    sources = list_sources()
    if name not in sources:
        raise unknown_name("source of weights", name, sources)
    return sources[name]
