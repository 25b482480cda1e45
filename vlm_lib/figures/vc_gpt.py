"""Pictures that only the chapter on VC-GPT draws. Chapter: 32_vc_gpt."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, OKABE_ITO, ORANGE, use_style


def architecture() -> Figure:
    """Words -> GPT-2 -> h_G, image -> encoder; h_G asks the image; two heads, whose outputs are added."""
    use_style()
    figure, axes = canvas(8.4, 4.9)
    box(axes, 0.1, 0.2, 3.0, 0.45, "<bos> a large red", boxes.TEXT)
    box(axes, 0.1, 1.1, 3.0, 0.55, "GPT-2, no image", boxes.TEXT, "frozen")
    box(axes, 0.1, 2.1, 3.0, 0.45, "$h^G$, behind the last norm", boxes.TEXT)
    box(axes, 0.1, 3.1, 1.3, 0.5, "$W^G$", boxes.TEXT, "trained")
    box(axes, 4.9, 0.2, 3.2, 0.45, "image", boxes.IMAGE)
    box(axes, 4.9, 0.9, 3.2, 0.45, "vision encoder", boxes.IMAGE, "frozen")
    box(axes, 4.9, 1.6, 3.2, 0.45, "self-attention, MLP", boxes.IMAGE, "trained")
    box(axes, 3.6, 2.45, 4.5, 0.7, "causal self-attention,\ncross-attention, MLP", boxes.BOTH, "trained")
    box(axes, 4.2, 3.4, 3.3, 0.42, "$h^{fuse}$, $W^{fuse}$", boxes.BOTH, "trained")
    box(axes, 1.9, 4.25, 3.0, 0.45, "sum: logits of the next word", boxes.DATA)
    for x, low, high in ((1.6, 0.65, 1.1), (1.6, 1.65, 2.1), (0.75, 2.55, 3.1)):
        arrow(axes, (x, low), (x, high))
    for low, high in ((0.65, 0.9), (1.35, 1.6), (2.05, 2.45)):
        arrow(axes, (6.5, low), (6.5, high))
    arrow(axes, (3.1, 2.32), (3.35, 2.32), (3.35, 2.8), (3.6, 2.8))
    arrow(axes, (5.85, 3.15), (5.85, 3.4))
    arrow(axes, (0.75, 3.6), (0.75, 4.47), (1.9, 4.47))
    arrow(axes, (5.85, 3.82), (5.85, 4.47), (4.9, 4.47))
    axes.text(3.42, 3.0, "asks", fontsize=8.5, color=INK, ha="right")
    legend(axes, 0.1, -0.25)
    axes.set_ylim(-0.35, 4.9)
    return figure


def two_places() -> Figure:
    """One layer of GPT-2 with cross-attention inside it, beside untouched layers with a fusion on top."""
    use_style()
    figure, axes = canvas(8.4, 3.5)
    titles = ("inside the language model", "on top of it (VC-GPT)")
    for left, title in zip((0.3, 4.6), titles, strict=True):
        axes.text(left + 1.4, 3.3, title, ha="center", fontsize=10, color=INK)
    for y, name, colour, kind in (
        (0.2, "self-attention", boxes.TEXT, "frozen"),
        (0.9, "cross-attention", boxes.BOTH, "trained"),
        (1.6, "MLP", boxes.TEXT, "frozen"),
        (2.3, "next layer: the same", boxes.DATA, "data"),
    ):
        box(axes, 0.3, y, 2.8, 0.45, name, colour, kind)
    for y, name, colour, kind in (
        (0.2, "self-attention, MLP", boxes.TEXT, "frozen"),
        (0.9, "all other layers", boxes.TEXT, "frozen"),
        (1.6, "fusion: reads the image", boxes.BOTH, "trained"),
        (2.3, "two heads, added", boxes.DATA, "trained"),
    ):
        box(axes, 4.6, y, 2.8, 0.45, name, colour, kind)
    for x in (1.7, 6.0):
        for y in (0.65, 1.35, 2.05):
            arrow(axes, (x, y), (x, y + 0.25))
    for x, y in ((3.9, 1.12), (8.2, 1.82)):
        axes.text(x - 0.12, y, "image", ha="center", va="center", fontsize=9, color=BLUE)
        arrow(axes, (x - 0.38, y), (x - 0.8, y), colour=BLUE)
    return figure


def authors_scores(scores: Mapping[str, Mapping[str, float]]) -> Figure:
    """The paper's scores on COCO: a panel for each metric, a bar for each model."""
    use_style()
    figure, panels = plt.subplots(1, len(scores), figsize=(8.0, 2.5), sharey=True)
    for axes, (metric, values) in zip(panels, scores.items(), strict=True):
        low, high = min(values.values()), max(values.values())
        room = max(high - low, 1)
        axes.hlines(range(len(values)), low - room, values.values(), color=FAINT)
        axes.plot(list(values.values()), range(len(values)), "o", color=BLUE, markersize=8)
        for y, value in enumerate(values.values()):
            axes.text(value, y + 0.2, f"{value:g}", ha="center", fontsize=9)
        axes.set(title=metric, xlim=(low - 0.6 * room, high + 0.6 * room), ylim=(-0.5, len(values) - 0.3))
        axes.set_yticks(range(len(values)), [textwrap.fill(name, 18) for name in values])
    return figure


