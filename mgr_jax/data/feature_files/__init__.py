"""Files of features that were computed beforehand: .npz arrays, .csv and .parquet tables."""

from mgr_jax.data.feature_files.names import full_names, track_names
from mgr_jax.data.feature_files.read import TableFormat, read_features
from mgr_jax.data.feature_files.tracks import FeatureTracks

__all__ = [
    "FeatureTracks",
    "TableFormat",
    "full_names",
    "read_features",
    "track_names",
]
