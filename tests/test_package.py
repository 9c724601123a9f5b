"""The package as a whole: what importing costs, what may import what, what the wheel holds."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mgr_jax

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mgr_jax"

# A → what A may import (DESIGN.md, "Imports point one way"); errors and _registry are for all.
ARROWS: dict[str, set[str]] = {
    "errors": set(),
    "_registry": set(),
    "config": set(),
    "audio.io": set(),
    "audio.clips": set(),
    "audio.fingerprint": {"audio.io"},
    "audio.chromaprint": {"audio.io", "audio.fingerprint"},
    "audio.dsp": set(),
    "audio.frontends": {"audio.dsp", "audio.clips"},
    "audio.augment": set(),
    "models": set(),
    "benchmark": {"audio.dsp", "audio.frontends", "classifier"},
    "classifier": {"audio.clips", "audio.dsp", "audio.frontends", "models"},
    "data": {"audio.io", "audio.clips"},
    "evaluation": set(),
    "reports": set(),
    "tables": {"audio.io", "data", "evaluation"},
    "training": {
        "classifier",
        "data",
        "config",
        "evaluation",
        "reports",
        "audio.augment",
        "audio.dsp",
        "audio.frontends",
    },
    "predictor": {
        "classifier",
        "training",
        "config",
        "audio.io",
        "audio.clips",
        "audio.frontends",
    },
    "analysis": {"audio.io", "audio.frontends", "audio.augment", "reports"},
}
EVERYBODY = {"errors", "_registry"}
# evaluation and reports stand on their own.
ALONE = {"evaluation", "reports"}


def part_of(module: str) -> str:
    """The longest name in ARROWS that a module of mgr_jax belongs to."""
    name = module.removeprefix("mgr_jax").removeprefix(".")
    while name and name not in ARROWS:
        name = name.rpartition(".")[0]
    return name


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def sources() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"]


def test_imports_point_one_way():
    wrong = []
    for path in sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        part = part_of(module)
        if module.startswith("mgr_jax.cli"):
            continue
        assert part or module == "mgr_jax.audio", f"{module} is in no part of ARROWS"
        for name in imports(path):
            other = part_of(name) if name.startswith("mgr_jax") else ""
            allowed = ARROWS.get(part, set()) | {part} | (set() if part in ALONE else EVERYBODY)
            if (other and other not in allowed) or name.startswith("mgr_jax.cli"):
                wrong.append(f"{module} imports {name}")
    assert not wrong, wrong


def test_tensorflow_is_never_imported_and_librosa_only_by_tables():
    for path in sources():
        roots = {name.split(".")[0] for name in imports(path)}
        assert "tensorflow" not in roots, path
        assert "librosa" not in roots or path.parent.name in ("tables", "benchmark"), path


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


def test_public_names_exist():
    for name in mgr_jax.__all__:
        assert getattr(mgr_jax, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = mgr_jax.nonsense
    assert "rendered/demo" in mgr_jax.list_datasets()


def test_the_wheel_ships_the_configs_inside_the_package(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "mgr_jax/_configs/rendered/choi_crnn.py" in names
    assert "mgr_jax/data/rendered/CITATIONS.bib" in names
    assert {name.split("/")[0] for name in names} == {
        "mgr_jax",
        f"mgr_jax-{mgr_jax.__version__}.dist-info",
    }
    # An installed wheel finds its configs without the checkout.
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = "from mgr_jax.cli import main; main(['init_config'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "site",
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
    )
    assert "rendered/choi_crnn" in done.stdout