def three_bars(words: Sequence[str], columns: Mapping[str, Sequence[float]]) -> Figure:
    """Chances of the next word: a panel for each term and one for their sum."""
    use_style()
    figure, panels = plt.subplots(1, len(columns), figsize=(7.6, 0.7 + 0.34 * len(words)), sharey=True)
    for axes, (title, chances), colour in zip(panels, columns.items(), (ORANGE, BLUE, GREEN), strict=True):
        axes.barh(range(len(words)), chances, color=colour)
        for y, chance in enumerate(chances):
            axes.text(min(chance, 0.78) + 0.02, y, f"{100 * chance:.0f} %", va="center", fontsize=9)
        axes.set(title=title, xlim=(0, 1), xlabel="chance")
        axes.set_yticks(range(len(words)), words)
    panels[0].invert_yaxis()
    return figure


def moved(changes: Mapping[str, Sequence[float]], words: Sequence[str]) -> Figure:
    """How far each term moves at each word, a row of bars for each kind of exchange, all on one scale."""
    use_style()
    figure, rows = plt.subplots(
        len(changes), 1, figsize=(7.2, 0.85 * len(changes) + 0.7), sharex=True, sharey=True
    )
    for axes, (name, values) in zip(rows, changes.items(), strict=True):
        axes.bar(range(len(words)), [float(v) for v in values], color=BLUE if "image" in name else ORANGE)
        axes.set_title(name, fontsize=9.5)
    rows[-1].set_xticks(range(len(words)), words, rotation=45, ha="right")
    rows[-1].set_xlabel("behind this word")
    figure.supylabel("largest change of a logit", fontsize=10)
    return figure


def curves(losses: Mapping[str, Sequence[Sequence[float]]], *, text_only: float) -> Axes:
    """Training loss by update, mean over the seeds, on a logarithmic axis; dashed: the LM without the image."""
    use_style()
    figure, axes = plt.subplots(figsize=(7.2, 3.4))
    for (name, runs), colour in zip(losses.items(), OKABE_ITO, strict=False):
        axes.plot(np.mean(runs, axis=0), color=colour, label=name)
    axes.axhline(text_only, color=INK, linestyle=(0, (4, 3)), linewidth=1, label="LM, no image")
    axes.set(yscale="log", xlabel="update", ylabel="loss, nats per token")
    ticks = (0.3, 0.5, 1, 2, 5)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def by_kind_of_word(losses: Mapping[str, Mapping[str, float]]) -> Axes:
    """For each kind of word a bar for each model: nats per token."""
    use_style()
    figure, axes = plt.subplots(figsize=(7.4, 3.1))
    kinds = list(next(iter(losses.values())))
    width = 0.8 / len(losses)
    for i, ((name, values), colour) in enumerate(zip(losses.items(), (ORANGE, GREEN, BLUE), strict=False)):
        places = np.arange(len(kinds)) + (i - (len(losses) - 1) / 2) * width
        axes.bar(places, [values[kind] for kind in kinds], width * 0.95, color=colour, label=name)
    axes.set_xticks(range(len(kinds)), kinds)
    axes.set(ylabel="nats per token")
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def trade(points: Mapping[str, tuple[float, float]], *, before: float) -> Axes:
    """Caption loss against what texts cost: one labelled point for each arm, squares where the LM is frozen.

    points: (caption loss, loss on texts without an image), both in nats per token. before: the untouched LM's.
    """
    use_style()
    figure, axes = plt.subplots(figsize=(7.4, 3.7))
    for (name, (caption, text)), colour in zip(points.items(), OKABE_ITO, strict=False):
        marker = "s" if "frozen" in name else "o"
        axes.plot(caption, text, marker, color=colour, markersize=9, label=name, linestyle="none")
    axes.axhline(before, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="the LM before")
    axes.set(xlabel="captions: nats per token (left is better)", ylabel="texts: nats per token (low is better)")
    figure.legend(loc="outside right center", fontsize=9)
    return axes
