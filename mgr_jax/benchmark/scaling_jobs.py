"""What `benchmark_scaling` measures, each in a process of its own: this module with JOB FOLDER."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

import mgr_jax

RATE = 12_000
RUN = "run"  # that of `train`, in its folder
DEVICES_RUN = "devices"  # the run of `train_convolutions`, in its folder
_GENRES, _LONG = 4, 60  # folders; seconds of the sound that each clip is a second of
_TINY = ("fcn", {"widths": (4, 8), "pools": ((4, 4), (2, 2))})
_CONVOLUTIONS = ("fcn", {"widths": (16, 32), "pools": ((2, 2), (2, 2))})


def write_clips(folder: Path, clips: int) -> None:
    """Writes FLAC files of a second in genre folders: tones in noise, no two of them equal."""
    rng = np.random.default_rng(0)
    time = np.arange(_LONG * RATE) / RATE
    for genre in range(_GENRES):
        (folder / f"genre{genre}").mkdir(parents=True)
        sound = 0.3 * np.sin(2 * np.pi * 220 * 2**genre * time)
        sound += 1e-3 * rng.standard_normal(len(time))
        for number in range(genre, clips, _GENRES):
            start = int(rng.integers(len(time) - RATE))
            # Louder by a step of 16 bits at most, so that each is another sound.
            clip = sound[start : start + RATE] * (1 + number * 2**-20)
            file = io.BytesIO()  # to a disk soundfile writes piece by piece, ten times as long
            soundfile.write(file, clip.astype(np.float32), RATE, format="FLAC")
            (folder / f"genre{genre}" / f"{number:06d}.flac").write_bytes(file.getvalue())


def prepare(work: Path) -> None:
    """Prepares the clips as a dataset."""
    mgr_jax.prepare(
        "audio_folder",
        manual_dir=str(work / "clips"),
        name="clips",
        data_dir=work / "data",
        sample_rate=RATE,
        progress=False,
    )


def train(work: Path) -> None:
    """Trains a tiny network for an epoch."""
    _train(work, RUN, _TINY, num_steps=0, num_epochs=1.0, batch_size=32)


def train_convolutions(work: Path) -> None:
    """Makes some steps, whose speed metrics.jsonl tells."""
    steps = {"num_steps": 40, "eval_every": 40, "log_every": 10, "batch_size": 32}
    if len(sys.argv) > 3:  # one of two processes: port, number
        mgr_jax.join_processes(f"localhost:{sys.argv[3]}", 2, int(sys.argv[4]))
    _train(work, DEVICES_RUN, _CONVOLUTIONS, **steps)


def _train(work: Path, name: str, model: tuple[str, dict], **fields: float) -> None:
    config = mgr_jax.read_config("demo")
    config.dataset, config.data_dir = "audio_folder/clips", str(work / "data")
    config.sample_rate = config.clip_samples = RATE
    config.frontend.kwargs = {"n_fft": 512, "hop_length": 256, "n_mels": 32}
    config.model = {"name": model[0], "kwargs": model[1]}
    config.update(fields)
    mgr_jax.train(config, work / name, progress=False)


def predict(work: Path) -> None:
    """Predicts all files, with a record and a CSV file.

    Raises:
      UserError: a file cannot be predicted.
    """
    found = mgr_jax.predict_files(work / RUN, work / "clips", out=work / "genres")
    for _ in found:
        pass
    if found.failures:
        raise mgr_jax.UserError(found.failures[0], code="predict.failed")


def evaluate(work: Path) -> None:
    """Scores the training tracks, which are most."""
    mgr_jax.evaluate(work / RUN, "train", progress=False)


JOBS: dict[str, Callable[[Path], None]] = {
    "prepare": prepare,
    "train": train,
    "predict": predict,
    "evaluate": evaluate,
    "train_convolutions": train_convolutions,
}

if __name__ == "__main__":
    JOBS[sys.argv[1]](Path(sys.argv[2]))
