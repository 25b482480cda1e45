"""Pictures that only the chapter on SimVLM and VILA draws. Chapter: 12_simvlm."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, VERMILION, use_style


def architecture() -> Figure:
    """Picture -> convolutional stage -> patches; patches and first words are the prefix; the rest is predicted."""
    use_style()
    figure, axes = canvas(7.4, 4.1)
    box(axes, 0.1, 0.45, 0.9, 0.45, "image", boxes.IMAGE)
    box(axes, 1.3, 0.45, 1.9, 0.45, "ResNet, 3 stages", boxes.IMAGE, "trained")
    arrow(axes, (1.0, 0.68), (1.3, 0.68))
    words = ["<bos>", "a", "red", "circle", "."]
    places = [0.1 + 0.8 * i for i in range(9)]
    for i, x in enumerate(places):
        name, colour = (f"patch {i + 1}", boxes.IMAGE) if i < 4 else (words[i - 4], boxes.TEXT)
        box(axes, x, 1.25, 0.72, 0.4, name, colour, size=8.5)
    arrow(axes, (2.2, 0.9), (2.2, 1.25))
    axes.plot([0.1, 0.1, 4.82, 4.82], [1.8, 1.88, 1.88, 1.8], color=INK, lw=1.2)
    axes.text(2.46, 1.93, "prefix: sees itself both ways", ha="center", va="bottom", fontsize=9, color=INK)
    axes.plot([4.9, 4.9, 7.22, 7.22], [1.8, 1.88, 1.88, 1.8], color=INK, lw=1.2)
    axes.text(6.06, 1.93, "left to right", ha="center", va="bottom", fontsize=9, color=INK)
    box(axes, 0.1, 2.35, 7.12, 0.5, "one transformer; the mask makes the prefix", boxes.BOTH, "trained")
    for x, word in zip(places[5:], ["red", "circle", ".", "<eos>"], strict=True):
        arrow(axes, (x + 0.36, 2.85), (x + 0.36, 3.15))
        box(axes, x, 3.15, 0.72, 0.4, word, boxes.TEXT, size=8.5)
    axes.text(3.9, 3.35, "the loss counts only these", ha="right", va="center", fontsize=9, color=INK)
    legend(axes, 0.1, 3.8)
    return figure


def masks(cells: Mapping[str, np.ndarray], names: Sequence[str]) -> Figure:
    """Several masks [seq seq] of one sequence, side by side; striped cells are ahead of their row."""
    use_style()
    figure, grid = plt.subplots(1, len(cells), figsize=(2.55 * len(cells), 3.1), squeeze=False)
    colours = ListedColormap(["white", BLUE, VERMILION])
    for axes, (title, mask) in zip(grid[0], cells.items(), strict=True):
        seen = np.asarray(mask).astype(int)
        ahead = np.triu(seen, 1)
        axes.pcolormesh(seen + ahead, cmap=colours, vmin=0, vmax=2, edgecolors=FAINT, linewidth=0.6)
        axes.set(title=title, aspect="equal")
        axes.invert_yaxis()
        ticks = np.arange(len(names)) + 0.5
        axes.set_xticks(ticks, names, rotation=90, fontsize=9)
        axes.set_yticks(ticks, names if axes is grid[0][0] else [], fontsize=9)
        axes.tick_params(length=0)
    return figure


def by_examples(shares: Mapping[str, np.ndarray], chance: float) -> Axes:
    """Labels right [seeds examples] against the number of examples that stand before, one curve for each arm."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.0, 3.2))
    for (name, values), colour in zip(shares.items(), (INK, BLUE, VERMILION, GREEN), strict=False):
        number = np.arange(values.shape[1])
        axes.plot(number, values.mean(axis=0), color=colour, label=name)
        axes.plot(number, values.T, "o", color=colour, markersize=3.5)
    axes.axhline(chance, color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.set(xlabel="examples before the picture", ylabel="labels right", ylim=(0, 1.03))
    axes.set_xticks(number)
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return axes
