"""The options of GTZAN."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.data.datasets import ARTISTS, FRACTIONS, NAME, SEED, Dataset, Option


def _idle(variant: str, chosen: Mapping[str, Any]) -> Sequence[str]:
    del chosen
    return (FRACTIONS.name, SEED.name) if variant == "fault_filtered" else ()


DATASET = Dataset(
    name="gtzan",
    variants=("artist", "fault_filtered", "stratified"),
    default_variant="fault_filtered",
    source=Option("manual_dir", Path, None, "the folder that holds genres/ or its archive"),
    options=(NAME, ARTISTS, FRACTIONS, SEED),
    idle=_idle,
)
