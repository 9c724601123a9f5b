"""Writes the pages that the program knows best, while MkDocs builds the site; see mkdocs.yml.

`commands/` has a page for each command, from its own help. `api/` has a page for each group of
public names and for the parts that configs name, from their docstrings. Both stand in the
navigation as a folder. The changelog and the guide for contributors are those of the top level.
"""

import ast
import html
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

import mgr_jax
from mgr_jax import cli
from mgr_jax._registry import Registry
from mgr_jax.cli._flags import Flags

ROOT = Path(__file__).resolve().parent.parent
COPIED = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Puts the pages of a folder where the navigation names the folder."""
    commands: list[Any] = ["commands/index.md"]
    for group, names in _groups().items():
        commands.append({group: [{cli.spell(name): f"commands/{name}.md"} for name in names]})
    config.nav = _unfold(config.nav, {"commands/": commands, "api/": list(api_pages())})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made here."""
    pages = {**command_pages(), **api_pages()}
    pages |= {page: (ROOT / name).read_text(encoding="utf-8") for page, name in COPIED.items()}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Gives tables the room of a table of contents that a page would leave empty."""
    if not re.search(r"^(##|:::) ", markdown, re.MULTILINE):
        page.meta.setdefault("hide", []).append("toc")
    return markdown


def on_page_content(text: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes links of pages that a help, a docstring or the changelog names: docs/teach.md."""

    def link(found: re.Match[str]) -> str:
        target = files.get_file_from_path(found[1])
        if target is None:
            return found[0]
        return f'<a href="{get_relative_url(target.url, page.file.url)}">{found[0]}</a>'

    return re.sub(r"docs/([\w/]+\.md)", link, text)


def _unfold(nav: Any, folders: Mapping[str, list[Any]]) -> Any:
    if isinstance(nav, list):
        return [_unfold(item, folders) for item in nav]
    if isinstance(nav, dict):
        return {title: _unfold(item, folders) for title, item in nav.items()}
    return folders.get(nav, nav)


def command_pages() -> dict[str, str]:
    """A page for each command, and the list of all of them first."""
    index = [
        "# Commands",
        "",
        "This is the list of all commands. A command's page is its `--help`, with all flags.",
        "",
    ]
    for group, names in _groups().items():
        links = (f"[`mgr-jax {cli.spell(name)}`]({name}.md)" for name in names)
        told = (_prose(_help(name)[0]) for name in names)
        rows = [f"| {link} | {text} |" for link, text in zip(links, told, strict=True)]
        index += [f"## {group}", "", *_table(("command", "what it does"), rows)]
    pages = {f"commands/{name}.md": _command_page(name) for name in cli.list_commands()}
    return {"commands/index.md": "\n".join(index), **pages}


def _groups() -> dict[str, list[str]]:
    """The commands under the titles of their groups, in the order of `mgr-jax --help`."""
    found: dict[str, list[str]] = {group: [] for group in cli._help._ORDER}
    for name in cli.list_commands():
        found.setdefault(_module(name).GROUP, []).append(name)
    return {group.capitalize(): names for group, names in found.items()}


def _help(command: str) -> list[str]:
    """The paragraphs of a command's help, without its flags."""
    return re.split(r"\n\s*\n", (_module(command).__doc__ or "").strip())


def _module(command: str) -> Any:
    return importlib.import_module(f"mgr_jax.cli.{command}")


def _command_page(command: str) -> str:
    module = _module(command)
    name = f"mgr-jax {cli.spell(command)}"
    usage = f"{name} [flags] {getattr(module, 'ARGUMENTS', '')}".rstrip()
    summary, *paragraphs = _help(command)
    lines = [f"# {name}", "", _prose(summary), "", *_code(usage, "text")]
    for paragraph in paragraphs:
        is_code = paragraph.lstrip() != paragraph or paragraph.startswith("mgr-jax ")
        lines += _code(textwrap.dedent(paragraph)) if is_code else [_prose(paragraph), ""]
    flags = Flags()
    module.define_flags(flags)
    titles = flags.titles()
    for title in dict.fromkeys(titles.values()):
        rows = [_flag_row(flags[name]) for name in titles if titles[name] == title]
        lines += [f"## {title.capitalize()}", "", *_table(("flag", "meaning", "default"), rows)]
    return "\n".join(lines)


def _flag_row(flag: Any) -> str:
    shown = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
    meaning = _prose(re.sub(r"^<[^>]*>: ", "", flag.help or ""))
    if choices := getattr(flag.parser, "enum_values", None):
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    default = (flag.default_as_str or "").strip("'")
    return f"| `{shown}` | {meaning} | {default and f'`{default}`'} |".replace("\n", " ")


def _table(titles: Iterable[str], rows: Iterable[str]) -> list[str]:
    titles = list(titles)
    return [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}", *rows, ""]


