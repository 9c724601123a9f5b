"""The package as a whole: what may import what, who may print, what importing costs."""

import ast
import functools
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mgr_jax

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mgr_jax"

# A → what A may import (DESIGN.md, "Imports point one way"), from the ground up; a part may import
# itself, and everybody may import GROUND.
GROUND = {
    "errors",
    "files",
    "integrity",
    "array_files",
    "workers",
    "side_inputs",
    "signals",
    "ahead",
    "third_party",
    "huge_pages",
    "program_cache",
    "_registry",
}
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "files": set(),
    "integrity": set(),
    "array_files": set(),
    "workers": set(),
    "side_inputs": set(),
    "signals": set(),
    "ahead": set(),
    "third_party": set(),
    "random_keys": set(),
    "tracing": set(),
    "huge_pages": set(),
    "program_cache": set(),
    "catalogue": set(),
    "genre_tree": set(),
    "background": set(),
    "decisions": {"background", "genre_tree"},
    "_registry": set(),
    "config": set(),
    "audio.spool": set(),
    "audio.gate": {"audio.spool"},
    "audio.encoded": {"audio.gate"},
    "audio.streams": set(),
    "audio.headers": {"audio.encoded", "audio.streams"},
    "audio.decoder": {"audio.encoded", "audio.headers", "audio.gate"},
    "audio.packets": {"audio.decoder", "audio.encoded", "audio.headers"},
    "audio.io": {"audio.decoder", "audio.gate", "audio.spool"},
    "audio.listing": set(),
    "audio.file_tags": {"audio.decoder", "audio.encoded"},
    "audio.notes": {"audio.io"},
    "audio.clips": set(),
    "audio.overview": {"audio.dsp"},
    "audio.fingerprint": {"audio.io"},
    "audio.chromaprint": {"audio.io", "audio.fingerprint"},
    "audio.dsp": set(),
    "audio.frontends": {"audio.dsp", "audio.clips"},
    "audio.augment": set(),
    "onednn": set(),
    "models": {"onednn"},
    "input_spec": {"audio.clips"},
    "classifier": {
        "audio.dsp", "audio.frontends", "models", "input_spec", "random_keys", "tracing",
    },
    "model_folder": {
        "background", "classifier", "decisions", "input_spec", "audio.clips", "model_of_config",
        "catalogue",
    },
    "model_of_config": {"config", "input_spec", "model_folder"},
    "evaluation": set(),
    "data": {
        "config", "audio.io", "audio.listing", "audio.notes", "audio.clips", "audio.frontends",
        "evaluation.protocol",
    },
    "training": {
        "classifier", "tracing", "onednn", "input_spec", "model_folder", "model_of_config",
        "data", "config", "evaluation", "reports",
        "audio.augment", "audio.dsp", "audio.frontends", "training.checkpoint",
    },
    "training.checkpoint": set(),
    "training.weights": set(),
    "prediction": {
        "background", "classifier", "decisions", "input_spec", "model_folder",
        "training.checkpoint", "audio.io", "audio.gate",
        "audio.clips", "audio.frontends", "audio.dsp", "audio.listing", "audio.notes",
        "audio.packets", "audio.spool",
    },
    "interop": {
        "audio.dsp", "audio.frontends", "catalogue", "classifier", "config", "decisions",
        "input_spec", "model_folder", "models", "prediction", "training.checkpoint",
        "training.weights",
    },
    "features": {"audio.io", "audio.notes"},
    "baselines": {"features", "data", "evaluation", "audio.io"},
    "leakage": {
        "data", "evaluation", "audio.io", "audio.listing", "audio.notes", "audio.fingerprint",
        "audio.chromaprint",
    },
    "reports": set(),
    "benchmark": {
        "onednn",
        "audio.dsp", "audio.frontends", "audio.io", "audio.decoder", "audio.listing", "classifier",
        "audio.clips", "input_spec", "config", "data", "decisions", "evaluation", "model_folder",
        "models", "prediction", "reports", "training", "training.checkpoint",
    },
    "runs": {
        "background", "classifier", "data", "config", "decisions", "evaluation",
        "evaluation.protocol",
        "training", "prediction", "model_folder", "input_spec", "features", "baselines",
        "interop", "models", "training.checkpoint", "training.weights",
        "leakage", "reports", "benchmark", "audio.io", "audio.decoder", "audio.gate",
        "audio.listing", "audio.notes", "audio.clips", "audio.file_tags", "audio.overview",
        "audio.frontends", "audio.augment", "audio.fingerprint", "audio.chromaprint",
    },
    # The command line is a face of the public names, which it has from `mgr_jax`.
    "cli": {"config", "data", "leakage"},
    "__main__": {"cli"},
}  # fmt: skip
PARTS = {*ARROWS, "evaluation.protocol"}
DATASETS = {path.parent.name for path in PACKAGE.glob("data/*/__init__.py")} - {"feature_files"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str:
    """The longest name in PARTS that a module of mgr_jax belongs to."""
    name = module.removeprefix("mgr_jax").removeprefix(".")
    while name and name not in PARTS:
        name = name.rpartition(".")[0]
    return name


def imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


@functools.cache
def parse_all() -> list[tuple[Path, ast.Module]]:
    paths = sorted(PACKAGE.rglob("*.py"))
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def sources(*, cli: bool = True) -> Iterator[tuple[Path, ast.Module]]:
    for path, tree in parse_all():
        if cli or not {"cli", "__main__.py"} & {*path.relative_to(PACKAGE).parts}:
            yield path, tree


def test_every_part_is_looked_at():
    """The tests below hold of all the sources; of none, each of them would pass."""
    seen = {part_of(module_of(path)) for path, _ in sources()}
    assert seen - {""} == set(PARTS)


def test_imports_point_one_way():
    wrong = []
    for path, tree in sources():
        if path == PACKAGE / "__init__.py":
            continue
        module = module_of(path)
        part = part_of(module)
        assert part or module == "mgr_jax.audio", f"{module} is in no part of ARROWS"
        allowed = ARROWS.get(part, set()) | GROUND
        if "evaluation" in allowed | {part}:
            allowed.add("evaluation.protocol")
        if part == "evaluation.protocol":
            allowed.add("evaluation")
        for name in imports(tree):
            other = part_of(name) if name.startswith("mgr_jax.") else ""
            if other and other != part and other not in allowed:
                wrong.append(f"{module} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_the_library_does_not_reach_round_the_arrows_through_the_public_names():
    """Only the command line calls `mgr_jax.evaluate(…)`; the parts import each other."""
    for path, tree in sources(cli=False):
        if path.name in ("device_parts.py", "scaling_jobs.py"):  # programs that do as users do
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "mgr_jax":
                assert node.attr in ("__version__", "__file__", "data"), f"{path}:{node.lineno}"


def test_no_general_module_imports_a_single_dataset():
    for path, tree in sources():
        inside = path.relative_to(PACKAGE).parts
        own = inside[1] if inside[0] == "data" and len(inside) > 2 else ""
        for name in imports(tree):
            single = re.match(rf"mgr_jax\.data\.({'|'.join(DATASETS)})\b", name)
            assert not single or single[1] == own, f"{path} imports {name}"


def test_tensorflow_is_never_imported_and_librosa_only_by_features():
    for path, tree in sources():
        roots = {name.split(".")[0] for name in imports(tree)}
        assert "tensorflow" not in roots, path
        assert "librosa" not in roots or path.parent.name in ("features", "benchmark"), path


def test_only_the_command_line_prints_and_knows_of_flags():
    for path, tree in sources(cli=False):
        assert not any(name.startswith("absl") for name in imports(tree)), path
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        printing = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
        writing = [c for c in calls if ast.unparse(c.func) in ("tqdm.write", "sys.stdout.write")]
        assert not printing + writing, f"{path} prints"
        for text in messages(tree):
            # Options of other programs are no flags of ours.
            found = re.search(r"(?<![\w-])--(?!no-deps)[a-z]\w*", text)
            assert not found or "-- " in text, f"{path} names a flag: {text!r}"


def messages(tree: ast.Module) -> Iterator[str]:
    """Texts that are no docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.value


def test_every_progress_bar_has_a_switch():
    for path, tree in sources(cli=False):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("tqdm", "tqdm.tqdm"):
                given = {keyword.arg for keyword in node.keywords}
                assert given & {"disable", None}, f"{path}:{node.lineno}: a bar without `disable`"


def test_text_files_are_utf8_whatever_the_machine_speaks():
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(
                node.func, ast.Attribute | ast.Name
            ):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            given = {keyword.arg for keyword in node.keywords}
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            binary = any("b" in text for text in texts if isinstance(text, str) and len(text) < 4)
            called = ast.unparse(node.func)
            other = called in ("os.open", "tarfile.open", "av.open") or "zip" in called
            other |= called.startswith("tensorstore.")
            if name in ("read_text", "write_text", "open") and not binary and not other:
                own = name == "write_text" and isinstance(node.func, ast.Name)  # files.write_text
                assert own or "encoding" in given, f"{path}:{node.lineno}: no encoding"


def test_the_command_line_is_flags_a_call_and_print():
    shared = 0
    for path, tree in sources():
        if path.parent != PACKAGE / "cli":
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        # For each command, not for all together: another one is no reason to shorten the others.
        # What they share, the layout of help included, need not grow with their number.
        if path.name.startswith("_"):
            shared += lines
        assert lines <= (300 if path.name.startswith("_") else 70), path
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for function in functions:
            local = imports(ast.Module(function.body, []))
            assert not local, f"{path}: {function.name} imports {local}"
        if not path.name.startswith("_"):
            assert [node.name for node in functions] == ["define_flags", "main"], path
    assert shared <= 900


def test_importing_the_package_loads_and_changes_nothing():
    code = (
        "import os, sys\n"
        "before = dict(os.environ)\n"
        "import mgr_jax\n"
        "assert before == dict(os.environ)\n"
        "assert not {'jax', 'tensorflow_datasets', 'numpy'} & set(sys.modules)\n"
        "assert mgr_jax.list_models() and mgr_jax.list_frontends()"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def test_names_in_docstrings_exist():
    for _, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                continue
            for name in re.findall(r"\bmgr_jax(?:\.\w+)+", ast.get_docstring(node) or ""):
                pkgutil.resolve_name(name)  # raises if there is none


def test_public_names_exist():
    for name in mgr_jax.__all__:
        assert getattr(mgr_jax, name) is not None
        # A package of this name would take its place as soon as it is imported.
        assert not (PACKAGE / name).exists()
        assert not (PACKAGE / f"{name}.py").exists()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mgr_jax.nonsense
    assert "rendered/demo" in mgr_jax.list_datasets()
