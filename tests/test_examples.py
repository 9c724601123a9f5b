"""The examples of README, of the site and of docstrings do what they show.

Python blocks of a page run one after the other in one namespace, and its command lines between
them, in a folder of tiny runs and songs that is as new for every page (tests/helpers/workspace.py;
`config`, `run`, `predictor`, `mels` and the like are given). What trains, trains a tiny network for
two steps instead. Every command line is parsed with the flags of its command, and its config read;
those that are quick are run as well. A fence under `<!-- not run: why -->` is only compiled or
parsed. Blocks of other languages, such as ```text for what is printed, are none of this.
"""

import ast
import contextlib
import doctest
import importlib
import inspect
import io
import os
import sys
from pathlib import Path

import pytest
import workspace as workspaces
from examples import ROOT, Example, examples_of_docstrings, examples_of_page, pages

import mgr_jax
from mgr_jax import cli
from mgr_jax.cli._flags import Flags

pytestmark = pytest.mark.compiles

# Commands that are run as they stand; the others train, download, measure or need a data set, and
# are parsed. What they do is tested in tests/cli and tests/runs.
QUICK = {
    *("predict", "evaluate", "report", "compare", "search", "embed", "listen", "calibrate"),
    *("init_config", "pretrained"),
}
# Flags and arguments with which a quick command needs what no workspace has.
ABSENT = {
    ("--features=",): "a table of a dataset that has to be downloaded",
    ("--format=crowdai",): "a network of FMA's 16 genres",
    ("--write_tags",): "mutagen, which is not part of mgr_jax",
    ("--split=train",): "a minute",
    ("report", "frontends"): "a minute",
    ("calibrate", "--timeline"): "songs of minutes, which are spliced",
}
# Docstrings whose examples are not run, and why; their calls must fit all the same.
NOT_RUN = {
    "mgr_jax/benchmark/": "measures for minutes; tests/benchmark runs it on little",
    "mgr_jax/interop/get_pretrained.py": "downloads; tests/interop has small ones",
    "mgr_jax/interop/import_weights.py": "needs a file of weights; tests/interop makes them",
    "mgr_jax/config/recipes.py": "stands in a config file; every shipped config runs it",
    "mgr_jax/runs/auditing.py": "needs GTZAN; tests/leakage makes datasets like it",
    "mgr_jax/runs/inflation.py": "needs tables of GTZAN; tests/leakage makes some",
    "mgr_jax/prediction/tags.py": "needs mutagen, which is not part of mgr_jax",
    "mgr_jax/runs/frontend_gallery.py": "half a minute; tests/runs/test_frontend_gallery.py draws",
    "mgr_jax/runs/listen.py": "needs a recorder; tests/prediction/test_listen.py has a pipe",
}
PAGES = [page for page in pages() if examples_of_page(page)]
FILES = [path for path in sorted((ROOT / "mgr_jax").rglob("*.py")) if examples_of_docstrings(path)]
HELD: set[str] = set()  # command lines that were run; none is run twice


@pytest.fixture(scope="module")
def made_workspace(tmp_path_factory):
    fonts = os.environ.get("MPLCONFIGDIR", Path.home() / ".cache" / "matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        # What the workspace changes is put back; and no other home folder costs a font cache.
        patch.chdir(Path.cwd())
        patch.setenv("HOME", str(Path.home()))
        patch.setenv("MPLCONFIGDIR", str(fonts))
        patch.delenv("TFDS_DATA_DIR", raising=False)
        yield workspaces.Workspace(tmp_path_factory.mktemp("examples"))


@pytest.fixture
def workspace(made_workspace, monkeypatch):
    made_workspace.renew()
    workspaces.train_little(monkeypatch)
    return made_workspace


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_pages(workspace, page):
    names: dict = {}
    for example in examples_of_page(page):
        hold(example, names, workspace)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_of_docstrings(workspace, path):
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for example in examples_of_docstrings(path):
        reason = next((why for part, why in NOT_RUN.items() if example.path.startswith(part)), "")
        if not example.is_command:
            example = Example(example.path, example.line, example.code, reason)
        hold(example, {**vars(module), "mgr_jax": mgr_jax, "sys": sys}, workspace)


@pytest.mark.parametrize("part", NOT_RUN)
def test_what_is_not_run_is_there(part):
    assert any(str(path.relative_to(ROOT)).startswith(part) for path in FILES)


def hold(example: Example, names: dict, workspace) -> None:
    """Fails, naming page and line, unless an example does what it is to do."""
    try:
        workspace.provide(example.code)
        if example.is_command:
            parse(example.arguments)
            if not example.not_run and is_quick(example) and example.code not in HELD:
                HELD.add(example.code)
                call(example.arguments)
        else:
            run_python(example, names)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        pytest.fail(f"{example}: {type(error).__name__}: {error}\n\n{example.code}", pytrace=True)


def run_python(example: Example, names: dict) -> None:
    """Runs a block in a namespace; of one that is not run, only calls are compared."""
    if example.code.startswith(">>> "):
        found = doctest.DocTestParser().get_examples(example.code)
    else:
        found = [doctest.Example(example.code, "")]
    for part in found:
        code = compile(
            "\n" * (example.line - 1 + part.lineno) + part.source,
            example.path,
            "single" if part.want else "exec",
        )
        tree = ast.parse(part.source)
        if example.not_run:
            bind_calls(tree)
            continue
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in used.intersection(workspaces.GIVEN) - names.keys():
            names[name] = workspaces.make_given(name)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        want, got = part.want.replace("…", "..."), printed.getvalue()
        how = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        assert not want or doctest.OutputChecker().check_output(want, got, how), got


def bind_calls(tree: ast.AST) -> None:
    """Raises TypeError for a call of a public name that does not take such arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "mgr_jax"):
                continue
            names = {word.arg: None for word in node.keywords if word.arg}
            inspect.signature(getattr(mgr_jax, node.func.attr)).bind(*node.args, **names)


def parse(arguments: list[str]) -> None:
    """Raises where a command is none, or has no such flag, value or config."""
    command = next(
        ("_".join(arguments[:n]) for n in (2, 1) if "_".join(arguments[:n]) in cli.list_commands()),
        None,
    )
    if not command:
        assert arguments in ([], ["--help"], ["--version"]) or arguments[0] in (
            name.partition("_")[0] for name in cli.list_commands()
        ), f"no command: {arguments}"
        return
    module = importlib.import_module(f"mgr_jax.cli.{command}")
    words = cli.spell(command).split()
    flags = Flags(arguments[len(words) :])
    module.define_flags(flags)
    if {"-h", "--help"} & set(arguments):
        return
    rest = flags(["mgr-jax", *flags.argv])[1:]
    flags.validate_all_flags()
    assert not rest or hasattr(module, "ARGUMENTS"), f"{command} takes flags alone, not {rest}"
    if "config" in flags and flags["config"].present:
        flags.require_config()


def is_quick(example: Example) -> bool:
    """Whether a command line is run."""
    arguments = example.arguments
    if "…" in example.code or example.is_piped or not arguments or arguments[1:2] == ["get"]:
        return False
    if {"-h", "--help"} & set(arguments):
        return True
    absent = any(
        all(any(word.startswith(part) for word in arguments) for part in parts) for parts in ABSENT
    )
    return arguments[0] in QUICK and not absent


def call(arguments: list[str]) -> None:
    told = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(told):
        status = cli.main(arguments)
    assert not status, told.getvalue()
