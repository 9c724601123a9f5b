"""Classes are found by the names in their bodies, and imported one by one."""

import subprocess
import sys

import pytest

from mgr_jax._registry import Registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package whose module `two` says when it is imported."""
    folder = tmp_path / "shapes_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    body = 'from typing import ClassVar\nclass {0}:\n    registered: ClassVar[str] = "{1}"\n'
    (folder / "one.py").write_text(body.format("Round", "round") + body.format("Oval", "oval"))
    (folder / "two.py").write_text(body.format("Square", "square") + "print('imported')\n")
    (folder / "base.py").write_text("class Shape:\n    registered: str\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith(folder.name)]:
        del sys.modules[name]


def test_only_what_is_asked_for_is_imported(package, capsys):
    shapes = Registry(package.name)
    assert list(shapes) == ["oval", "round", "square"]
    assert "square" in shapes
    assert "Square" not in shapes
    assert shapes["oval"].__name__ == "Oval"
    assert capsys.readouterr().out == ""
    assert shapes["square"].registered == "square"
    assert capsys.readouterr().out == "imported\n"
    with pytest.raises(KeyError):
        shapes["cube"]


def test_a_name_belongs_to_one_class(package):
    (package / "three.py").write_text('class Circle:\n    registered: str = "round"\n')
    with pytest.raises(ValueError, match="both register round"):
        list(Registry(package.name))


def test_listing_the_models_imports_none_of_them():
    code = (
        "import sys, mgr_jax\n"
        "assert 'won_crnn' in mgr_jax.list_models()\n"
        "assert 'mgr_jax.models.won2020' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
