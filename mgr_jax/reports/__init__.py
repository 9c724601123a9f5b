"""Plots and report pages from stored arrays. Needs the extra `report`."""

from mgr_jax.reports.figures import (
    draw_comparison,
    draw_confusion,
    draw_history,
    draw_per_class,
    draw_reliability,
    figure_to_image,
    require_matplotlib,
    save_figure,
)
from mgr_jax.reports.report import markdown_table, markdown_text, write_page

__all__ = [
    "draw_comparison",
    "draw_confusion",
    "draw_history",
    "draw_per_class",
    "draw_reliability",
    "figure_to_image",
    "markdown_table",
    "markdown_text",
    "require_matplotlib",
    "save_figure",
    "write_page",
]
