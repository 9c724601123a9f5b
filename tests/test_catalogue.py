"""What is known of pretrained networks by name, and what a name stands for."""

import re

import pytest
from errors import user_error

import mgr_jax
from mgr_jax.catalogue import list_pretrained, models_folder, of_tensors
from mgr_jax.interop.labels import read_labels
from mgr_jax.interop.sources import list_sources
from mgr_jax.model_folder import find_model


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("MGR_JAX_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.mark.parametrize("network", list_pretrained().values(), ids=lambda network: network.name)
def test_what_is_known_of_a_network_can_be_used(network):
    assert re.fullmatch("[0-9a-f]{64}", network.tensors)
    assert re.fullmatch("[0-9a-f]{64}", network.sha256)
    assert network.source in list_sources()
    assert bool(network.labels) == bool(network.classes)
    if network.labels:
        assert len(read_labels(network.labels, network.classes)) == network.classes
    assert network.parameters > 0
    assert network.license in ("MIT", "ISC")
    for told in (network.owner, network.trained_on, network.overlap, network.upstream):
        assert told
    assert of_tensors(network.tensors) is network


def test_names_files_and_arrays_are_told_apart():
    networks = list_pretrained().values()
    assert len({network.tensors for network in networks}) == len(networks)
    assert len({(n.sha256, n.checkpoint) for n in networks}) == len(networks)
    assert of_tensors("0" * 64) is None


def test_the_folder_of_models_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("MGR_JAX_MODELS", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert models_folder() == tmp_path / ".cache" / "mgr_jax" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert models_folder() == tmp_path / "cache" / "mgr_jax" / "models"
    monkeypatch.setenv("MGR_JAX_MODELS", "~/mine")
    assert models_folder() == tmp_path / "mine"


def test_a_name_stands_for_its_folder_and_a_path_that_exists_wins(models, tmp_path):
    with user_error("pretrained.not_there", "musicnn_msd", "mgr-jax pretrained get musicnn_msd"):
        find_model("musicnn_msd")
    with user_error("pretrained.not_there", "mn04_as_mAP_432.pt", "`weights`"):
        mgr_jax.load("efficientat_mn04")
    (models / "musicnn_msd").mkdir(parents=True)
    (models / "musicnn_msd" / "model.json").touch()
    assert find_model("musicnn_msd") == models / "musicnn_msd"
    (tmp_path / "musicnn_msd").mkdir()
    assert find_model("musicnn_msd") == tmp_path / "musicnn_msd"


@pytest.mark.parametrize("given", ["runs/musicnn_msd", "nowhere", "./musicnn_msd"])
def test_what_is_no_name_is_a_path(models, tmp_path, given):
    assert find_model(given) == (tmp_path / given).absolute()
    with user_error("model.none", tmp_path / given):
        mgr_jax.load(given)


def test_a_name_that_is_nearly_one_is_told(models, tmp_path):
    with user_error("model.none", tmp_path / "musicnn-msd", "did you mean musicnn_msd"):
        find_model("musicnn-msd")
    with user_error("unknown_name", "musicnn_msd"):
        mgr_jax.get_pretrained("musicnn-msd")
