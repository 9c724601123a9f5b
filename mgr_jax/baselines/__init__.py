"""Classical classifiers on hand-made features. Fitting needs the extra `tables`."""

from mgr_jax.baselines.classical import Svm, fit_svm

__all__ = ["Svm", "fit_svm"]
