"""Scores of predictions, with intervals. Needs numpy only."""

from mgr_jax.evaluation.bootstrap import bootstrap_intervals, wilson_interval
from mgr_jax.evaluation.metrics import (
    accuracy,
    average_precision,
    confusion_matrix,
    evaluate,
    log_loss,
    macro_f1,
    majority_baseline,
    per_class,
    roc_auc,
    top_k_accuracy,
)
from mgr_jax.evaluation.predictions import Predictions, join_predictions
from mgr_jax.evaluation.text import format_table

__all__ = [
    "Predictions",
    "accuracy",
    "average_precision",
    "bootstrap_intervals",
    "confusion_matrix",
    "evaluate",
    "format_table",
    "join_predictions",
    "log_loss",
    "macro_f1",
    "majority_baseline",
    "per_class",
    "roc_auc",
    "top_k_accuracy",
    "wilson_interval",
]