def _code(text: str, language: str = "sh") -> list[str]:
    return [f"```{language}", text, "```", ""]


def _prose(text: str) -> str:
    """Text of a help as Markdown: flags become code, and signs of Markdown do not act."""
    parts = re.split(r"(`[^`]*`|--[\w.\[\]]+(?:=[^\s,;)]*[^\s,;).:])?)", text)
    return "".join(
        _escaped(part) if i % 2 == 0 else part if part.startswith("`") else f"`{part}`"
        for i, part in enumerate(parts)
    )


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[\]|\\])", r"\\\1", html.escape(text, quote=False))


def api_pages() -> dict[str, str]:
    """A page for each group of public names, and the list of all of them first."""
    index = [
        "# Python",
        "",
        "These are the public names of the package. Use them as in `mgr_jax.load`.",
        "",
    ]
    pages = {}
    for group, names in mgr_jax._GROUPS.items():
        page = f"{group.lower().replace(' ', '_')}.md"
        links = [f"- [`{name}`]({page}#mgr_jax.{name})" for name in names]
        index += [f"## {group}", "", *links, ""]
        entries = [_entry(f"mgr_jax.{name}", f"{module}.{name}") for name, module in names.items()]
        pages[f"api/{page}"] = "\n".join([f"# {group}", "", *entries])
    parts = {
        "fields.md": ("Fields of a config", _fields()),
        "networks.md": ("Settings of networks", _networks()),
        "frontends.md": ("Settings of front ends", _frontends()),
        "augmentation.md": ("Augmentation", _transforms()),
    }
    links = [f"- [{title}]({page})" for page, (title, _) in parts.items()]
    index += ["## What configs name", "", *links, ""]
    pages |= {f"api/{page}": f"# {title}\n\n{text}" for page, (title, text) in parts.items()}
    return {"api/index.md": "\n".join(index), **pages}


def _entry(title: str, path: str, **options: Any) -> str:
    """The place of something, with an anchor of its title, for what its docstring says."""
    lines = [f'<a id="{title}"></a>', "", f"::: {path}", "    options:"]
    options = {"heading": title, "toc_label": title.removeprefix("mgr_jax.")} | options
    return "\n".join([*lines, *(f"      {key}: {value}" for key, value in options.items()), "", ""])


def _fields() -> str:
    """The fields of a config, as they stand in the source."""
    lines = inspect.getsource(mgr_jax.base_config).splitlines()
    body = textwrap.dedent("\n".join(lines[2:-1]))
    return (
        "What `mgr_jax.base_config()` returns: every field with its default, and what it means. "
        "Set one with `--config.FIELD=VALUE`, or in Python `config.FIELD = VALUE`.\n\n"
        f"```python\n{body}\n```\n"
    )


def _networks() -> str:
    """The networks by name, with their fields."""
    text = (
        "What `config.model.name` may be, and `mgr_jax.create_model`. The attributes are what "
        "`config.model.kwargs` may hold. [The table of networks](../models.md) has their sizes.\n\n"
    )
    places = Registry[Any]("mgr_jax.models").places
    options = {"members": "false", "show_signature": "false", "show_source": "true"}
    return text + "\n".join(
        _entry(name, ".".join(place), **options) for name, place in places.items()
    )


def _frontends() -> str:
    """The parts of front ends."""
    text = (
        "The parts that front ends are made of. Their attributes are what `config.frontend.kwargs` "
        "may hold. [The guide](../guide/frontends.md) has the front ends by name.\n\n"
    )
    options = {"members": "false", "merge_init_into_class": "true"}
    found = (
        (path, node.name)
        for path, node in _public("mgr_jax/audio/frontends")
        if isinstance(node, ast.ClassDef) and {"Part", "Bands"} & _bases(node)
    )
    return text + "\n".join(
        _entry(name, path, **options) for path, name in found if name != "Bands"
    )


def _transforms() -> str:
    """The transforms of augmentation: functions that draw from a key."""
    text = (
        "What `config.augment` may name. The arguments behind the `*` of a transform are its "
        "settings; every transform also takes `p`, the share of examples that it changes.\n\n"
    )
    found = (
        (path, node.name)
        for path, node in _public("mgr_jax/audio/augment")
        if isinstance(node, ast.FunctionDef) and node.args.args[0].arg in ("key", "keys")
    )
    return text + "\n".join(_entry(name, path) for path, name in found)


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def _public(folder: str) -> Iterator[tuple[str, Any]]:
    """The public functions and classes of a folder's modules, read off the sources."""
    for file in sorted((ROOT / folder).glob("*.py")):
        module = f"{folder}/{file.stem}".replace("/", ".")
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if getattr(node, "name", "_").startswith("_"):
                continue
            yield f"{module}.{node.name}", node
