"""The options of the embedded dataset."""

from mgr_jax.data.datasets import Dataset

DATASET = Dataset(name="rendered", variants=("demo", "full", "tiny"))
