"""A folder in which the examples of documentation can be run: tiny runs, songs, tables.

It holds what documentation speaks of: `runs/a` and `runs/b`, trained on the prepared dataset
audio_folder/music of ~/music (genres hiphop, jazz and rock, at 12 kHz, clips of a second),
`runs/svm`, `runs/baselines`, song.mp3, my_music/ and other_music/ with genre folders and an
index.csv, songs.csv, embeddings, genres.csv. What else an example names is a copy of these, see
`Workspace.provide`.
"""

import csv
import functools
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 12_000
GENRES = ("hiphop", "jazz", "rock")
_AUDIO = re.compile(r"(?<![\w./*-])[\w/-]+\.(?:mp3|wav|flac|ogg)\b")
_MODEL = re.compile(
    r"(?:--(?:model|on|baseline)=|(?:load|open|evaluate|listen|calibrate|embed|predict_files|"
    r"draw_timeline|Run)\(\s*[\"']|\bon=[\"']|--config\.init_from=)([\w./-]+)"
)
_FOLDER = re.compile(
    r"(?:(?<=[\s\"'])(?![\w/-]*//)([\w-]+)/(?=[\s\"']|$))|(?:--folder=|folder=[\"'])([\w-]+)|"
    r"[\"'](folder|my_music|songs|music)[\"']"
)
_CONFIG = re.compile(r"--config=([\w/-]+\.py)")
_OUT = re.compile(r"(?:--out=|\b(?:out|workdir)=[\"'])([\w./-]+)")


class Workspace:
    """The folder, as new for every page."""

    def __init__(self, parent: Path) -> None:
        """Makes it, with a tiny run, under `parent`."""
        self.folder, self._pristine = parent / "workspace", parent / "pristine"
        os.makedirs(self.folder)
        os.chdir(self.folder)
        os.environ["HOME"] = str(self.folder)
        _write_music(self.folder)
        _prepare_and_train(self.folder)
        os.chdir(parent)
        shutil.copytree(self.folder, self._pristine, symlinks=True)

    def renew(self) -> None:
        """Makes it as it was."""
        shutil.rmtree(self.folder)
        shutil.copytree(self._pristine, self.folder, symlinks=True)
        os.chdir(self.folder)

    def provide(self, text: str) -> None:
        """Puts there what an example reads and that has no file here: songs, folders, models."""
        for name in _AUDIO.findall(text):
            _copy(self.folder / "song.mp3", self.folder / name)
        for name in _MODEL.findall(text):
            _copy(self.folder / "runs/a", self.folder / name)
        for names in _FOLDER.findall(text):
            _copy(self.folder / "my_music", self.folder / next(filter(None, names)))
        for name in _CONFIG.findall(text):
            _copy(Path(__file__).parents[2] / "configs/choi2016.py", self.folder / name)
        for name in _OUT.findall(text):  # which is to be new
            for end in ("", ".csv", ".jsonl", ".parquet"):
                path = self.folder / f"{name}{end}"
                if path.exists():
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_given(name: str) -> Any:
    """Something that examples use without making it."""
    import mgr_jax

    rng = np.random.default_rng(0)
    match name:
        case "config":
            return tiny_config()
        case "run":
            return mgr_jax.Run.open("runs/a")
        case "predictor":
            return mgr_jax.load("runs/a")
        case "recorder":
            return [0.1 * rng.standard_normal(44_100, np.float32)] * 2
        case "block" | "waveform":
            return 0.1 * rng.standard_normal(44_100, np.float32)
        case "clips":
            return 0.1 * rng.standard_normal((2, 66_150), np.float32)
        case "mels":
            return rng.standard_normal((2, 128, 96), np.float32)
    raise KeyError(name)


GIVEN = ("config", "run", "predictor", "recorder", "block", "waveform", "clips", "mels")


def tiny_config() -> Any:
    """A config that trains on audio_folder/music in seconds."""
    from mgr_jax.config import base_config

    config = base_config()
    config.update({"dataset": "audio_folder/music", "sample_rate": RATE, "clip_samples": RATE})
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 32}
    config.model = {"name": "fcn", "kwargs": {"widths": (8, 16), "pools": ((4, 4), (2, 2))}}
    config.update({"batch_size": 8, "num_steps": 8, "eval_every": 4, "log_every": 2})
    return config


