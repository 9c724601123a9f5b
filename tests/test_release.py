"""What is released: wheel and sdist, installed where nothing else of the tree is to be found."""

import os
import pkgutil
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

import mgr_jax

ROOT = Path(__file__).resolve().parent.parent
DIST_INFO = f"mgr_jax-{mgr_jax.__version__}.dist-info"


def run(*command: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Runs a program to which the tree is not shown; what it prints comes back as text."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment | {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def require_success(done: subprocess.CompletedProcess) -> str:
    assert done.returncode == 0, done.stdout
    return done.stdout


def build(kind: str, tree: Path, out: Path) -> Path:
    """Builds a "wheel" or an "sdist" of a tree."""
    require_success(
        run(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", out, cwd=tree)
    )
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def others(tmp_path_factory) -> Path:
    """A folder with all that is installed here, but for mgr_jax."""
    folder = tmp_path_factory.mktemp("others")
    for scheme in ("purelib", "platlib"):
        for path in Path(sysconfig.get_path(scheme)).iterdir():
            if "mgr_jax" not in path.name and not (folder / path.name).is_symlink():
                (folder / path.name).symlink_to(path)
    return folder


class Environment:
    """A new environment, in which only what mgr_jax needs is installed."""

    def __init__(self, folder: Path, others: Path) -> None:
        venv.create(folder)
        self.folder = folder
        self.python = folder / "bin/python"
        (self.site,) = folder.glob("lib/python*/site-packages")
        (self.site / "others.pth").write_text(f"{others}\n")

    def install(self, built: Path) -> None:
        """Installs a wheel or an sdist, without network."""
        flags = ("--quiet", "--no-deps", "--no-build-isolation")
        require_success(run(self.python, "-m", "pip", "install", *flags, built, cwd=self.folder))

    def files(self) -> set[str]:
        """What is installed of mgr_jax, but for what is compiled."""
        found = (path.relative_to(self.site) for path in (self.site / "mgr_jax").rglob("*"))
        return {path.as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def of_wheel(tmp_path_factory, others, wheel) -> Environment:
    environment = Environment(tmp_path_factory.mktemp("of_wheel"), others)
    environment.install(wheel)
    return environment


def test_the_wheel_holds_the_package_and_its_tables(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names} == {"mgr_jax", DIST_INFO}
    assert {
        "mgr_jax/py.typed",
        "mgr_jax/_configs/choi2016.py",
        "mgr_jax/_results.jsonl",
        "mgr_jax/_third_party/README.md",
        "mgr_jax/_third_party/splits/fault_filtered.csv",
        "mgr_jax/benchmark/inputs/page.md",
        "mgr_jax/data/rendered/CITATIONS.bib",
        "mgr_jax/onednn/convolution.cc",
        f"{DIST_INFO}/licenses/LICENSE",
    } <= names
    assert not [name for name in names if "test" in Path(name).parts[-1].split("_")[0]]
    assert zipfile.ZipFile(wheel).getinfo(f"{DIST_INFO}/METADATA").file_size < 2**20


def test_the_sdist_holds_what_the_checkout_has(sdist, wheel, tmp_path):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        archive.extractall(tmp_path, filter="data")
    assert {
        "LICENSE",
        "Makefile",
        "constraints.txt",
        "tests/conftest.py",
        "launch/train.py",
        "launch/colab_tpu.ipynb",
        "docs/results.jsonl",
        "third_party/README.md",
    } <= names
    # A wheel of it is the wheel of the checkout.
    (tree,) = tmp_path.iterdir()
    again = build("wheel", tree, tmp_path / "dist")
    assert zipfile.ZipFile(again).namelist() == zipfile.ZipFile(wheel).namelist()


@pytest.mark.slow
def test_what_is_installed_works_away_from_the_checkout(of_wheel, tmp_path):
    command = of_wheel.folder / "bin/mgr-jax"
    assert require_success(run(command, "--version")) == f"mgr-jax {mgr_jax.__version__}\n"
    assert "choi2016" in require_success(run(command, "init_config", cwd=tmp_path))
    code = (
        "import mgr_jax; print(mgr_jax.__file__, *mgr_jax.list_datasets());"
        "print(mgr_jax.prepare('rendered/tiny', data_dir='data', num_workers=0, progress=False))"
    )
    told = require_success(run(of_wheel.python, "-c", code, cwd=tmp_path))
    assert str(of_wheel.site / "mgr_jax") in told
    assert "gtzan/fault_filtered" in told
    assert "9 train, 3 validation, 3 test tracks" in told


@pytest.mark.slow
def test_an_sdist_installs_what_a_wheel_does(of_wheel, others, sdist, tmp_path):
    environment = Environment(tmp_path / "of_sdist", others)
    environment.install(sdist)
    assert environment.files() == of_wheel.files()
    told = require_success(run(environment.folder / "bin/mgr-jax", "--version"))
    assert told == f"mgr-jax {mgr_jax.__version__}\n"


def install_cell(source: Path) -> str:
    """What the notebook does to install a wheel."""
    book = nbformat.read(ROOT / "launch/colab_tpu.ipynb", as_version=4)
    cells = {cell.id: cell.source for cell in book.cells}
    return f"import sys\nINSTALL = {str(source)!r}\n{cells['install']}"


@pytest.mark.slow
def test_the_notebook_installs_it_and_keeps_the_jax_that_is_there(others, wheel, tmp_path):
    environment = Environment(tmp_path / "colab", others)
    told = require_success(run(environment.python, "-c", install_cell(wheel), cwd=tmp_path))
    kept = (tmp_path / "keep_jax.txt").read_text().split()
    assert [line.partition("==")[0] for line in kept] == ["jax", "jaxlib"]
    assert told.endswith(f"mgr_jax is here, with {' '.join(kept)}\n")
    assert (environment.site / "mgr_jax/py.typed").is_file()


@pytest.mark.slow
def test_the_notebook_does_not_replace_a_jax_that_is_too_old(others, wheel, tmp_path):
    environment = Environment(tmp_path / "colab", others)
    old = environment.site / "jax-0.4.1.dist-info"
    old.mkdir()
    (old / "METADATA").write_text("Metadata-Version: 2.1\nName: jax\nVersion: 0.4.1\n")
    done = run(environment.python, "-c", install_cell(wheel), cwd=tmp_path)
    assert done.returncode == 1
    assert "jax==0.4.1" in done.stdout
    assert "pip could not install it" in done.stdout
    assert not (environment.site / "mgr_jax").exists()


def test_one_version_is_cited_and_changed():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {mgr_jax.__version__}\n" in cited
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    # The newest release is the version, and what comes after it is not released.
    assert re.findall(r"^## (\S+)", changes, re.M)[:2] == ["Unreleased", mgr_jax.__version__]
    assert re.search(rf"^## {re.escape(mgr_jax.__version__)} – \d{{4}}-\d\d-\d\d$", changes, re.M)


def test_changes_are_grouped_as_keepachangelog_says():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased = changes.partition("\n## Unreleased\n")[2].partition("\n## ")[0]
    groups = re.findall(r"^### (.*)", unreleased, re.M)
    usual = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    assert groups == [group for group in usual if group in groups]
    assert groups


@pytest.mark.parametrize(
    ("row", "constant"),
    [
        ("configs", "mgr_jax.config.base:current_version"),
        ("model folders", "mgr_jax.model_folder:SCHEMA"),
        ("results of `predict`", "mgr_jax.prediction.entries:SCHEMA"),
        ("tables of `embed`", "mgr_jax.runs.embedding_table:SCHEMA"),
    ],
)
def test_the_page_of_releases_tells_the_versions_of_files(row, constant):
    page = (ROOT / "docs/releases.md").read_text(encoding="utf-8")
    told = re.search(rf"^\| {re.escape(row)}.*, now (\d+) \|", page, re.M)
    number = pkgutil.resolve_name(constant)
    assert told
    assert int(told[1]) == (number() if callable(number) else number)


def test_every_python_that_is_promised_is_tested():
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    said = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (tested,) = re.findall(r"python: \[(.*)\]", workflow)
    assert re.findall(r"3\.\d+", tested) == said
    assert project["requires-python"] == f">={said[0]}"
