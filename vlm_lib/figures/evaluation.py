"""Pictures that only the chapter on evaluation draws. Chapter: 51_evaluation."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, INK_ON_COLOUR, ORANGE, VERMILION, use_style

# metric -> what it looks at
LOOKS_AT = {
    "BLEU, ROUGE-L": ("candidate", "references"),
    "METEOR, SPICE": ("candidate", "references", "a model or lexicon"),
    "CIDEr": ("candidate", "references", "the other images"),
    "CLIPScore": ("candidate", "the image", "a model or lexicon"),
    "VQA accuracy": ("candidate", "references"),
    "recall@k": ("the image", "the other images", "a model or lexicon"),
    "yes/no, word order": ("candidate", "the image", "true facts"),
}
COLUMNS = ("candidate", "references", "the other images", "the image", "a model or lexicon", "true facts")
COLOUR_OF = {"candidate": ORANGE, "references": ORANGE, "the other images": BLUE, "the image": BLUE}


def what_metrics_see() -> Axes:
    """A dot where a metric looks at something; an empty place is what it can be fooled about."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 3.5))
    for y, seen in enumerate(LOOKS_AT.values()):
        for x, column in enumerate(COLUMNS):
            if column in seen:
                axes.plot(x, y, "o", markersize=13, color=COLOUR_OF.get(column, GREEN))
            else:
                axes.plot(x, y, "o", markersize=13, markerfacecolor="none", color=FAINT)
    axes.set_xticks(range(len(COLUMNS)), [name.replace(" ", "\n", 1) for name in COLUMNS])
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(LOOKS_AT)), LOOKS_AT)
    axes.set(xlim=(-0.5, len(COLUMNS) - 0.5), ylim=(len(LOOKS_AT) - 0.5, -0.5))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def damage(left: Float[np.ndarray, "kinds metrics"], kinds: Sequence[str], metrics: Sequence[str]) -> Axes:
    """What is left of each metric (columns) for each kind of caption (rows), as a share of the first row's."""
    use_style()
    figure, axes = plt.subplots(figsize=(1.9 + 0.95 * len(metrics), 0.8 + 0.5 * len(kinds)))
    axes.pcolormesh(left, cmap="Blues", vmin=0, vmax=1.6, edgecolors="white", linewidth=2)
    for (row, column), value in np.ndenumerate(left):
        axes.text(column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", color=INK_ON_COLOUR)
    axes.invert_yaxis()
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(metrics)) + 0.5, metrics)
    axes.set_yticks(np.arange(len(kinds)) + 0.5, kinds)
    axes.tick_params(length=0)
    return axes


def corpus_size(scores: Mapping[str, Mapping[int, Sequence[float]]]) -> Axes:
    """CIDEr of the same captions in corpora of several sizes: way of choosing -> size -> one value per draw."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 3.2))
    for (name, by_size), colour in zip(scores.items(), (BLUE, VERMILION), strict=False):
        sizes = list(by_size)
        axes.plot(sizes, [np.mean(by_size[n]) for n in sizes], color=colour, label=name)
        for n in sizes:
            axes.plot([n] * len(by_size[n]), by_size[n], "o", color=colour, markersize=3, alpha=0.6)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [str(n) for n in sizes])
    axes.minorticks_off()
    axes.set(xlabel="images in the corpus", ylabel="CIDEr (0 to 10)", ylim=(0, None))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def yes_no_panels(panels: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Accuracy, precision, recall and share of "yes", a panel per world, a group of dots per kind of negative."""
    use_style()
    names = ("accuracy", "precision", "recall", "yes")
    figure, grid = plt.subplots(1, len(panels), figsize=(3.9 * len(panels), 3.2), sharey=True, squeeze=False)
    for axes, (title, by_kind) in zip(grid[0], panels.items(), strict=True):
        for name, colour, marker in zip(names, (INK, VERMILION, GREEN, BLUE), "osDv", strict=True):
            values = [scores[name] for scores in by_kind.values()]
            label = f'says "{name}"' if name == "yes" else name
            axes.plot(range(len(values)), values, marker=marker, color=colour, label=label, linewidth=1.2)
        axes.axhline(0.5, color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.set_xticks(range(len(by_kind)), [kind.replace(" ", "\n", 1) for kind in by_kind])
        axes.set(title=title, xlabel="what is asked about that is not there", ylim=(0, 1.03))
        axes.set_xlim(-0.4, len(by_kind) - 0.6)
    grid[0][0].set_ylabel("share of questions")
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    return figure


def vqa_curves(right: Sequence[float], shortcut: Sequence[float]) -> Axes:
    """VQA accuracy of an answer that k of ten people gave, by the formula and by the shortcut."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.8, 2.8))
    axes.plot(range(len(right)), right, "o-", color=BLUE, label="leaving one person out")
    axes.plot(range(len(shortcut)), shortcut, "s--", color=VERMILION, label="min(1, k / 3)")
    axes.set(xlabel="people of ten who gave this answer", ylabel="accuracy", ylim=(0, 1.05))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def judged(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """CLIPScore of two sets of names under two judges: a panel per judge, dots per seed, a bar for their mean."""
    use_style()
    figure, grid = plt.subplots(1, len(scores), figsize=(3.6 * len(scores), 2.9), squeeze=False)
    for axes, (judge, sets) in zip(grid[0], scores.items(), strict=True):
        for i, (values, colour) in enumerate(zip(sets.values(), (GREEN, VERMILION), strict=True)):
            axes.plot([i] * len(values), values, "o", color=colour, markersize=6, alpha=0.8)
            axes.hlines(np.mean(values), i - 0.25, i + 0.25, color=INK, linewidth=2)
        axes.set_xticks(range(len(sets)), sets)
        axes.set(title=judge, ylabel="CLIPScore", xlim=(-0.6, len(sets) - 0.4), ylim=(0, None))
    return figure
