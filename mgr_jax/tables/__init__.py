"""Hand-made features and the classical baselines on them. Fitting needs the extra `tables`."""

from mgr_jax.tables.classical import Svm, fit_svm
from mgr_jax.tables.mfcc_statistics import mfcc_statistics

__all__ = ["Svm", "fit_svm", "mfcc_statistics"]