def shrink(config: Any) -> Any:
    """What is left of an example's config when it is to train in a second: its own network."""
    import mgr_jax
    from mgr_jax.data.locate import find_dataset

    small = tiny_config()
    if config.model.name not in _SHIPPED:
        small.model = config.model
    if config.augment:
        small.augment = config.augment
    try:
        find_dataset(config.dataset, sample_rate=RATE)
        small.dataset = config.dataset
    except mgr_jax.UserError:
        pass
    small.num_steps = small.eval_every = 2
    small.protocol = config.protocol
    small.spec = config.spec
    return small


def train_little(monkeypatch: Any) -> None:
    """Has what trains a config train a tiny network of two steps instead, in a new folder."""
    import mgr_jax

    _SHIPPED.update(mgr_jax.list_models())
    for name in ("train", "cross_validate"):
        monkeypatch.setattr(mgr_jax, name, _shrunken(getattr(mgr_jax, name)), raising=False)
    teach = functools.partial(mgr_jax.teach, svm=False, workers=0)  # the SVM takes minutes
    monkeypatch.setattr(mgr_jax, "teach", teach, raising=False)


_SHIPPED: set[str] = set()


def _shrunken(function: Any) -> Any:
    def call(config: Any, workdir: Any, **kwargs: Any) -> Any:
        shutil.rmtree(Path(workdir), ignore_errors=True)
        if "folds" in kwargs:
            kwargs.update(folds=2, parts=2)
        return function(shrink(config), workdir, **kwargs)

    return call


def _copy(source: Path, target: Path) -> None:
    if target.exists() or target.is_symlink():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def _clip(genre: str, number: int, seconds: float) -> np.ndarray:
    rng = np.random.default_rng([GENRES.index(genre), number])
    time = np.arange(int(seconds * RATE)) / RATE
    noise = rng.standard_normal(len(time))
    clip = {
        "hiphop": np.sin(20_000 * time) * np.exp(-20 * (time % rng.uniform(0.2, 0.4))),
        "jazz": np.sin(2 * np.pi * rng.uniform(150, 400) * time) + 0.01 * noise,
        "rock": noise,
    }[genre]
    return (0.2 * clip / np.abs(clip).max()).astype(np.float32)


def _write_music(folder: Path) -> None:
    for name, artists in (("music", 22), ("my_music", 4), ("other_music", 2)):
        rows = [["path", "genre", "artist", "file", "style"]]  # by either name
        for genre in GENRES:
            (folder / name / genre).mkdir(parents=True)
            for number in range(artists):
                path = f"{genre}/{number}.wav"
                clip = _clip(genre, number + 100 * (name != "music"), 2)
                soundfile.write(folder / name / path, clip, RATE)
                rows.append([path, genre, f"{genre} artist {number}", path, genre])
        if name == "my_music":
            soundfile.write(folder / name / "song.mp3", _clip("jazz", 50, 4), RATE, format="MP3")
            rows.append(["song.mp3", "jazz", "jazz artist 0", "song.mp3", "jazz"])
        with (folder / name / "index.csv").open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    with (folder / "songs.csv").open("w") as file:
        file.writelines(["path,style\n", *(f"{genre}/0.wav,{genre}\n" for genre in GENRES)])
    (folder / "parents.csv").write_text("child,parent\nhiphop,popular\nrock,popular\n")
    song = np.concatenate([_clip("jazz", 7, 4), _clip("rock", 7, 4)])
    with soundfile.SoundFile(folder / "song.mp3", "w", RATE, 1, format="MP3") as file:
        file.artist = "somebody else"
        file.write(song)


def _prepare_and_train(folder: Path) -> None:
    import mgr_jax
    from mgr_jax.evaluation import Predictions, save_result

    mgr_jax.prepare(
        "audio_folder", manual_dir="~/music", sample_rate=RATE, num_workers=0, progress=False
    )
    config = tiny_config()
    config.update({"num_steps": 80, "eval_every": 80})
    mgr_jax.train(config, "runs/a", progress=False)
    mgr_jax.evaluate("runs/a", "test", progress=False)
    dict(mgr_jax.predict_files("runs/a", ["song.mp3"], out="genres", progress=False, workers=0))
    shutil.copytree("runs/a", "runs/b")
    for name in ("runs/svm", "runs/baselines/mfcc/lr"):
        table = Predictions.load(Path("runs/a/predictions/test.npz"))
        save_result(folder / name, table, None, system="SVM on MFCC statistics")
    mgr_jax.embed("runs/a", ["my_music"], out="embeddings.parquet", progress=False, workers=0)
    mgr_jax.embed("runs/a", ["my_music"], out="embeddings.npz", progress=False, workers=0)
