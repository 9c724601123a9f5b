"""Sets of hand-made features, by name."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mgr_jax.errors import UserError, unknown_name
from mgr_jax.features.mfcc_statistics import COLUMNS, mfcc_statistics

RECIPES = ("fma518", "gtzan57", "mfcc_statistics")


@dataclass(frozen=True)
class Recipe:
    """A set of hand-made features.

    Attributes:
      columns: names of the numbers.
      compute: picklable; (waveform [samples] float32, sample rate in Hz) → [columns].
      sample_rate: the default rate at which files are read; None is their own rate.
      fma_header: whether .csv files of it have FMA's header.
    """

    columns: tuple[str, ...]
    compute: Callable[[np.ndarray, int], np.ndarray]
    sample_rate: int | None = 22_050
    fma_header: bool = False

    def describe(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Computes the numbers [columns] float64 of a waveform [samples] float32.

        Raises:
          UserError: one of them is not finite.
        """
        values = np.asarray(self.compute(waveform, sample_rate), np.float64)
        if not np.isfinite(values).all():
            column = self.columns[int(np.argmin(np.isfinite(values)))]
            raise UserError(
                f"{column} is not a finite number; is it silent for "
                f"{len(waveform) / sample_rate:.3g} s?",
                code="features.not_finite",
            )
        return values


def find_recipe(name: str, *, corrected: bool = False) -> Recipe:
    """Finds a recipe by its name.

    Args:
      name: one of RECIPES.
      corrected: fma518 with the true sample rate in every column, see `fma518.features`.

    Returns:
      The recipe.

    Raises:
      UserError: there is no such recipe, or it has no corrected form.
    """
    if name not in RECIPES:
        raise unknown_name("table of features", name, RECIPES)
    if corrected and name != "fma518":
        raise UserError(
            f"{name} has nothing to correct; `corrected` is for fma518",
            code="argument.not_applicable",
        )
    if name == "mfcc_statistics":
        return Recipe(COLUMNS, mfcc_statistics)
    if name == "gtzan57":
        from mgr_jax.features import gtzan57  # imports librosa, which is slow

        return Recipe(gtzan57.COLUMNS, gtzan57.features)
    from mgr_jax.features import fma518

    compute = functools.partial(fma518.features, corrected=corrected)
    return Recipe(fma518.COLUMNS, compute, sample_rate=None, fma_header=True)
