"""Pictures that only the chapter on ClipCap and MobileVLM draws. Chapter: 22_clipcap."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.plots import show_images
from vlm_lib.figures.style import BLUE, GREEN, INK, OKABE_ITO, ORANGE, VERMILION, use_style


def architecture() -> Figure:
    """Image -> CLIP -> mapper -> k vectors; they stand before the caption in the LM's input."""
    use_style()
    figure, axes = canvas(8.4, 4.6)
    box(axes, 0.1, 0.2, 1.1, 0.45, "image", boxes.IMAGE)
    box(axes, 1.6, 0.2, 1.5, 0.45, "CLIP", boxes.IMAGE, "frozen")
    box(axes, 3.5, 0.2, 1.4, 0.45, "one vector", boxes.IMAGE)
    arrow(axes, (1.2, 0.42), (1.6, 0.42))
    arrow(axes, (3.1, 0.42), (3.5, 0.42))
    arrow(axes, (3.75, 0.65), (3.75, 1.05))
    box(axes, 0.1, 1.05, 3.9, 0.5, "mapper: MLP or transformer", boxes.IMAGE, "trained")
    words = ["a", "red", "circle", "."]
    for i, name in enumerate(("p1", "p2", "p3", "p4")):
        box(axes, 0.1 + i, 2.0, 0.9, 0.42, name, boxes.IMAGE)
        arrow(axes, (0.55 + i, 1.55), (0.55 + i, 2.0))
    for i, word in enumerate(words):
        box(axes, 4.3 + i, 2.0, 0.9, 0.42, word, boxes.TEXT)
    axes.text(
        2.05, 1.78, "prefix, k = 4", ha="center", va="center", fontsize=8.5, color=INK, backgroundcolor="white"
    )
    axes.text(6.25, 1.78, "word embeddings of the caption", ha="center", va="center", fontsize=8.5, color=INK)
    box(axes, 0.1, 2.75, 8.1, 0.5, "causal language model: frozen, or trained as well", boxes.BOTH, "frozen")
    for i in range(4):
        arrow(axes, (0.55 + i, 2.42), (0.55 + i, 2.75))
        arrow(axes, (4.75 + i, 2.42), (4.75 + i, 2.75))
    for x, word in zip((3.55, 4.75, 5.75, 6.75, 7.75), (*words, "end"), strict=True):
        arrow(axes, (x, 3.25), (x, 3.5))
        box(axes, x - 0.42, 3.5, 0.84, 0.38, word, boxes.TEXT)
    axes.text(1.6, 3.69, "no loss here", ha="center", va="center", fontsize=8.5, color=INK)
    legend(axes, 0.1, 4.2)
    return figure


def projectors() -> Figure:
    """MobileVLM's two projectors, layer by layer, with the tokens that pass."""
    use_style()
    figure, axes = canvas(8.4, 3.4)
    rows = {
        "LDP": [
            "linear, GELU,\nlinear",
            "depthwise 3x3\n+ pointwise,\nadded",
            "depthwise 3x3,\nstride 2\n+ pointwise",
        ],
        "LDPv2": ["linear, GELU,\nlinear", "mean of\n2x2", "depthwise 3x3,\nadded"],
    }
    counts = {"LDP": ("576", "576", "576", "144"), "LDPv2": ("576", "576", "144", "144")}
    for y, (name, layers) in zip((2.0, 0.55), rows.items(), strict=True):
        axes.text(0.05, y + 0.42, name, fontsize=10, va="center", color=INK)
        for i, layer in enumerate(layers):
            kind = "data" if layer.startswith("mean") else "trained"
            box(axes, 1.35 + i * 2.2, y, 1.6, 0.85, layer, boxes.IMAGE, kind, size=8.5)
        for i, count in enumerate(counts[name]):
            x = 1.35 + i * 2.2
            arrow(axes, (x - 0.6, y + 0.42), (x, y + 0.42))
            axes.text(x - 0.3, y + 0.55, count, ha="center", va="bottom", fontsize=8.5, color=INK)
        axes.text(8.0, y + 0.42, "LM", fontsize=10, va="center", color=INK)
    axes.text(0.05, 3.1, "numbers: tokens that pass", fontsize=8.5, va="center", color=INK)
    return figure


