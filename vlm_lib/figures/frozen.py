"""Pictures that only the chapter on Frozen draws. Chapter: 21_frozen."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, GREEN, INK, ORANGE, VERMILION, use_style
from vlm_lib.training.memory import Memory

KINDS = {"weights": INK, "gradients": GREEN, "optimizer": VERMILION, "activations": BLUE}


def architecture() -> Figure:
    """Image -> trained encoder -> two vectors in a row of embeddings -> frozen LM; the gradient's way back."""
    use_style()
    figure, axes = canvas(8.6, 4.3)
    box(axes, 0.2, 0.2, 0.9, 0.5, "image", boxes.IMAGE)
    box(axes, 1.5, 0.2, 1.7, 0.5, "vision encoder", boxes.IMAGE, "trained")
    box(axes, 3.6, 0.2, 1.3, 0.5, "linear map", boxes.IMAGE, "trained")
    arrow(axes, (1.1, 0.45), (1.5, 0.45))
    arrow(axes, (3.2, 0.45), (3.6, 0.45))
    row = ["<bos>", "i\u2081", "i\u2082", ":", "it", "is", "called", "lion"]
    for i, token in enumerate(row):
        box(axes, 0.2 + i * 1.03, 1.5, 0.9, 0.45, token, boxes.IMAGE if i in (1, 2) else boxes.TEXT)
        arrow(axes, (0.65 + i * 1.03, 1.95), (0.65 + i * 1.03, 2.35))
    arrow(axes, (4.0, 0.7), (4.0, 1.1), (1.68, 1.1), (1.68, 1.5))
    arrow(axes, (4.5, 0.7), (4.5, 1.22), (2.71, 1.22), (2.71, 1.5))
    box(axes, 0.2, 2.35, 8.1, 0.55, "language model", boxes.TEXT, "frozen")
    for i, said in enumerate([":", "it", "is", "called", "lion", "."]):
        x = 0.65 + (i + 2) * 1.03
        arrow(axes, (x, 2.9), (x, 3.2))
        axes.text(x, 3.25, said, fontsize=9.5, ha="center", va="bottom", color=INK)
    arrow(axes, (8.45, 3.35), (8.45, 0.45), (4.9, 0.45), dashed=True, colour=VERMILION)
    axes.text(
        6.7, 0.52, "gradient: through the LM, to the encoder", fontsize=8.5, ha="center", va="bottom", color=INK
    )
    legend(axes, 0.2, 3.85)
    return figure


def authors_bars(arms: Mapping[str, Sequence[float]], shots: Sequence[int]) -> Axes:
    """The paper's VQAv2 accuracy: a group of bars for each arm, one bar for each number of examples."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 2.9))
    width = 0.8 / len(shots)
    for k, (n, shade) in enumerate(zip(shots, (0.35, 0.65, 1.0), strict=False)):
        places = np.arange(len(arms)) + (k - (len(shots) - 1) / 2) * width
        heights = [values[k] for values in arms.values()]
        label = f"{n} example{'' if n == 1 else 's'}"
        axes.bar(places, heights, width * 0.92, color=BLUE, alpha=shade, label=label)
        for x, y in zip(places, heights, strict=True):
            axes.text(x, y + 0.5, f"{y:.1f}", ha="center", fontsize=8)
    axes.set_xticks(range(len(arms)), list(arms))
    axes.set_ylabel("VQAv2, % right")
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def shots_curves(right: Mapping[str, np.ndarray], shots: Sequence[int], chance: float = 0.5) -> Axes:
    """Share of right made-up words against the number of examples: [seeds shots] for each arm, lines are means."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 3.3))
    for (name, values), (colour, mark) in zip(right.items(), _STYLES, strict=False):
        axes.plot(shots, values.mean(axis=0), color=colour, marker=mark, markersize=5, label=name)
        axes.plot(shots, values.T, ".", color=colour, markersize=3)
    axes.axhline(chance, color=GREEN, lw=1, ls="--", label="one of the two words")
    axes.set_xticks(shots)
    axes.set(xlabel="examples of each word in the prompt", ylabel="right word, share", ylim=(-0.03, 1.03))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


_STYLES = ((BLUE, "o"), (ORANGE, "s"), (VERMILION, "^"), (INK, "D"), (GREEN, "v"))


def trade(points: Mapping[str, tuple[np.ndarray, np.ndarray]], x: str, y: str) -> Axes:
    """Two measures of every arm, a dot for each seed: what was trained across, what was not up."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 3.4))
    for (name, (across, up)), (colour, mark) in zip(points.items(), _STYLES, strict=False):
        axes.plot(across, up, mark, color=colour, markersize=6, label=name)
    axes.set(xlabel=x, ylabel=y, xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def memory_bars(choices: Mapping[str, Memory], unit: float, name: str) -> Axes:
    """Memory of one update for each choice of what is frozen, stacked by what it is for; `unit` in bytes."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.8, 0.45 * len(choices) + 1.2))
    names, left = list(choices)[::-1], np.zeros(len(choices))
    for kind, colour in KINDS.items():
        values = np.array([getattr(choices[choice], kind) / unit for choice in names])
        axes.barh(range(len(names)), values, left=left, color=colour, height=0.6, label=kind)
        left += values
    for row, total in enumerate(left):
        axes.text(total + 0.01 * left.max(), row, f"{total:.3g}", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=name, xlim=(0, 1.13 * left.max()))
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4, fontsize=9)
    return axes
