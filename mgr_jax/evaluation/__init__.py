"""Scores of predictions, with intervals, and the protocol behind them. Needs only NumPy."""

from mgr_jax.evaluation.bootstrap import bootstrap_intervals, wilson_interval
from mgr_jax.evaluation.comparison import mcnemar, paired_difference, same_tracks
from mgr_jax.evaluation.join import join_predictions, join_repeats
from mgr_jax.evaluation.metrics import (
    accuracy,
    average_precision,
    calibration_error,
    log_loss,
    macro_f1,
    reliability,
    roc_auc,
    top_k_accuracy,
)
from mgr_jax.evaluation.predictions import AGGREGATIONS, Predictions
from mgr_jax.evaluation.protocol import Protocol
from mgr_jax.evaluation.results import (
    Result,
    find_results,
    format_interval,
    load_result,
    save_result,
)
from mgr_jax.evaluation.scores import (
    LOWER_IS_BETTER,
    confusion_matrix,
    evaluate,
    majority_baseline,
    per_class,
)
from mgr_jax.evaluation.text import format_table

__all__ = [
    "AGGREGATIONS",
    "LOWER_IS_BETTER",
    "Predictions",
    "Protocol",
    "Result",
    "accuracy",
    "average_precision",
    "bootstrap_intervals",
    "calibration_error",
    "confusion_matrix",
    "evaluate",
    "find_results",
    "format_interval",
    "format_table",
    "join_predictions",
    "join_repeats",
    "load_result",
    "log_loss",
    "macro_f1",
    "majority_baseline",
    "mcnemar",
    "paired_difference",
    "per_class",
    "reliability",
    "roc_auc",
    "same_tracks",
    "save_result",
    "top_k_accuracy",
    "wilson_interval",
]