def authors_scores(scores: Mapping[str, Mapping[str, float]]) -> Axes:
    """The paper's CIDEr on COCO: a group for each treatment of the LM, a bar for each mapper."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 2.9))
    mappers = list(next(iter(scores.values())))
    for i, mapper in enumerate(mappers):
        places = np.arange(len(scores)) + (i - (len(mappers) - 1) / 2) * 0.36
        values = [scores[lm][mapper] for lm in scores]
        axes.bar(places, values, 0.34, color=(BLUE, ORANGE)[i % 2], label=mapper)
        for x, value in zip(places, values, strict=True):
            axes.text(x, value + 1, f"{value:.1f}", ha="center", fontsize=9)
    axes.set_xticks(range(len(scores)), list(scores))
    axes.set(ylabel="CIDEr on COCO", ylim=(0, 130))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def captioned(images, truth: Sequence[str], rows: Mapping[str, Sequence[str]], columns: int = 4) -> list[Axes]:
    """Images with what is true of each and what each model says; a cross before what differs from the truth."""
    titles = []
    for i, true in enumerate(truth):
        lines = [textwrap.fill(f"({true})", 26)]
        for name, said in rows.items():
            mark = "" if said[i] == true else "✗ "
            lines.append(textwrap.fill(f"{name}: {mark}{said[i]}", 26))
        titles.append("\n".join(lines))
    most = max(title.count("\n") for title in titles)
    return show_images(
        images, [title + "\n" * (most - title.count("\n")) for title in titles], columns=columns, size=2.0
    )


def by_length(losses: Mapping[str, Mapping[int, Sequence[float]]], blind: Mapping[str, float]) -> Axes:
    """Caption loss by prefix length, a line for each treatment of the LM; dashed: trained on wrong pairs."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.0, 3.3))
    for (name, values), colour in zip(losses.items(), (BLUE, VERMILION), strict=False):
        lengths = list(values)
        axes.plot(lengths, [np.mean(values[k]) for k in lengths], color=colour, label=name)
        for k in lengths:
            axes.plot([k] * len(values[k]), values[k], "o", color=colour, markersize=4)
        axes.axhline(blind[name], color=colour, linestyle=(0, (4, 3)), linewidth=1, label=f"{name}, wrong pairs")
    axes.set_xscale("log", base=2)
    axes.set_xticks(lengths, [str(k) for k in lengths])
    axes.set(xlabel="prefix length k", ylabel="caption loss, nats per token")
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def trade(points: Mapping[str, tuple[float, float]], before: float, guess: float) -> Axes:
    """What each arm gains on captions against what its LM still knows: one labelled point for each arm.

    points: (caption loss, share of text questions answered right). before: the share of the untouched LM.
    """
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 3.5))
    for (name, (loss, answers)), colour in zip(points.items(), OKABE_ITO, strict=False):
        marker = "s" if "frozen" in name else "o"
        axes.plot(loss, answers, marker, color=colour, markersize=8, label=name, linestyle="none")
    axes.axhline(before, color=INK, linewidth=1, label="the LM before")
    axes.axhline(guess, color=GREEN, linewidth=1.5, linestyle=(0, (4, 3)), label="guessing")
    axes.set(xlabel="caption loss, nats per token (left is better)", ylabel="text questions right", ylim=(0, 1))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def alignment(measures: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """A small panel for each measure, and in it a dot for each seed of every state ("before", "after", ...)."""
    use_style()
    figure, panels = plt.subplots(1, len(measures), figsize=(2.3 * len(measures), 3.0), squeeze=False)
    for axes, (name, states) in zip(panels[0], measures.items(), strict=True):
        for i, (values, colour) in enumerate(zip(states.values(), OKABE_ITO, strict=False)):
            axes.plot([i] * len(values), values, "o", color=colour, markersize=5)
            axes.hlines(np.mean(values), i - 0.25, i + 0.25, color=INK, linewidth=2)
        axes.set_xticks(range(len(states)), [textwrap.fill(s, 8) for s in states], fontsize=8.5)
        axes.set_xlim(-0.6, len(states) - 0.4)
        low = min(0.0, *(v for values in states.values() for v in values))
        axes.set_ylim(low, None)
        axes.set_title(textwrap.fill(name, 18), fontsize=9.5)
    return figure


def nearest(vector: Sequence[float], words: Mapping[str, Sequence[float]]) -> Axes:
    """A vector of the prefix and word embeddings as arrows in the plane."""
    use_style()
    _, axes = plt.subplots(figsize=(5.2, 2.6))
    for (name, (x, y)), colour in zip(
        {**words, "prefix vector": vector}.items(), (*[ORANGE] * len(words), BLUE), strict=True
    ):
        axes.annotate("", xy=(x, y), xytext=(0, 0), arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2})
        axes.text(x + 0.15, y + 0.25, name, fontsize=9, color=INK)
    axes.set(xlim=(-0.5, 11.5), ylim=(-0.5, 5.2), xlabel="first number", ylabel="second", aspect="equal")
    return axes


def moved(changes: Mapping[str, Sequence[float]], words: Sequence[str]) -> Axes:
    """How far the prediction of each word of a caption moves, a bar for each kind of exchange."""
    use_style()
    figure, axes = plt.subplots(figsize=(7.0, 2.8))
    for i, ((name, values), colour) in enumerate(zip(changes.items(), (BLUE, ORANGE), strict=False)):
        axes.bar(np.arange(len(words)) + (i - 0.5) * 0.38, values, 0.36, color=colour, label=name)
    axes.set_xticks(range(len(words)), words, rotation=45, ha="right")
    axes.set(xlabel="word that is predicted", ylabel="largest change of a logit")
    figure.legend(loc="outside right center", fontsize=9)
    return axes
