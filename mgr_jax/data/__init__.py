"""Datasets: TFDS builders, splits, the int16 cache and the loaders."""
