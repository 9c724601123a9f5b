"""Writes the pages that the program knows best, while MkDocs builds the site; see mkdocs.yml.

`commands/` has a page for each command, from its own help. `api/` has a page for each group of
public names, from their docstrings. Both stand in the navigation as a folder. The changelog and the
guide for contributors are those of the top level.
"""

import html
import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import mgr_jax
from mgr_jax import cli
from mgr_jax.cli._flags import Flags

ROOT = Path(__file__).resolve().parent.parent
COPIED = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages of a folder where the navigation names the folder."""
    folders = {"commands/": list(command_pages()), "api/": list(api_pages())}
    config.nav = _unfold(config.nav, folders)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made here."""
    pages = {**command_pages(), **api_pages()}
    pages |= {page: (ROOT / name).read_text(encoding="utf-8") for page, name in COPIED.items()}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def _unfold(nav: Any, folders: Mapping[str, list[str]]) -> Any:
    if isinstance(nav, list):
        return [_unfold(item, folders) for item in nav]
    if isinstance(nav, dict):
        return {title: _unfold(item, folders) for title, item in nav.items()}
    return folders.get(nav, nav)


def command_pages() -> dict[str, str]:
    """A page for each command, and the list of all of them first."""
    commands = cli.list_commands()
    rows = [
        f"| [`mgr-jax {cli.spell(name)}`]({name}.md) | {_prose(_help(name)[0])} |"
        for name in commands
    ]
    index = "\n".join(
        [
            "# Commands",
            "",
            "`mgr-jax COMMAND --help` says on the terminal what these pages say.",
            "",
            "| command | what it does |",
            "|---|---|",
            *rows,
            "",
        ]
    )
    return {"commands/index.md": index} | {
        f"commands/{name}.md": _command_page(name) for name in commands
    }


def _help(command: str) -> list[str]:
    """The paragraphs of a command's help, without its flags."""
    module = importlib.import_module(f"mgr_jax.cli.{command}")
    return re.split(r"\n\s*\n", (module.__doc__ or "").strip())


def _command_page(command: str) -> str:
    module = importlib.import_module(f"mgr_jax.cli.{command}")
    name = f"mgr-jax {cli.spell(command)}"
    arguments = getattr(module, "ARGUMENTS", "")
    summary, *paragraphs = _help(command)
    lines = [
        f"# {name}",
        "",
        _prose(summary),
        "",
        "```text",
        f"{name} [flags] {arguments}".rstrip(),
    ]
    lines += ["```", ""]
    for paragraph in paragraphs:
        first = paragraph.split(maxsplit=1)[0]
        is_code = first in ("mgr-jax", "$") or paragraph.startswith("  ")
        lines += ["```console", paragraph, "```", ""] if is_code else [_prose(paragraph), ""]
    flags = Flags()
    module.define_flags(flags)
    if rows := list(_flag_rows(flags)):
        lines += ["## Flags", "", "| flag | meaning | default |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _flag_rows(flags: Flags) -> Iterator[str]:
    """A row for each flag, in the order of the help."""
    for name in sorted(flags):
        flag = flags[name]
        shown = f"--[no]{name}" if flag.boolean else f"--{name}"
        meaning = re.sub(r"^<[^>]*>: ", "", flag.help or "")
        if choices := getattr(flag.parser, "enum_values", None):
            meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
        default = "" if flag.default_as_str is None else f"`{flag.default_as_str.strip(chr(39))}`"
        yield f"| `{shown}` | {_prose(meaning)} | {default} |".replace("\n", " ")


def _prose(text: str) -> str:
    """Text of a help as Markdown: flags and commands become code, signs of Markdown do not act."""
    parts = re.split(r"(`[^`]*`|--[\w.\[\]]+(?:=[^\s,;)]*[^\s,;).:])?)", text)
    return "".join(
        _escaped(part) if i % 2 == 0 else part if part.startswith("`") else f"`{part}`"
        for i, part in enumerate(parts)
    )


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[\]|\\])", r"\\\1", html.escape(text, quote=False))


def api_pages() -> dict[str, str]:
    """A page for each group of public names, and the list of all of them first."""
    index = ["# Python", "", "Everything here is a name of the package: `mgr_jax.load(…)`.", ""]
    pages = {}
    for group, names in mgr_jax._GROUPS.items():
        page = f"{group.lower().replace(' ', '_')}.md"
        index += [
            f"## {group}",
            "",
            *(f"- [`{name}`]({page}#{_anchor(name)})" for name in names),
            "",
        ]
        pages[f"api/{page}"] = "\n".join(
            [f"# {group}", "", *(_entry(name, module) for name, module in names.items())]
        )
    return {"api/index.md": "\n".join(index)} | pages


def _anchor(name: str) -> str:
    return f"mgr_jax.{name}"


def _entry(name: str, module: str) -> str:
    """The place of a public name: an anchor of that name, then what its docstring says."""
    return f'<a id="{_anchor(name)}"></a>\n\n::: {module}.{name}\n    options:\n      heading: mgr_jax.{name}\n'
