"""Pictures of contrastive learning, drawn from boxes and arrows. Chapter: 02_contrastive."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vlm_lib.figures.boxes import DATA, IMAGE, TEXT, arrow, box
from vlm_lib.figures.style import BLUE, INK, INK_ON_COLOUR

OWN, CELL = BLUE, 0.92


def clip(similarity, images: Sequence[str], texts: Sequence[str]) -> Figure:
    """Two encoders, and the table in which every image meets every text; pairs are framed on the diagonal.

    similarity: [n n], the cosines that are written into the table. Raises: ValueError unless the table is square
    and has one label a row and one a column. Source: CLIP, figure 1 (arXiv 2103.00020).
    """
    table = np.asarray(similarity)
    if table.shape != (len(images), len(texts)) or len(images) != len(texts):
        expected = f"{len(images)} by {len(texts)} as there are labels, and square"
        raise ValueError(f"similarity has shape {list(table.shape)}, expected {expected}")
    n = len(table)
    figure, axes = plt.subplots(figsize=(7.6, 2.5 + CELL * n))
    axes.set(xlim=(0, 7.6), ylim=(0, 2.5 + CELL * n), aspect="equal")
    axes.axis("off")
    left, top = 3.9, CELL * n + 0.2
    box(axes, left, top + 1.0, CELL * n, 0.5, "text encoder", TEXT, "trained")
    box(axes, 1.9, top - CELL * n, 0.95, CELL * n, "image\nencoder", IMAGE, "trained")
    shades = plt.get_cmap("Blues")
    for i in range(n):
        x, y = left + CELL * i, top - CELL * (i + 1)
        box(axes, x + 0.04, top + 1.75, CELL - 0.08, 0.5, texts[i])
        box(axes, 0.1, y + 0.21, 1.4, 0.5, images[i])
        for height in (top + 1.75, top + 1.0):
            arrow(axes, (x + CELL / 2, height), (x + CELL / 2, height - (0.25 if height > top + 1.5 else 0.4)))
        arrow(axes, (1.5, y + CELL / 2), (1.9, y + CELL / 2))
        arrow(axes, (2.85, y + CELL / 2), (3.25, y + CELL / 2))
        axes.text(x + CELL / 2, top + 0.3, f"$v_{i + 1}$", ha="center", color=INK)
        axes.text(3.55, y + CELL / 2, f"$u_{i + 1}$", va="center", ha="center", color=INK)
        for j in range(n):
            value = float(table[i, j])
            shade = shades(0.6 * max(value, 0.0))
            cell = (left + CELL * j, y)
            axes.add_patch(Rectangle(cell, CELL, CELL, facecolor=shade, edgecolor=DATA))
            number = f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
            axes.text(cell[0] + CELL / 2, y + CELL / 2, number, ha="center", va="center", color=INK_ON_COLOUR)
    for i in range(n):
        corner = (left + CELL * i, top - CELL * (i + 1))
        axes.add_patch(Rectangle(corner, CELL, CELL, fill=False, edgecolor=OWN, linewidth=2.5))
    return figure
