"""Pictures that only the chapter on CoCa draws. Chapter: 35_coca."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures.boxes import BOTH, IMAGE, TEXT, arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, FAINT, INK, OKABE_ITO, ORANGE, use_style


def architecture() -> Figure:
    """Image tower and poolers on the left, the decoder's two halves on the right, a loss on top of each way."""
    use_style()
    figure, axes = canvas(5.6, 5.2)
    box(axes, 0.1, 0.1, 1.9, 0.4, "image", IMAGE, size=9)
    box(axes, 0.1, 0.85, 1.9, 0.45, "image encoder", IMAGE, "trained", 9)
    box(axes, 0.1, 1.75, 1.9, 0.55, "captioning pooler\nmany queries", IMAGE, "trained", 9)
    box(axes, 0.1, 3.0, 1.9, 0.55, "contrastive pooler\none query", IMAGE, "trained", 9)
    box(axes, 2.6, 0.1, 2.1, 0.4, "words of the caption", TEXT, size=9)
    box(axes, 4.75, 0.1, 0.7, 0.4, "[CLS]", TEXT, "trained", 9)
    box(axes, 2.6, 0.95, 2.85, 0.75, "lower half: text alone\n(causal; [CLS] is last)", TEXT, "trained", 9)
    box(axes, 2.6, 2.3, 2.1, 0.75, "upper half: causal,\nand reads the image", BOTH, "trained", 9)
    for x, start, end in ((1.05, 0.5, 0.85), (1.05, 1.3, 1.75), (1.05, 2.3, 3.0)):
        arrow(axes, (x, start), (x, end))
    for x, start, end in ((3.65, 0.5, 0.95), (5.1, 0.5, 0.95), (3.65, 1.7, 2.3), (3.65, 3.05, 3.9)):
        arrow(axes, (x, start), (x, end))
    arrow(axes, (2.0, 2.02), (2.3, 2.02), (2.3, 2.67), (2.6, 2.67))
    axes.text(1.15, 2.65, "cascade", fontsize=8.5, va="center", color=INK)
    box(axes, 2.75, 3.9, 1.8, 0.4, "captioning loss", BOTH, size=9)
    box(axes, 0.15, 3.9, 1.8, 0.4, "contrastive loss", BOTH, size=9)
    arrow(axes, (1.05, 3.55), (1.05, 3.9))
    arrow(axes, (5.1, 1.7), (5.1, 4.55), (1.05, 4.55), (1.05, 4.3))
    axes.text(5.0, 3.4, "[CLS]", fontsize=8.5, ha="right", va="center", color=INK)
    legend(axes, 0.1, 4.85, step=1.1)
    return figure


def authors(rows: Mapping[str, tuple[float, float | None]], *, titles: Sequence[str]) -> Figure:
    """The paper's ablation: for each arm two numbers, drawn as dots in two panels; None where there is none."""
    use_style()
    figure, panels = plt.subplots(1, 2, figsize=(6.8, 0.32 * len(rows) + 1.0), sharey=True)
    names = list(rows)[::-1]
    for column, (axes, title) in enumerate(zip(panels, titles, strict=True)):
        found = {name: rows[name][column] for name in names if rows[name][column] is not None}
        axes.axvline(rows[names[-1]][column], color=FAINT, linewidth=1.5)
        axes.plot(list(found.values()), [names.index(name) for name in found], "o", color=(BLUE, ORANGE)[column])
        for name, value in found.items():
            axes.annotate(f"{value:.1f}", (value, names.index(name)), (6, 0), textcoords="offset points",
                          va="center", fontsize=9)  # fmt: skip
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.margins(x=0.2)
        axes.set_xlabel(title)
        axes.tick_params(axis="y", length=0)
    return figure


def plane(
    arms: Mapping[str, Sequence[tuple[float, float]]],
    *,
    across: str,
    up: str,
    chance: tuple[float, float] | None = None,
) -> Axes:
    """Arms as points in the plane of two metrics: a small dot for each seed, a large one for the mean."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for number, (name, seeds) in enumerate(arms.items()):
        colour, marker = OKABE_ITO[number % 7], "oosDv^P"[number % 7]
        values = np.asarray(seeds, dtype=float)
        axes.plot(*values.T, marker, color=colour, markersize=4, alpha=0.6)
        axes.plot(*values.mean(axis=0), marker, color=colour, markersize=10, label=name)
    if chance is not None:
        axes.plot(*chance, "x", color=INK, markersize=8, label="blind")
    axes.set(xlabel=across, ylabel=up)
    axes.grid(True)
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def attention_grids(maps: np.ndarray, titles: Sequence[str], *, columns: int = 8) -> Figure:
    """Attention [n rows columns] as squares of blue, each map from 0 to its own largest share."""
    use_style()
    rows = -(-len(maps) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(0.85 * columns, 1.05 * rows), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, shares, title in zip(grid.flat, maps, titles, strict=False):
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=shares.max())
        axes.set_title(title, fontsize=9, loc="center")
    return figure
