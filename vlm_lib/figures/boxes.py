"""Boxes and arrows, from which each chapter's module draws the architecture of its system.

Colour says what flows: blue is image, orange is text, grey is neither. The outline says what is done to a part:
a thick line for trained, a thin dashed one for frozen.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from vlm_lib.figures.style import INK

IMAGE, TEXT, BOTH, DATA = "#cfe3f3", "#ffe0b3", "#e6e1d6", "#f1f1f1"
OUTLINES = {"trained": (2.4, "-"), "frozen": (1.1, (0, (3, 2))), "data": (0.8, "-")}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """Empty axes whose unit is an inch of the figure."""
    figure, axes = plt.subplots(figsize=(width, height))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure, axes


def box(
    axes: Axes,
    x: float,
    y: float,
    width: float,
    height: float,
    text: str,
    colour: str = DATA,
    kind: str = "data",
    size: float = 9.5,
) -> None:
    """A rounded box with its lower left corner at (x, y), in inches of the figure; `kind` sets the outline."""
    line, dashes = OUTLINES[kind]
    shape = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle=shape, facecolor=colour, edgecolor=INK, lw=line, linestyle=dashes
        )
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, color=INK)


def arrow(axes: Axes, *points: Sequence[float], dashed: bool = False, colour: str = INK) -> None:
    """A line through two or more points, with its head at the last."""
    style = {"color": colour, "lw": 1.3, "linestyle": "--" if dashed else "-"}
    axes.plot(*zip(*points[:-1], strict=True), **style, solid_capstyle="round")
    axes.annotate("", xy=points[-1], xytext=points[-2], arrowprops={"arrowstyle": "-|>", "shrinkA": 0, **style})


def legend(axes: Axes, x: float, y: float, step: float = 1.0) -> None:
    """What colours and outlines mean, in one row."""
    entries = [
        ("image", IMAGE, "data"),
        ("text", TEXT, "data"),
        ("trained", DATA, "trained"),
        ("frozen", DATA, "frozen"),
    ]
    for number, (name, colour, kind) in enumerate(entries):
        box(axes, x + number * step, y, 0.24, 0.2, "", colour, kind)
        axes.text(x + number * step + 0.31, y + 0.1, name, fontsize=8.5, va="center", color=INK)
