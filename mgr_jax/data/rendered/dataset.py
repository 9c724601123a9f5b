"""What may be said of the embedded dataset: how large it is."""

from mgr_jax.data.datasets import Dataset

DATASET = Dataset(name="rendered", variants=("demo", "full", "tiny"))
