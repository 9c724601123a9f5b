"""Public docstrings name every argument, every error that the function raises, and the result.

Ruff checks the form of docstrings (D) and refuses sections about arguments and results that a
function does not have (DOC102, DOC202). This lint checks what ruff's rules miss: D417 accepts a
docstring without `Args:`, DOC201 asks for `Returns:` after "The mean of …", and DOC501 takes
`raise unknown_name(…)` for the name of a class.
"""

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mgr_jax"
Function = ast.FunctionDef | ast.AsyncFunctionDef

MANY = 3  # arguments from which on they are documented one by one
# "The mean of…" says what is returned; a line that begins with a verb, "Reads…", needs `Returns:`.
VERB = re.compile(r"(?!Returns|Yields)[A-Z][a-z]*s\b")
# Faults of the program itself, which no caller handles.
OWN_FAULTS = {"AssertionError", "NotImplementedError"}
SECTION = re.compile(r"^(Args|Returns|Raises|Yields|Attributes|Example|Examples|Note):$")


@functools.cache
def modules() -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """Functions of a module and methods of its classes, with their full names."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, Function):
            yield prefix + node.name, node


def public_functions(tree: ast.Module) -> Iterator[Function]:
    for name, function in functions(tree):
        if not any(part.startswith("_") for part in name.split(".")):
            yield function


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes directly in another, but no functions and classes inside it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (Function, ast.Lambda, ast.ClassDef)):
            yield child


def own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in children(function):
        yield child
        yield from own_nodes(child)


def arguments(function: Function) -> list[str]:
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args)]
    names += [given.vararg.arg] if given.vararg else []
    names += [argument.arg for argument in given.kwonlyargs]
    names += [given.kwarg.arg] if given.kwarg else []
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


@functools.cache
def makers() -> dict[str, str]:
    """Functions that make an error to be raised → the class that their signature names."""
    return {
        function.name: ast.unparse(function.returns).rpartition(".")[2]
        for tree in modules().values()
        for _, function in functions(tree)
        if function.returns is not None
    }


def raised(node: ast.AST, caught: frozenset[str] = frozenset()) -> set[str]:
    """Classes of the errors that leave a function by `raise Class(…)`; `raise error` is none."""
    names = set()
    if isinstance(node, ast.Raise) and node.exc is not None:
        thing = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = ast.unparse(thing).rpartition(".")[2]
        name = makers().get(name, name)
        if name[0].isupper() and name not in OWN_FAULTS | caught:
            names.add(name)
    for child in children(node):
        inside = isinstance(node, ast.Try) and child in node.body
        names |= raised(child, caught | handled(node) if inside else caught)
    return names


@functools.cache
def tuples() -> dict[str, set[str]]:
    """Constants that are tuples, such as DAMAGE → the names in them."""
    return {
        target.id: names_in(statement.value)
        for tree in modules().values()
        for statement in tree.body
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def names_in(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def handled(statement: ast.Try) -> set[str]:
    """Classes that a `try` catches."""
    written = [names_in(handler.type) for handler in statement.handlers if handler.type]
    return {name for names in written for one in names for name in tuples().get(one, {one})}


def returns_something(function: Function) -> bool:
    return any(
        (isinstance(node, ast.Return) and node.value is not None)
        or isinstance(node, (ast.Yield, ast.YieldFrom))
        for node in own_nodes(function)
    )


def sections(docstring: str) -> dict[str, list[str]]:
    """Section → names of its items: `Args:` → the arguments, `Raises:` → the classes."""
    found: dict[str, list[str]] = {}
    name, indent = "", 0
    for line in inspect.cleandoc(docstring).splitlines():
        if heading := SECTION.match(line):
            name, indent = heading[1], 0
            found[name] = []
        elif line and not line[0].isspace():
            name = ""
        elif line and name:
            indent = indent or len(line) - len(line.lstrip())
            if item := re.match(rf" {{{indent}}}\*{{0,2}}([\w.]+)( \(.+?\))?:", line):
                found[name].append(item[1].rpartition(".")[2])
    return found


def complaints(function: Function) -> Iterator[str]:
    docstring = ast.get_docstring(function) or ""
    written = sections(docstring)
    wanted = arguments(function)
    if "Args" in written or len(wanted) >= MANY:
        if written.get("Args") != wanted:
            yield f"Args: {written.get('Args', [])}; the signature has {wanted}"
        if (
            returns_something(function)
            and VERB.match(docstring)
            and not written.keys() & {"Returns", "Yields"}
        ):
            yield "Returns: (or Yields:) is missing, and the first line says what it does"
    if missing := raised(function) - set(written.get("Raises", [])):
        yield f"Raises: {', '.join(sorted(missing))} is missing"


SAMPLE = '''
def f(a, b, *c, d=1, **e):
    """{summary}

    {sections}
    """
    if a:
        raise unknown_name("thing", a, b)

    def inner():
        raise KeyError
    return a
'''
ARGS = "Args:\n      a: one.\n      b: two.\n      *c: three.\n      d: four.\n      **e: five."
RAISES = "Raises:\n      UserError: there is no such thing."


@pytest.mark.parametrize(
    ("summary", "written", "missing"),
    [
        ("Reads a.", f"{ARGS}\n\n    Returns:\n      What it read.\n\n    {RAISES}", []),
        ("The first of them.", f"{ARGS}\n\n    {RAISES}", []),
        ("Reads a.", f"{ARGS}\n\n    {RAISES}", ["Returns"]),
        ("The first of them.", ARGS, ["Raises"]),
        ("The first of them.", RAISES, ["Args"]),
        ("The first of them.", f"{ARGS.replace('b: two', 'g: two')}\n\n    {RAISES}", ["Args"]),
        ("Reads a.", "", ["Args", "Returns", "Raises"]),
    ],
)
def test_the_lint_sees_what_a_docstring_lacks(summary, written, missing):
    (function,) = public_functions(ast.parse(SAMPLE.format(summary=summary, sections=written)))

    assert [complaint.split(":")[0] for complaint in complaints(function)] == missing


def test_public_docstrings_name_arguments_returns_and_errors():
    offenders = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name}: {complaint}"
        for path, tree in modules().items()
        for function in public_functions(tree)
        if "overload" not in map(ast.unparse, function.decorator_list)
        if (path.parent.name, function.name) != ("cli", "main")  # its help says what it does
        for complaint in complaints(function)
    ]

    assert not offenders, "\n".join(offenders)
