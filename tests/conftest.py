"""Settings every test runs under, and the fixtures shared between folders."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# They must be in place before jax starts: four host devices, so that pmap and sharded jit are
# tested with real collectives, and the convolution backend that the command line chooses too.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=4",
        "--xla_cpu_experimental_ynn_fusion_type=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION",
        "--xla_backend_optimization_level=1",  # where the next line does not hold
    ]
).strip()
# Most programs here run for less time than they take to compile.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "true")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
# A cache for each worker: numba numbers what it compiles, and two processes that compile the same
# function for other types at once may give both one number. What is loaded then crashes.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".cache" / "numba" / WORKER)

import faulthandler
import io
import signal
import sys

import hypothesis
import numpy as np
import pytest
import soundfile
from durations import CRASHES, pytest_terminal_summary  # noqa: F401

# The same examples every time, and no clock that decides.
hypothesis.settings.register_profile(
    "mgr_jax", derandomize=True, deadline=None, database=None, max_examples=100
)
hypothesis.settings.load_profile("mgr_jax")

RATE = 12_000
GENRES = ("hum", "hiss", "beat")


# What compiles, or trains what is compiled. Files of tests that import some of it, and tests that
# ask for one of these fixtures, are not of `make check`; nothing else needs a mark but the slow.
COMPILES = (
    *("jax", "flax", "mgr_jax.audio.augment", "mgr_jax.audio.frontends", "mgr_jax.benchmark"),
    *("mgr_jax.models", "mgr_jax.prediction", "mgr_jax.training"),
)
TRAINS = {"tiny_config", "trained_run"}


@pytest.hookimpl(trylast=True)  # after pytest's own, which writes to a stream that nobody keeps
def pytest_configure():
    CRASHES.mkdir(parents=True, exist_ok=True)
    if WORKER == "main":
        for old in CRASHES.glob("*.txt"):
            old.unlink()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it of `make test &`
        signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.enable((CRASHES / f"{WORKER}.txt").open("w"), all_threads=False)


def pytest_collection_modifyitems(items):
    for item in items:
        names = {
            getattr(value, "__module__", None) or getattr(value, "__name__", None) or ""
            for value in vars(item.module).values()
        }
        compiles = any(f"{name}.".startswith(f"{part}.") for name in names for part in COMPILES)
        if compiles or TRAINS.intersection(item.fixturenames):
            item.add_marker("compiles")


def make_clip(genre: str, artist: int, track: int, seconds: float = 2.0) -> np.ndarray:
    """A waveform [samples] that anybody can tell apart by genre, and no two of them equal."""
    rng = np.random.default_rng([GENRES.index(genre), artist, track])
    time = np.arange(int(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(time))
    match genre:
        case "hum":
            clip = np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise
        case "hiss":
            clip = noise
        case "beat":
            clip = noise * np.exp(-20 * (time % rng.uniform(0.2, 0.4)))
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def release_programs():
    """Forgets a module's compiled programs.

    Each of them maps some dozens of stretches of memory; Linux allows a process 65,530, and XLA
    crashes beyond that.
    """
    yield
    import jax

    jax.clear_caches()


@pytest.fixture(scope="session")
def music_folder(tmp_path_factory) -> Path:
    """<genre>/<file>.wav of 3 genres x 5 artists x 2 tracks, with an index.csv."""
    folder = tmp_path_factory.mktemp("music")
    rows = ["path,genre,artist,session"]
    for genre in GENRES:
        (folder / genre).mkdir()
        for artist in range(5):
            for track in range(2):
                path = f"{genre}/{artist}-{track}.wav"
                soundfile.write(folder / path, make_clip(genre, artist, track), RATE)
                rows.append(f"{path},{genre},{genre}-artist-{artist},session {artist % 3}")
    (folder / "index.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory, music_folder) -> Path:
    """A TFDS folder in which `audio_folder/music` is prepared at 12 kHz."""
    from mgr_jax.data.prepare import prepare

    folder = tmp_path_factory.mktemp("tfds")
    prepare(
        "audio_folder",
        sample_rate=RATE,
        data_dir=folder,
        manual_dir=music_folder,
        name="music",
        fractions=(0.6, 0.2, 0.2),
        num_workers=0,
    )
    return folder


@pytest.fixture
def tiny_config(data_dir):
    """A config that trains on `audio_folder/music` in seconds."""
    from mgr_jax.config import base_config

    config = base_config()
    config.dataset = "audio_folder/music"
    config.data_dir = str(data_dir)
    config.sample_rate = RATE
    config.clip_samples = RATE // 2
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 32}
    # Batch statistics, dropout and little to compile: tests/models has the networks of papers.
    config.model.name = "fcn"
    config.model.kwargs = {"widths": (8, 16), "pools": ((4, 4), (2, 2))}
    config.batch_size = 8
    config.num_steps = 8
    config.eval_every = 4
    config.log_every = 2
    return config


@pytest.fixture
def open_terminal(monkeypatch):
    """Makes standard error a terminal, where bars are shown, and returns what it shows.

    In the test, not before it: pytest sets the stream anew between the two.
    """

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def open_it() -> io.StringIO:
        monkeypatch.setattr(sys, "stderr", shown := Terminal())
        return shown

    return open_it


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real music, weights and published outputs beside the project."""
    folder = Path(os.environ.get("MGR_JAX_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data: {folder} does not exist (set MGR_JAX_SHARED)")
    return folder


@pytest.fixture(scope="session")
def built_onednn(tmp_path_factory) -> bool:
    """Whether oneDNN's convolutions are compiled and loaded, for tests that say they use them."""
    from mgr_jax import UserError, build_onednn

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        try:
            build_onednn()
        except UserError as error:
            if error.code in ("onednn.no_compiler", "onednn.not_installed"):
                return False
            raise
    return True


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, data_dir) -> Path:
    """The work directory of a run that has learnt to tell the three genres apart."""
    from mgr_jax.training.train import train

    config = tiny_config.__wrapped__(data_dir)
    config.update({"num_steps": 40, "eval_every": 20})
    config.model.name = "choi_crnn"
    config.model.kwargs = {"budget": "0.1M", "pools": ((2, 2), (2, 4), (2, 4), (1, 1))}
    workdir = tmp_path_factory.mktemp("runs") / "trained"
    train(config, workdir, progress=False)
    return workdir
