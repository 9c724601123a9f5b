"""oneDNN's convolutions: when they are there, and what is said when they cannot be."""

import stat

import jax
import jax.numpy as jnp
import pytest
from errors import user_error

from mgr_jax import build_onednn, onednn
from mgr_jax.integrity import write_sums


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(onednn, "load", onednn.load.__wrapped__)


def test_without_a_library_xla_convolves():
    assert onednn.load() == ""
    assert not onednn.usable(jnp.float32)


def test_a_compiler_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with user_error("onednn.no_compiler", "no-such-compiler", "g++ libdnnl-dev"):
        build_onednn()


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("fatal error: dnnl.hpp: No such file", "onednn.not_installed", "apt install"),
        ("ld: cannot find -ldnnl", "onednn.not_installed", "apt install"),
        ("x.cc:3: error: no matching function", "onednn.not_compiled", "no matching function"),
    ],
    ids=["no headers", "no library", "too old"],
)
def test_why_it_cannot_be_compiled_is_said(tmp_path, monkeypatch, said, code, words):
    compiler = tmp_path / "g++"
    compiler.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    compiler.chmod(0o700)
    monkeypatch.setenv("CXX", str(compiler))
    with user_error(code, words):
        build_onednn()
    assert not onednn.library_path().exists()


def test_a_library_that_others_may_write_to_is_not_loaded():
    path = onednn.library_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not loaded")
    home = path.parent.parent
    home.chmod(home.stat().st_mode | stat.S_IWOTH)
    with pytest.warns(UserWarning, match="others may write"):
        assert onednn.load() == ""


def test_a_library_that_is_damaged_or_does_not_fit_is_not_loaded():
    path = onednn.library_path()
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_bytes(b"of another kind of processor")
    write_sums(path.parent)
    with pytest.warns(UserWarning, match=r"convolution.so: .*; call build_onednn again"):
        assert onednn.load() == ""
    path.write_bytes(path.read_bytes()[:9])  # the process would end as it is used
    with pytest.warns(UserWarning, match="has 9 bytes, not 28"):
        assert onednn.load() == ""


@pytest.mark.parametrize("cache", ["/dev/null", "/proc/mgr_jax"], ids=["a file", "read-only"])
def test_where_nothing_can_be_kept_it_is_said_and_xla_convolves(monkeypatch, cache):
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setenv("CXX", "true")
    with user_error("onednn.no_folder", cache, "XDG_CACHE_HOME"):
        build_onednn()
    assert onednn.load() == ""


def test_nothing_is_compiled_where_it_is_turned_off(monkeypatch):
    monkeypatch.setenv(onednn.SWITCH, "0")
    with user_error("onednn.turned_off", "MGR_JAX_ONEDNN=0"):
        build_onednn()


def test_several_devices_convolve_by_xla(monkeypatch):
    monkeypatch.setattr(onednn, "load", lambda: "2.6.3")
    assert jax.device_count() > 1
    assert not onednn.usable(jnp.float32)
