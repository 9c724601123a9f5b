"""What tests of files do in processes of its own, which are killed or wait for one another.

Run as a script: the name of a function here, and its arguments.
"""

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "fcntl.flock"}


def kill_everywhere(work: Callable[[], object], check: Callable[[], object], every: int = 1) -> int:
    """Does work again and again, killed just before its 1st, 2nd, … change of the disk.

    Args:
      work: begins with what the one before has left.
      check: what has to hold after each kill.
      every: look at one in so many changes.

    Returns:
      How often it was killed before it could end.
    """
    kills = 0
    while True:
        child = os.fork()
        if not child:
            _count_down(1 + kills * every)
            work()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        check()
        if os.WIFEXITED(status):
            assert not status, "the work failed"
            return kills
        kills += 1


def _count_down(left: int) -> None:
    def hook(event: str, arguments: tuple) -> None:
        nonlocal left
        changes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if event in _CHANGES or changes:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def content(folder: Path) -> str:
    """What all files of a folder hold, if they hold the same."""
    held = {path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert len(list(folder.iterdir())) == 3
    assert len(held) == 1, f"{folder} is of two kinds"
    return held.pop()


def replace(folder: str, exchange: str) -> None:
    """Replaces a folder, killed everywhere; without exchange it may be missing until the next."""
    from mgr_jax import files

    if exchange == "no":
        files._exchange = lambda *_: False
    target, number = Path(folder, "target"), 0

    def work() -> None:
        with files.lock(Path(folder, ".lock"), "", wait=True), files.scratch(Path(folder)) as aside:
            files.restore_folder(target)
            assert not number or target.exists(), "a replacement has lost what was there"
            new = aside / "new"
            new.mkdir()
            for name in "abc":
                (new / name).write_text(str(number), encoding="utf-8")
            files.replace_folder(new, target)

    def check() -> None:
        nonlocal number
        if number and exchange == "yes":
            assert target.exists()
        if target.exists():
            assert 0 <= int(content(target)) <= number
            number += 1

    assert kill_everywhere(work, check) > 20
    assert int(content(target)) == number - 1
    assert [path.name for path in Path(folder).iterdir()] == ["target"]


def write(folder: str) -> None:
    """Writes a file, killed everywhere."""
    from mgr_jax.files import write_text

    path, number = Path(folder, "[a]*.txt"), 0
    path.write_text(_pages(0), encoding="utf-8")

    def check() -> None:
        nonlocal number
        assert path.read_text(encoding="utf-8") in [_pages(i) for i in range(number + 1)]
        number += 1

    assert kill_everywhere(lambda: write_text(path, _pages(number)), check) >= 3
    assert path.read_text(encoding="utf-8") == _pages(number - 1)
    assert [found.name for found in Path(folder).iterdir()] == [path.name]


def _pages(number: int) -> str:
    return f"{number}\n" * 50_000


def count(folder: str) -> None:
    """Adds one to a number in a file, a hundred times, under a lock."""
    from mgr_jax.files import lock

    path = Path(folder, "number")
    for _ in range(100):
        with lock(Path(folder, ".lock"), "", wait=True):
            number = int(path.read_text(encoding="utf-8"))
            path.write_text(str(number + 1), encoding="utf-8")


def hold(folder: str) -> None:
    """Is at work in a scratch folder until a file named "end" is there."""
    from mgr_jax.files import scratch

    with scratch(Path(folder)) as aside:
        (aside / "work").touch()
        _say(f"at work in {aside.name}")
        while not Path(folder, "end").exists():
            time.sleep(0.02)
        assert (aside / "work").exists(), "somebody has removed the work of another process"


def prepare(music: str, data_dir: str, go: str) -> None:
    """Prepares a dataset; waits for a file named `go` when it is half done."""
    from mgr_jax.data import cache_writer
    from mgr_jax.data.prepare import prepare

    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s", force=True)
    sys.stdout.reconfigure(line_buffering=True)
    write_index = cache_writer.Index.write

    def slowly(*arguments) -> None:
        _say("half done")
        while not Path(go).exists():
            time.sleep(0.02)
        write_index(*arguments)

    cache_writer.Index.write = slowly
    options = {"sample_rate": 12_000, "num_workers": 0, "progress": False}
    _say(prepare("audio_folder", manual_dir=music, data_dir=data_dir, **options))


def prepare_killed(music: str, data_dir: str, every: str) -> None:
    """Prepares a dataset with `overwrite`, killed in many places; some version is there always."""
    from mgr_jax.data.cache import open_tracks
    from mgr_jax.data.prepare import prepare

    warnings.simplefilter("error")
    options = {"sample_rate": 12_000, "num_workers": 0, "progress": False, "data_dir": data_dir}
    folder = Path(data_dir, "audio_folder/music_12000/1.0.0")
    seen = False

    def work() -> None:
        prepare("audio_folder", manual_dir=music, overwrite=seen, **options)

    def check() -> None:
        nonlocal seen
        assert not seen or folder.exists()
        if folder.exists():
            tracks = open_tracks(folder, "train", progress=False)
            assert [len(tracks.read(i)) for i in range(len(tracks))] == [6_000] * 4
            seen = True

    first = kill_everywhere(work, check, int(every))
    assert seen
    assert first > 5
    assert kill_everywhere(work, check, int(every)) > 5
    assert [path.name for path in Path(data_dir).iterdir()] == ["audio_folder"]


def _say(text: object) -> None:
    print(text, file=sys.__stdout__, flush=True)  # TFDS's own is turned off


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
