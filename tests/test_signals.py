"""How commands end that are stopped by a signal."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mgr_jax import cli
from mgr_jax.cli import init_config
from mgr_jax.errors import UserError
from mgr_jax.signals import STATUS, Ending, Terminated

ROOT = Path(__file__).resolve().parents[1]
NUMBERS = sorted(STATUS)
# What a command does at a signal, in a process of its own; `mark` tells that it is under way.
SCRIPT = """
import hashlib, os, signal, sys, time
from mgr_jax import cli
from mgr_jax.cli import init_config

signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background of a shell

def mark():
    print("under way", flush=True)

def clean():
    try:
        mark()
        time.sleep(60)
    finally:
        print("cleaned", flush=True)

def swallow():
    mark()
    while True:
        try:
            time.sleep(60)
        except BaseException:
            mark()
            time.sleep(60)

def translate():
    try:
        mark()
        time.sleep(60)
    except BaseException as error:
        raise ImportError("a library's own words") from error

def compile():
    mark()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10 ** 9)  # one call, for which nothing waits

init_config.main = lambda flags, args: {function}()
sys.exit(cli.main(["init_config"]))
"""


def stop(function: str, number: int) -> tuple[int, str, str]:
    """Status, output and errors of a command that does something when a signal comes."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("{function}", function)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("function", ["clean", "swallow", "translate", "compile"])
def test_a_command_ends_whatever_it_does(function, number):
    status, out, err = stop(function, number)
    assert status == STATUS[number], err
    assert "Traceback" not in err
    assert "the same command resumes" in err
    assert ("cleaned" in out) == (function == "clean")


@pytest.mark.parametrize(
    ("code", "status"),
    [("training.stopped", 75), ("training.interrupted", 130), ("training.not_finite", 1)],
)
def test_a_training_that_has_saved_ends_with_the_status_of_its_signal(code, status, monkeypatch):
    def stop(flags, args):
        raise UserError("stopped at step 3", code)

    monkeypatch.setattr(init_config, "main", stop)
    assert cli.main(["init_config"]) == status


@pytest.fixture
def quiet(monkeypatch):
    """A program with handlers of its own."""
    heard = []
    old = {number: signal.signal(number, lambda n, _: heard.append(n)) for number in NUMBERS}
    yield heard
    for number, handler in old.items():
        signal.signal(number, handler)


def test_a_program_gets_its_own_handlers_back(quiet, capsys):
    assert cli.main(["--version"]) == 0
    for number in NUMBERS:
        signal.raise_signal(number)
    assert quiet == NUMBERS


def test_what_is_held_is_let_go_once(quiet):
    let_go = []

    def hold():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)  # as `timeout` sends it twice
            let_go.append(True)

    with pytest.raises(Terminated), Ending(print):
        hold()
    assert let_go == [True]


def test_a_signal_that_is_ignored_stays_so(quiet):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Ending(print) as ending:
        signal.raise_signal(signal.SIGINT)
    assert not ending.number


def test_other_threads_set_no_handlers(quiet):
    done = []

    def use():
        with Ending(print):
            done.append(signal.getsignal(signal.SIGTERM))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert done == [before]
