"""Pictures that only the chapter on PICa draws. Chapter: 42_pica."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures.boxes import BOTH, DATA, IMAGE, TEXT, arrow, box, canvas, legend
from vlm_lib.figures.plots import show_images
from vlm_lib.figures.style import BLUE, GREEN, INK, OKABE_ITO, ORANGE, PURPLE, use_style


def architecture() -> Figure:
    """Two ways out of the picture: into words that are read, and into a vector that only chooses examples."""
    use_style()
    figure, axes = canvas(5.6, 4.9)
    box(axes, 0.1, 0.1, 1.5, 0.45, "picture", IMAGE)
    box(axes, 3.6, 0.1, 1.9, 0.45, "question", TEXT)
    box(axes, 0.1, 1.0, 1.5, 0.55, "captioner\nand tagger", IMAGE, "frozen", 9)
    box(axes, 2.0, 1.0, 1.9, 0.55, "image-text model\n(CLIP)", BOTH, "frozen", 9)
    box(axes, 2.0, 2.0, 1.9, 0.55, "nearest examples\nof a pool", DATA, size=9)
    box(axes, 0.1, 3.0, 5.4, 0.45, "prompt: examples in words, context, question", TEXT)
    box(axes, 1.4, 3.75, 2.8, 0.45, "language model", TEXT, "frozen")
    arrow(axes, (0.85, 0.55), (0.85, 1.0))
    arrow(axes, (1.6, 0.32), (2.5, 0.32), (2.5, 1.0))
    arrow(axes, (3.6, 0.32), (3.4, 0.32), (3.4, 1.0))
    arrow(axes, (2.95, 1.55), (2.95, 2.0))
    arrow(axes, (2.95, 2.55), (2.95, 3.0))
    arrow(axes, (0.85, 1.55), (0.85, 3.0))
    arrow(axes, (4.9, 0.55), (4.9, 3.0))
    arrow(axes, (2.8, 3.45), (2.8, 3.75))
    arrow(axes, (4.2, 3.97), (4.55, 3.97))
    axes.text(4.6, 3.97, "answer", va="center", fontsize=9.5, color=INK)
    axes.text(0.95, 2.3, "caption,\ntags", fontsize=8.5, va="center", color=INK)
    legend(axes, 0.1, 4.5, step=1.1)
    return figure


def authors(values: Mapping[str, Mapping[str, float]]) -> Axes:
    """The paper's accuracy: a group of bars for each kind of context, a bar for each way to build the prompt."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 2.8))
    ways = list(next(iter(values.values())))
    for i, way in enumerate(ways):
        places = np.arange(len(values)) + (i - (len(ways) - 1) / 2) * 0.36
        heights = [values[context][way] for context in values]
        axes.bar(places, heights, 0.34, color=(BLUE, ORANGE)[i % 2], label=textwrap.fill(way, 22))
        for x, height in zip(places, heights, strict=True):
            axes.text(x, height + 0.6, f"{height:.1f}", ha="center", fontsize=9)
    axes.set_xticks(range(len(values)), list(values))
    axes.set(ylabel="OK-VQA accuracy, %", ylim=(0, 58))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def with_controls(rows: Mapping[str, Mapping[str, Sequence[float]]], *, across: str) -> Axes:
    """For each arm its own score and its controls', each as a mean with a dot for every seed behind it."""
    use_style()
    kinds = list(dict.fromkeys(kind for row in rows.values() for kind in row))
    figure, axes = plt.subplots(figsize=(6.8, 0.62 * len(rows) + 1.2))
    for kind, colour, marker in zip(kinds, (BLUE, ORANGE, GREEN, PURPLE), "osD^", strict=False):
        shift, first = 0.2 * ((len(kinds) - 1) / 2 - kinds.index(kind)), True
        for place, row in enumerate(rows.values()):
            if kind in row:
                heights = [-place + shift] * len(row[kind])
                axes.plot(row[kind], heights, marker, color=colour, markersize=4, alpha=0.45)
                label = {"label": textwrap.fill(kind, 20)} if first else {}
                axes.plot(np.mean(row[kind]), heights[0], marker, color=colour, markersize=9, **label)
                first = False
    axes.set_yticks([-place for place in range(len(rows))], list(rows))
    axes.set(xlabel=across, ylim=(-len(rows) + 0.4, 0.6))
    axes.set_xlim(left=0)
    axes.grid(True, axis="x")
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def curves(lines: Mapping[str, Mapping[int, Sequence[float]]], *, across: str, up: str) -> Axes:
    """Means over seeds by a whole number, a line each; small dots are the seeds."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 3.3))
    ticks = sorted({x for line in lines.values() for x in line})
    for (name, line), colour, marker in zip(lines.items(), OKABE_ITO, "osD^vP", strict=False):
        places = [ticks.index(x) for x in line]
        label = textwrap.fill(name, 20)
        axes.plot(places, [np.mean(v) for v in line.values()], marker=marker, color=colour, label=label)
        for place, values in zip(places, line.values(), strict=True):
            axes.plot([place] * len(values), values, ".", color=colour, markersize=4, alpha=0.5)
    axes.set_xticks(range(len(ticks)), list(map(str, ticks)))
    axes.set(xlabel=across, ylabel=up, ylim=(0, None))
    axes.grid(True)
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def answers(log_probs: Mapping[str, float], right: str) -> Axes:
    """Log-probabilities of answers as bars, the likeliest on top; the right one is blue."""
    use_style()
    ranked = sorted(log_probs, key=log_probs.get)
    _, axes = plt.subplots(figsize=(5.6, 0.24 * len(ranked) + 0.8))
    colours = [BLUE if answer == right else ORANGE for answer in ranked]
    axes.barh(range(len(ranked)), [log_probs[answer] for answer in ranked], color=colours)
    axes.set_yticks(range(len(ranked)), ranked)
    axes.set(xlabel="log p of the whole answer, nats (nearer to 0 is likelier)")
    return axes


def chosen(drawings, rows: Mapping[str, Sequence[int]], titles: Mapping[int, str]) -> list[Axes]:
    """A row of drawings for each way to choose, equally many in each; the way stands over its first drawing.

    titles: by the drawing's row.
    """
    shown = [row for way in rows.values() for row in way]
    columns = len(next(iter(rows.values())))
    heads = [way if i == 0 else "" for way, each in rows.items() for i in range(len(each))]
    texts = [f"{head}\n{textwrap.fill(titles[row], 16)}" for head, row in zip(heads, shown, strict=True)]
    most = max(text.count("\n") for text in texts)
    padded = [text + "\n" * (most - text.count("\n")) for text in texts]
    return show_images(drawings[shown], padded, columns=columns, size=1.35)


def asked(drawings, questions: Sequence[tuple[int, str, str, str]], columns: int = 4) -> list[Axes]:
    """Drawings with what is asked of each: (row, question, right answer, the drawing in words)."""
    texts = [
        "\n".join([textwrap.fill(text, 24), f"({answer})", textwrap.fill(f"“{context}”", 26)])
        for _, text, answer, context in questions
    ]
    most = max(text.count("\n") for text in texts)
    padded = [text + "\n" * (most - text.count("\n")) for text in texts]
    return show_images(drawings[[row for row, *_ in questions]], padded, columns=columns, size=1.9)
