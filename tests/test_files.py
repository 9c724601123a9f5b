"""Files and folders are whole wherever a process is killed, and others are let to their work."""

import errno
import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from errors import user_error
from processes import read_until, require_success, start

from mgr_jax import files
from mgr_jax.data.artists import read_artists
from mgr_jax.data.index_table import read_index_table
from mgr_jax.data.sources import SourceFile
from mgr_jax.evaluation.ledger import read_ledger
from mgr_jax.files import expand, lock, scratch, write_file


def test_home_folders_that_there_are_not_are_a_sentence(tmp_path, monkeypatch):
    assert expand("~/a") == Path.home() / "a"
    with user_error("file.no_home", "~nobodyhere/x.wav", "of nobodyhere"):
        expand("~nobodyhere/x.wav")
    for path in ("x" * 300, "/x" * 3000, "a\0b"):
        with user_error("file.impossible_path", f"of {len(path)} characters"):
            expand(path)
    monkeypatch.chdir(tmp_path)
    Path("~nobodyhere").touch()
    assert expand("~nobodyhere") == Path("~nobodyhere")


def test_pipes_and_devices_are_refused_where_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "index.csv")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "a.csv").touch()
    (tmp_path / "link").symlink_to("a.csv")
    for name in ("a.csv", "link", "gone", "."):
        files.require_regular(tmp_path / name)
    readers = [
        read_artists,
        read_index_table,
        read_ledger,
        lambda path: files.read_json(path, "restore it"),
        lambda path: SourceFile(path.parent, path.name).mark(),
    ]
    for name in ("index.csv", "zero"):
        for read in readers[:-1]:
            with user_error("file.not_regular", tmp_path / name):
                read(tmp_path / name)
        assert readers[-1](tmp_path / name).crc32 is None


@pytest.mark.parametrize("exchange", ["yes", "no"])
def test_a_folder_is_the_old_or_the_new_one_wherever_replacing_is_killed(tmp_path, exchange):
    require_success(start("replace", tmp_path, exchange))


def test_a_file_is_the_old_or_the_new_one_wherever_writing_is_killed(tmp_path):
    require_success(start("write", tmp_path))


