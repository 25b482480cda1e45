"""What a contrastive model learns, and who holds what when several processes train. Chapter: 02_contrastive."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vlm_lib.figures.style import BLUE, FAINT, INK, ORANGE, use_style


def embedding_map(stages: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """A panel a stage: images [n 2] as dots, their texts [n 2] as squares, each pair joined by a line.

    All panels share their axes. Raises: ValueError for no stage or for images and texts that differ in number.
    """
    if not stages or any(np.shape(u) != np.shape(v) for u, v in stages.values()):
        raise ValueError("stages: expected at least one, each with as many images as texts, both [n 2]")
    use_style()
    figure, row = plt.subplots(
        1, len(stages), figsize=(2.3 * len(stages), 2.7), sharex=True, sharey=True, squeeze=False
    )
    for axes, (title, (images, texts)) in zip(row[0], stages.items(), strict=True):
        joined = np.stack([images, texts, np.full_like(images, np.nan)], axis=1).reshape(-1, 2)
        axes.plot(*joined.T, color=FAINT, linewidth=0.8, zorder=1)
        axes.plot(*np.transpose(images), "o", color=BLUE, markersize=4, label="image")
        axes.plot(*np.transpose(texts), "s", color=ORANGE, markersize=4, label="its text")
        axes.set(xticks=[], yticks=[], title=title, aspect="equal")
    figure.legend(*row[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def who_holds_what(ways: Mapping[str, tuple[bool, bool]], *, processes: int = 4, pairs: int = 2) -> Figure:
    """For the third process: which cells of the table it computes, and which features its gradient reaches.

    ways: title -> (only its own rows and columns, gradient through the gathering). Raises: ValueError for no way.
    """
    if not ways:
        raise ValueError("ways is empty, expected at least one")
    use_style()
    n, own = processes * pairs, range(2 * pairs, 3 * pairs)
    figure, row = plt.subplots(1, len(ways), figsize=(2.3 * len(ways), 2.7), squeeze=False)
    for axes, (title, (local, through)) in zip(row[0], ways.items(), strict=True):
        mine = np.isin(np.arange(n), own)
        computed = mine[:, None] | mine if local else np.ones((n, n), dtype=bool)
        axes.imshow(computed, cmap=ListedColormap(["white", "#cfe3f3"]), vmin=0, vmax=1, extent=(0, n, n, 0))
        axes.add_patch(Rectangle((0, 0), n, n, fill=False, edgecolor=INK, linewidth=0.8))
        for i in range(n):
            reached = through or i in own
            for corner, colour in (((-1.4, i + 0.1), BLUE), ((i + 0.1, -1.4), ORANGE)):
                face = colour if reached else "white"
                axes.add_patch(Rectangle(corner, 0.8, 0.8, facecolor=face, edgecolor=colour, linewidth=1.2))
        for part in range(1, processes):
            for line in (axes.axhline, axes.axvline):
                line(part * pairs, color=INK, linewidth=0.6, linestyle=":")
        axes.set(xlim=(-1.6, n), ylim=(n, -1.6), aspect="equal", title=title)
        axes.set_axis_off()
    return figure
