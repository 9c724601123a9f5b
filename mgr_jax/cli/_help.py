"""What `--help` prints: the commands in their groups, and a command with its flags; 80 columns."""

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from absl import flags as absl_flags

from mgr_jax.cli._flags import Flags

_WIDTH = 79
_ORDER = ("data", "train", "use", "examine")  # groups that come first; a module names its own
_COLUMN = 24  # where the meaning of a flag begins


def format_commands(commands: Sequence[str]) -> str:
    """The commands by group; a family, such as benchmark, is a line.

    Args:
      commands: their modules, see `list_commands`.
    """
    families = Counter(name.partition("_")[0] for name in commands)
    groups: dict[str, list[tuple[str, str]]] = {}
    for name in commands:
        first = name.partition("_")[0]
        group, summary = _read(name)
        rows = groups.setdefault(group, [])
        if families[first] == 1 or first in commands:
            rows.append((spell(name, commands), summary))
        elif all(row[0] != f"{first} …" for row in rows):
            words = (other.partition("_")[2] for other in commands if other.startswith(f"{first}_"))
            rows.append((f"{first} …", ", ".join(words)))
    width = max(len(name) for rows in groups.values() for name, _ in rows)
    lines = ["usage: mgr-jax COMMAND [flags]"]
    for group in sorted(groups, key=lambda name: (name not in _ORDER, [*_ORDER, name].index(name))):
        lines += ["", f"{group}:", *_columns(groups[group], width)]
    end = "mgr-jax COMMAND --help shows examples and flags; mgr-jax --version, the version."
    return "\n".join([*lines, "", end])


def format_family(family: Sequence[str], commands: Sequence[str]) -> str:
    """The commands of a family, such as those of `mgr-jax benchmark`."""
    rows = [(spell(name, commands), _read(name)[1]) for name in family]
    lines = _columns(rows, max(len(name) for name, _ in rows))
    return "\n".join(["usage: mgr-jax COMMAND [flags]", "", *lines])


def format_help(name: str, module: ModuleType, flags: Flags) -> str:
    """A command's docstring, whose examples come first, and its flags.

    Args:
      name: the command as it is typed.
      module: its module.
      flags: its flags.
    """
    summary, examples, *rest = (module.__doc__ or "").strip().split("\n\n")
    # A formatter, and Python 3.13, take the indent away where all lines have it.
    told = [summary, textwrap.indent(textwrap.dedent(examples), "  "), *map(_fill, rest)]
    usage = f"usage: {name} [flags] {getattr(module, 'ARGUMENTS', '')}".rstrip()
    return "\n".join(["\n\n".join([*told, usage]), *_flag_lines(flags)])


def spell(command: str, commands: Iterable[str]) -> str:
    """A command as it is typed: several that begin alike are words of one ("audit inflation")."""
    first, _, rest = command.partition("_")
    alike = sum(name.partition("_")[0] == first for name in commands)
    return f"{first} {rest}" if rest and alike > 1 else command


@cache
def _read(command: str) -> tuple[str, str]:
    """Group and summary of a command, without importing it."""
    tree = ast.parse(Path(__file__).with_name(f"{command}.py").read_text(encoding="utf-8"))
    group = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "GROUP"
    )
    return group, (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")


def _columns(rows: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Names, and what they are in the same column, on several lines if need be."""
    return [line for name, text in rows for line in _row(f"  {name}", text, width + 4).split("\n")]


def _row(name: str, text: str, column: int) -> str:
    """A name and its text, which begins on the next line if the name is long."""
    indent = " " * column
    told = textwrap.fill(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return f"{name:<{column}}{told[column:]}" if len(name) < column - 1 else f"{name}\n{told}"


def _fill(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()), _WIDTH, break_on_hyphens=False, break_long_words=False
    )


def _flag_lines(flags: Flags) -> Iterator[str]:
    """Every flag under the title of its group, in the order in which they were defined."""
    titles = flags.titles()
    for title in dict.fromkeys(titles.values()):
        yield f"\n{title}:"
        for name, other in titles.items():
            if other == title:
                flag = flags[name]
                yield _row(f"  {_usage(flag)}", _meaning(flag), _COLUMN)


def _usage(flag: absl_flags.Flag) -> str:
    """A flag as it is typed: --[no]record, --top=N, --order=input|arrival."""
    if flag.boolean:
        return f"--[no]{flag.name}"
    kind = flag.parser.flag_type()
    if choices := getattr(flag.parser, "enum_values", None):
        value = "|".join(choices)
    else:
        value = {"int": "N", "float": "X", "path": "PATH", "limits": "LIMITS"}.get(kind, "TEXT")
        value = "A,B,…" if isinstance(flag.parser, absl_flags.ListParser) else value
    return f"--{flag.name}={value}"


def _meaning(flag: absl_flags.Flag) -> str:
    """What a flag is for, with the default where there is one to tell."""
    text = " ".join(re.sub(r"^<[^<>]*>: ", "", flag.help or "").split())
    default = flag.default
    if flag.boolean:
        return f"{text} (on)" if default else text
    if default in (None, "", []):
        return text
    shown = (
        ",".join(default)
        if isinstance(default, list)
        else f"{default:g}"
        if isinstance(default, float)
        else default
    )
    return f"{text} ({shown})"
