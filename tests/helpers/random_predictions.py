"""Random predictions tables, for tests of scores."""

import numpy as np

from mgr_jax.evaluation import Predictions, Protocol


def make_table(task, tracks=40, segments=3, classes=6, seed=0):
    """Random answers that lean to the truth, rounded so that many scores are tied."""
    rng = np.random.default_rng(seed)
    index = np.repeat(np.arange(tracks), segments)
    noise = (
        rng.normal(size=(tracks * segments, classes)) + rng.normal(size=(tracks, classes))[index]
    )
    if task == "single_label":
        label = rng.integers(0, classes, tracks)[index]
        weights = np.exp(noise + 1.5 * np.eye(classes)[label])
        probabilities = weights / weights.sum(axis=1, keepdims=True)
    else:
        label = (rng.random((tracks, classes)) < 0.3).astype(int)[index]
        probabilities = np.round(1 / (1 + np.exp(1 - noise - label)), 1)
    start = np.tile(np.arange(segments) * 8.0, tracks)
    return Predictions(
        track=np.array([f"track {i}" for i in index]),
        start=start,
        end=start + 8,
        probabilities=probabilities,
        label=label,
        classes=tuple(f"class {i}" for i in range(classes)),
        task=task,
        split="test",
        protocol=Protocol("dataset", origin="by track"),
    )
