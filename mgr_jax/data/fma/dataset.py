"""The options of FMA."""

from pathlib import Path

from mgr_jax.data.datasets import Dataset, Option
from mgr_jax.data.fma.published import SUBSETS

DATASET = Dataset(
    name="fma",
    variants=SUBSETS,
    source=Option(
        "manual_dir",
        Path,
        None,
        "the folder that holds fma_metadata and the clips, or their archives",
    ),
    options=(
        Option("allow_other_checksum", bool, False, "use archives that are not the published ones"),
        Option("allow_missing", bool, False, "use what is there, if more than a tenth is missing"),
    ),
    tables="table",
)
