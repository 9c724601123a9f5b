"""What the runs in tests/runs/goldens were made of, and on what machine."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

RATE = 12_000
STEPS = {"stored": 6, "continued": 10}  # of the runs as they are kept, and as they went on


def prepare_data(prepare: Callable, folder: Path) -> None:
    """Prepares the datasets of both runs, `rendered/tiny` and `feature_array/table`.

    Args:
      prepare: `mgr_jax.prepare` of whatever version.
      folder: the TFDS folder.
    """
    prepare("rendered/tiny", data_dir=folder, sample_rate=RATE, num_workers=0)
    rng = np.random.default_rng(0)
    genres = np.repeat(["low", "middle", "top"], 10)
    level = np.repeat([0.0, 0.4, 0.8], 10)[:, None, None]
    features = (rng.random((30, 12, 6)) + level).astype(np.float32)
    names = [f"{genre}.{row % 10:05d}" for row, genre in enumerate(genres)]
    np.savez(folder / "table.npz", features=features, track=names)
    prepare("feature_array", data_dir=folder, features=folder / "table.npz", num_workers=0)


def song() -> np.ndarray:
    """A waveform [samples] of 2.7 s."""
    time = np.arange(int(2.7 * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * (300 + 200 * time) * time) * (time % 0.5)).astype(np.float32)


def track() -> np.ndarray:
    """Features [frames, bins] of one track."""
    return np.linspace(0, 1.5, 20 * 6, dtype=np.float32).reshape(20, 6)


def machine() -> str:
    """What decides the last bit of a loss on CPUs: jax, what the processor can do, how many."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    digest = hashlib.sha256(features.encode()).hexdigest()[:8]
    return (
        f"jax {jax.__version__}, {os.cpu_count()} cores of {digest}, {jax.device_count()} devices"
    )