def test_the_old_folder_is_given_back_where_it_was_put_aside(tmp_path, monkeypatch):
    """Whatever the file system can do: a folder that was replaced stands where the new one was."""
    for exchange in (files._exchange, lambda *_: False):
        monkeypatch.setattr(files, "_exchange", exchange)
        for name in ("old", "new"):
            (tmp_path / name).mkdir()
            (tmp_path / name / name).touch()
        files.replace_folder(tmp_path / "new", tmp_path / "old")
        assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
            *("new", "new/old", "old", "old/new")
        ]
        shutil.rmtree(tmp_path / "old")
        shutil.rmtree(tmp_path / "new")


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR)
    write_file(tmp_path / "pipe", lambda file: file.write(b"a"))
    assert os.read(reader, 10) == b"a"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_files_have_the_rights_that_the_umask_leaves(tmp_path):
    mask = os.umask(0o027)
    try:
        write_file(tmp_path / "a", lambda file: file.write(b"a"))
    finally:
        os.umask(mask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_lock_is_held_by_one_at_a_time(tmp_path):
    (tmp_path / "number").write_text("0", encoding="utf-8")
    require_success(*[start("count", tmp_path) for _ in range(4)])
    assert (tmp_path / "number").read_text(encoding="utf-8") == "400"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def test_a_lock_that_is_held_is_one_sentence(tmp_path):
    with lock(tmp_path / "new/.lock", "somebody is at work"):
        with (
            user_error("folder.in_use", "somebody is at work"),
            lock(tmp_path / "new/.lock", "somebody is at work"),
        ):
            pass
        assert (tmp_path / "new/.lock").exists()
    assert not (tmp_path / "new/.lock").exists()


def test_a_folder_that_takes_no_files_is_one_sentence():
    for wait in (False, True):
        with (
            user_error("folder.not_writable", "/proc takes no files"),
            lock(Path("/proc/.lock"), "somebody is at work", wait=wait),
        ):
            pass


def test_work_is_left_alone_while_its_process_lives_and_removed_when_it_is_killed(tmp_path):
    """The processes have numbers of their own, as on two machines that share a disk."""
    one, other = (start("hold", tmp_path, space=True) for _ in range(2))
    names = [read_until(process, "at work in").split()[-1] for process in (one, other)]
    with scratch(tmp_path):
        assert all((tmp_path / name / "work").exists() for name in names)
    one.send_signal(signal.SIGKILL)
    one.communicate(timeout=30)
    with scratch(tmp_path) as mine:
        left = {mine.name, names[1]}
        assert {p.name for p in tmp_path.iterdir()} == {*left, *(f"{name}.lock" for name in left)}
    (tmp_path / "end").touch()
    require_success(other)
    assert [path.name for path in tmp_path.iterdir()] == ["end"]


def test_where_there_are_no_locks_work_goes_on_with_a_word_and_nothing_is_cleared(
    tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    (tmp_path / ".a.123.partial").touch()
    told = "is on a file system without locks"
    with pytest.warns(UserWarning, match=told), scratch(tmp_path) as first, scratch(tmp_path):
        assert first.is_dir()
    with pytest.warns(UserWarning, match=told):
        write_file(tmp_path / "a", lambda file: file.write(b"a"))
    assert {path.name for path in tmp_path.iterdir()} == {"a", ".a.123.partial"}


def test_windows_is_told_in_one_sentence_what_to_use():
    """Python has no fcntl there."""
    code = (
        "import sys\n"
        "sys.modules['fcntl'] = None\n"
        "import mgr_jax\n"
        "from mgr_jax.__main__ import main\n"
        "try:\n"
        "  mgr_jax.prepare\n"
        "except mgr_jax.UserError as error:\n"
        "  print(error.code)\n"
        "sys.exit(main('train', '--help'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "platform.not_supported\n")
    assert re.fullmatch(r"mgr-jax: .*Linux or macOS.*WSL\n", done.stderr)


@pytest.fixture
def cap():
    """Limits the size of files that this process may write, as a disk may become full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_there_is_no_room_for_is_not_appended_in_part(tmp_path, cap):
    path = tmp_path / "metrics.jsonl"
    files.append(path, b"whole\n")
    cap(10)
    with pytest.raises(OSError, match=re.escape(str(path))):
        files.append(path, b"half of a line\n")
    assert path.read_bytes() == b"whole\n"
    cap(1000)
    files.append(path, b"next\n")
    assert path.read_bytes() == b"whole\nnext\n"


def test_files_that_belong_together_are_all_replaced_or_none(tmp_path, cap):
    def write(size):
        with files.together(tmp_path) as new:
            files.write_text(new / "a.md", "new")
            files.write_text(new / "b.png", "b" * size)

    (tmp_path / "a.md").write_text("older")
    cap(10)
    with pytest.raises(OSError, match=re.escape(str(tmp_path / "b.png"))):
        write(100)
    assert [(x.name, x.read_text()) for x in tmp_path.iterdir()] == [("a.md", "older")]
    cap(1000)
    write(100)
    assert sorted(x.name for x in tmp_path.iterdir()) == ["a.md", "b.png"]
    assert (tmp_path / "a.md").read_text() == "new"


def test_a_folder_that_takes_no_files_is_named_and_not_what_was_to_be_made_there(
    tmp_path, monkeypatch
):
    def refuse(path, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError) as caught, files.together(tmp_path):
        pass
    assert caught.value.filename == str(tmp_path)


def test_a_small_file_is_the_old_or_the_new_one(tmp_path, cap):
    path = tmp_path / "a.txt"
    files.write_quickly(path, b"old")
    cap(1_000)
    with pytest.raises(OSError, match=r"a\.txt"):
        files.write_quickly(path, bytes(2_000))
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"old")]
    files.write_quickly(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a.txt", b"new")]
