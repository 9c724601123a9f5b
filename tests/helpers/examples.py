"""The examples of documentation: Python and command lines of pages and of docstrings.

A fence that cannot be run in a test has a line above it that says why:

    <!-- not run: needs a microphone -->

Its Python must still compile, and its calls of mgr_jax must fit their functions. Docstrings have no
room for such a line; theirs stand in tests/test_examples.py.
"""

import ast
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^( *)(```+|~~~+) *([\w-]*)[^\n]*\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
_REASON = re.compile(r"<!-- not run: (.+?) -->\s*\Z", re.DOTALL)
_INDENTED = re.compile(r"(?:(?<=\n\n)|(?<=Example:\n))((?: {2,}\S.*\n?|\n(?= {2}))+)")
_SHELLS = ("bash", "sh", "shell", "console")


@dataclass(frozen=True)
class Example:
    """A piece of code.

    Attributes:
      path: the file, from the top of the project.
      line: where the code begins.
      code: Python, or one command line.
      not_run: why it is not run; empty if it is.
    """

    path: str
    line: int
    code: str
    not_run: str = ""

    @property
    def is_command(self) -> bool:
        return is_command(self.code)

    @property
    def arguments(self) -> list[str]:
        """Of a command line: what stands behind mgr-jax, without what is left open by an …"""
        words = _words(self.code)
        start = next(i for i, word in enumerate(words) if _begins(words, i))
        script = [Path(words[start]).stem] if words[start].endswith(".py") else []
        ends = (i for i, word in enumerate(words) if i > start and set(word) <= set("|;&<>()"))
        end = next(ends, len(words))
        return [*script, *(word for word in words[start + 1 : end] if "…" not in word)]

    @property
    def is_piped(self) -> bool:
        return "|" in _words(self.code) or "<" in _words(self.code)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


def pages() -> list[Path]:
    """Every page of Markdown that people read."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]


def examples_of_page(page: Path) -> list[Example]:
    """Its blocks of Python and its command lines, in their order."""
    text, path, found = page.read_text(encoding="utf-8"), str(page.relative_to(ROOT)), []
    for fence in _FENCE.finditer(text):
        language, line = fence[3], text.count("\n", 0, fence.start(4)) + 1
        reason = _REASON.search(text[: fence.start()])
        not_run = " ".join(reason[1].split()) if reason else ""
        if language in ("python", "py"):
            code = textwrap.dedent(fence[4])
            found.append(Example(path, line, code, not_run))
        elif language in ("", *_SHELLS):
            for number, command in _commands(fence[4], anywhere=language in _SHELLS):
                found.append(Example(path, line + number, command, not_run))
    return found


def examples_of_docstrings(path: Path) -> list[Example]:
    """The examples of a file's docstrings: indented code behind a blank line, or `Example:`."""
    source, name, found = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)), []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if (text := ast.get_docstring(node)) is None:
            continue
        first = node.body[0].lineno
        for block in _INDENTED.finditer(text):
            code = textwrap.dedent(block[1]).rstrip("\n")
            line = first + text.count("\n", 0, block.start())
            if _is_code(code):
                found.append(Example(name, line, code))
            for number, command in _commands(code, anywhere=False):
                found.append(Example(name, line + number, command))
        if path.parent.name == "cli" and text.count("\n\n") == 1:  # then they lost their indent
            for number, command in _commands(text.partition("\n\n")[2], anywhere=False):
                found.append(Example(name, first + 2 + number, command))
        for fence in _FENCE.finditer(text):
            if fence[3] in ("python", "py"):
                line = first + text.count("\n", 0, fence.start(4))
                found.append(Example(name, line, textwrap.dedent(fence[4])))
    return found


def is_command(line: str) -> bool:
    """Whether a line runs mgr-jax or a script of launch/."""
    try:
        words = _words(line)
    except ValueError:  # an apostrophe: it is prose
        return False
    return any(_begins(words, i) for i in range(len(words)))


def _begins(words: list[str], i: int) -> bool:
    return words[i] == "mgr-jax" or (
        words[i].startswith("launch/") and words[i].endswith(".py") and words[i - 1] == "python"
    )


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _commands(text: str, *, anywhere: bool) -> Iterator[tuple[int, str]]:
    """Command lines with their numbers; those that a backslash goes on with are one."""
    number = 0
    for line in re.sub(r" *\\\n\s*", "\0", text).split("\n"):
        command = line.replace("\0", " ").strip().removeprefix("$ ")
        if is_command(command):
            first = _words(command)[0]
            if anywhere or first in ("mgr-jax", "python") or "| mgr-jax " in command:
                yield number, command
        number += 1 + line.count("\0")


def _is_code(text: str) -> bool:
    """Whether a text is Python that does something; a table or a formula is none."""
    if text.lstrip().startswith(">>> "):
        return True
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree)) and not is_command(text)
