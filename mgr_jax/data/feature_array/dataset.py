"""The options of a file of features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgr_jax.data.datasets import ARTISTS, FRACTIONS, NAME, SEED, Dataset, Option
from mgr_jax.data.published import list_names


def _idle(variant: str, chosen: Mapping[str, Any]) -> Sequence[str]:
    del variant
    given = chosen["splits"] in (*list_names(), "given")
    return (FRACTIONS.name, SEED.name) if given else ()


DATASET = Dataset(
    name="feature_array",
    source=Option(
        "features", Path, None, "an .npz (mel, track), .csv or .parquet file, or fma_metadata.zip"
    ),
    options=(
        NAME,
        Option("tracks", Path, None, "a dataset's table of tracks, such as FMA's tracks.csv"),
        Option("subset", str, None, "subset of tracks: small, medium, large, full", in_name="_{}"),
        Option(
            "splits",
            str,
            "stratified",
            f"stratified, artist, given (by the file) or published: {', '.join(list_names())}",
        ),
        ARTISTS,
        FRACTIONS,
        SEED,
        Option(
            "frame_rate",
            float,
            1.0,
            "frames per second: sample rate / hop length, or for rows of 30 s 0.0333; with 1, "
            "results count frames",
            asked=True,
        ),
    ),
    waveforms=False,
)
