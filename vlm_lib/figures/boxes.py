"""Boxes and arrows, from which each chapter's module draws the architecture of its system."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vlm_lib.figures.style import INK

FROZEN, TRAINED, DATA = "#cfe3f3", "#ffe0b3", "#f1f1f1"  # blue = frozen, orange = trained, grey = data


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure, axes


def box(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str = DATA) -> None:
    """A rounded box with its lower left corner at (x, y), in inches of the figure."""
    patch = FancyBboxPatch(
        (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor=INK
    )
    axes.add_patch(patch)
    size = 8.5 if text == "<image>" else 9.5
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, color=INK)


def arrow(axes: Axes, start: Sequence[float], end: Sequence[float], dashed: bool = False) -> None:
    style = {"arrowstyle": "-|>", "color": INK, "lw": 1.3, "linestyle": "--" if dashed else "-"}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)
