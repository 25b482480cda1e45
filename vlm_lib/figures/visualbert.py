"""Pictures that only the chapter on VisualBERT draws. Chapter: 11_visualbert."""

import re
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from vlm_lib.data.captioned_regions import CaptionedRegions, bert_tokenizer
from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import BOTH, TEXT, arrow, box, canvas
from vlm_lib.figures.style import FAINT, INK, OKABE_ITO, SKY, VERMILION, use_style

WORDS = ("[CLS]", "a", "[MASK]", "star")
SUMS = (("e_t", "f_o"), ("e_s", "f_s"), ("e_p", "f_p"))


def architecture() -> Figure:
    """Four words and two regions, each a sum of three embeddings, in one stack of self-attention."""
    use_style()
    figure, axes = canvas(5.2, 4.1)
    columns = [0.5 + 0.72 * i for i in range(4)] + [3.62, 4.34]
    for number, x in enumerate(columns):
        image = number >= 4
        colour = boxes.IMAGE if image else TEXT
        box(axes, x, 0.1, 0.64, 0.4, f"box {number - 3}" if image else WORDS[number], colour, size=9)
        for row, names in enumerate(SUMS):
            y = 0.68 + 0.42 * row
            box(axes, x, y, 0.64, 0.34, f"${names[image]}$", colour, "trained", 10)
        arrow(axes, (x + 0.32, 1.86), (x + 0.32, 2.15))
    for y in (1.06, 1.48):
        axes.text(0.4, y, "+", ha="right", va="center", fontsize=12, color=INK)
    inside = "self-attention and feed-forward, 12 times:\nevery position looks at every other"
    box(axes, 0.5, 2.15, 4.48, 0.62, inside, BOTH, "trained", 9)
    for x, label in ((0.82, "do two captions\nmatch?"), (2.26, "the masked\nword")):
        arrow(axes, (x, 2.77), (x, 3.15))
        box(axes, x - 0.6, 3.15, 1.2, 0.55, label, TEXT, "trained", 9)
    axes.text(4.3, 3.42, "regions are never\nmasked", fontsize=9, ha="center", va="center", color=INK)
    axes.text(0.5, 3.95, "orange: words   blue: regions", fontsize=9, va="center", color=INK)
    return figure


def authors_ablation(scores: Mapping[str, float], baseline: float, metric: str) -> Axes:
    """What each change costs the paper's own model: bars from `baseline` down to the score of each arm."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.2, 0.42 * len(scores) + 1.0))
    names = list(scores)[::-1]
    values = np.array([scores[name] for name in names])
    axes.barh(range(len(names)), values - baseline, left=baseline, color=VERMILION, height=0.6)
    for row, value in enumerate(values):
        label = f"{value:.1f}  ({value - baseline:+.1f})".replace("-", "−")
        axes.text(baseline + 0.1, row, label, va="center", fontsize=9)
    axes.axvline(baseline, color=INK, lw=1.2)
    axes.set_yticks(range(len(names)), [textwrap.fill(name, 26) for name in names])
    axes.set(xlim=(values.min() - 0.3, baseline + 1.6), xlabel=metric)
    axes.tick_params(axis="y", length=0)
    return axes


def with_boxes(data: CaptionedRegions, *, columns: int = 3) -> Figure:
    """Every scene with its boxes (solid around objects, dashed around nothing), and its caption under it."""
    use_style()
    rows = -(-len(data) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(1.75 * columns, 2.2 * rows), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    captions = bert_tokenizer().batch_decode(data.input_ids, skip_special_tokens=True)
    for i, (axes, caption) in enumerate(zip(grid.flat, captions, strict=False)):
        draw_boxes(axes, data, i, ["-" if named else ":" for named in (data.regions.words[i] >= 0).any(dim=-1)])
        axes.text(
            0.5, -0.04, textwrap.fill(caption, 24), transform=axes.transAxes, ha="center", va="top", fontsize=9
        )
    return figure


def draw_boxes(axes: Axes, data: CaptionedRegions, row: int, lines: Sequence[str]) -> None:
    """One scene and the frames of its regions."""
    axes.imshow(data.scenes.images[row].permute(1, 2, 0), interpolation="nearest")
    for (left, top, right, bottom), line in zip(data.boxes[row].tolist(), lines, strict=True):
        frame = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=SKY, lw=1.8)
        frame.set_linestyle(line)
        axes.add_patch(frame)


def attention_to_regions(
    data: CaptionedRegions, words: Sequence[str], weights: Float[Tensor, "n regions"]
) -> Figure:
    """How much of its attention a masked word gives to each region; the rest goes to words."""
    use_style()
    figure, grid = plt.subplots(1, len(data), figsize=(1.75 * len(data), 2.2), squeeze=False)
    for i, (axes, word) in enumerate(zip(grid[0], words, strict=True)):
        axes.set_axis_off()
        draw_boxes(axes, data, i, ["-"] * len(weights[i]))
        for (left, top, right, bottom), weight in zip(data.boxes[i].tolist(), weights[i].tolist(), strict=True):
            middle, plate = ((left + right) / 2, (top + bottom) / 2), {"facecolor": "white", "edgecolor": "none"}
            axes.text(*middle, f"{weight:.0%}", ha="center", va="center", fontsize=9, color=INK, bbox=plate)
        axes.text(0.5, -0.04, f"masked: {word}", transform=axes.transAxes, ha="center", va="top", fontsize=9)
    return figure


def by_kind(
    right: Mapping[str, Mapping[str, Sequence[float]]], chance: Mapping[str, float], *, wrap: int = 22
) -> Figure:
    """A row per arm, a panel per kind of word: the share said right, a dot per seed; chance is a dashed line."""
    use_style()
    kinds = list(chance)
    figure, grid = plt.subplots(1, len(kinds), figsize=(5.2, 0.42 * len(right) + 0.9), sharey=True)
    for column, (axes, kind) in enumerate(zip(grid, kinds, strict=True)):
        axes.axvline(chance[kind], color=INK, linestyle=(0, (4, 3)), lw=1)
        for row, arm in enumerate(right):
            values = right[arm][kind]
            axes.plot(values, np.full(len(values), row), "o", color=OKABE_ITO[row % 6], markersize=5, alpha=0.8)
        axes.set(xlim=(-0.06, 1.06), xlabel=kind, ylim=(len(right) - 0.5, -0.5))
        axes.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.grid(axis="y", color=FAINT)
        axes.tick_params(axis="y", length=0)
        if column == 0:
            names = [re.sub(r"\bf_([osp])\b", r"$f_\1$", textwrap.fill(arm, wrap)) for arm in right]
            axes.set_yticks(range(len(right)), names)
    return figure


def against_noise(curves: Mapping[str, Sequence[float]], pixels: Sequence[float], trained: float) -> Axes:
    """Share of masked words said right against the noise of the boxes; a dotted line at the noise of training."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.2, 3.0))
    for (kind, values), marker in zip(curves.items(), "osD^", strict=False):
        axes.plot(pixels, values, marker=marker)
        axes.annotate(kind, (pixels[-1], values[-1]), xytext=(8, 0), textcoords="offset points", va="center")
    axes.axvline(trained, color=INK, linestyle=":", lw=1)
    axes.set(xlabel="noise of every edge of a box (pixels)", ylabel="masked words right", ylim=(0, 1.03))
    axes.grid(axis="y")
    return axes
