"""Figures: the book's style, recurring plots, diagrams of boxes, and a module for what only one chapter draws."""

from vlm_lib.figures.plots import legend_below, mask_figure, show_images, spread
from vlm_lib.figures.style import BLUE, GREEN, INK, OKABE_ITO, ORANGE, VERMILION, use_style
from vlm_lib.figures.table import table

__all__ = [
    "BLUE",
    "GREEN",
    "INK",
    "OKABE_ITO",
    "ORANGE",
    "VERMILION",
    "legend_below",
    "mask_figure",
    "show_images",
    "spread",
    "table",
    "use_style",
]
