"""Pictures and report pages drawn from stored arrays. Needs the extra `report`."""

from mgr_jax.reports.figures import draw_confusion, draw_history, draw_per_class, figure_to_image
from mgr_jax.reports.report import write_report

__all__ = ["draw_confusion", "draw_history", "draw_per_class", "figure_to_image", "write_report"]
