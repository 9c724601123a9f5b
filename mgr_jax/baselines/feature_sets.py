"""Names for parts of a feature table: `mfcc`, `mfcc+spectral_contrast`, `all`."""

import re
from collections.abc import Sequence

from mgr_jax.errors import UserError, unknown_name

ALL = "all"
# The rows of FMA's table, see classifiers.py; 7 statistics of every dimension.
FMA_SETS = (
    "chroma_cens",
    "chroma_cqt",
    "chroma_stft",
    "mfcc",
    "rmse",
    "spectral_bandwidth",
    "spectral_centroid",
    "spectral_contrast",
    "spectral_rolloff",
    "tonnetz",
    "zcr",
    "mfcc+spectral_contrast",
    "mfcc+spectral_contrast+chroma_cens",
    "mfcc+spectral_contrast+spectral_centroid",
    "mfcc+spectral_contrast+chroma_cens+spectral_centroid",
    "mfcc+spectral_contrast+chroma_cens+spectral_centroid+tonnetz",
    "mfcc+spectral_contrast+chroma_cens+spectral_centroid+zcr",
    ALL,
)
_STATISTIC = re.compile(r"_(mean|var|std)$")


def feature_of(column: str) -> str:
    """The feature behind a column of statistics: mfcc for mfcc.mean.01, mfcc1_mean and mfcc3."""
    return _STATISTIC.sub("", column.partition(".")[0]).rstrip("0123456789")


def select_columns(names: Sequence[str], columns: Sequence[str]) -> dict[str, list[int]]:
    """Finds the columns of feature sets.

    Args:
      names: features joined by "+"; `all` columns; `fma`, the 18 sets of FMA's table; `single`,
        each feature on its own.
      columns: names of a table's columns, none for arrays.

    Returns:
      The positions of the columns of each set, by its name.

    Raises:
      UserError: there is no name, or the table lacks a feature.
    """
    if not names:
        raise UserError(
            "no feature set is named; give all (`feature_sets`), or leave it out",
            code="argument.missing",
        )
    features = [feature_of(column) for column in columns]
    several = {"fma": FMA_SETS, "single": tuple(dict.fromkeys(features))}
    wanted = [one for name in names for one in several.get(name, (name,))]
    if not columns:
        if set(wanted) != {ALL}:
            raise UserError(
                "only tables have feature sets; leave `feature_sets` out",
                code="argument.not_applicable",
            )
        return {ALL: []}
    sets = {}
    for name in wanted:
        parts = name.split("+")
        if name != ALL and (missing := [part for part in parts if part not in features]):
            raise unknown_name("feature set", missing[0], {ALL, "fma", "single", *features})
        sets[name] = [i for i, f in enumerate(features) if name == ALL or f in parts]
    return sets
