"""Pictures that only the chapter on MAGiC draws. Chapter: 41_magic."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.decoding.magic import Step, Weights, clip_term
from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas
from vlm_lib.figures.plots import show_images
from vlm_lib.figures.style import BLUE, INK, OKABE_ITO, ORANGE, PURPLE, use_style


def architecture() -> Figure:
    """One step: the LM proposes, three terms weigh, the best is appended."""
    use_style()
    figure, axes = canvas(8.4, 3.9)
    box(axes, 0.1, 3.0, 2.3, 0.5, "text so far: a large", boxes.TEXT)
    box(axes, 0.1, 1.9, 2.3, 0.55, "language model", boxes.TEXT, "frozen")
    arrow(axes, (1.25, 3.0), (1.25, 2.45))
    box(axes, 0.1, 0.85, 2.3, 0.55, "k candidates:\nred, blue, circle", boxes.TEXT)
    arrow(axes, (1.25, 1.9), (1.25, 1.4))
    terms = (
        (2.75, "probability p of\nthe candidate", "(1 − α) ·", boxes.TEXT),
        (1.65, "greatest cosine of its\nstate with earlier states", "− α ·", boxes.TEXT),
        (0.55, "softmax over the k of CLIP's\ncosine: image, text + candidate", "+ β ·", boxes.IMAGE),
    )
    for y, text, weight, colour in terms:
        box(axes, 3.75, y, 2.55, 0.65, text, colour, size=8.5)
        axes.text(3.65, y + 0.33, weight, ha="right", va="center", fontsize=10, color=INK)
        arrow(axes, (2.4, 1.12), (2.75, y + 0.33))
        arrow(axes, (6.3, y + 0.33), (6.75, 1.98))
    box(axes, 6.75, 1.7, 1.5, 0.55, "sum; the\nlargest wins", boxes.BOTH)
    arrow(axes, (7.5, 2.25), (7.5, 3.65), (1.25, 3.65), (1.25, 3.5))
    axes.text(4.9, 3.73, "append it to the text", ha="center", fontsize=8.5, color=INK)
    box(axes, 3.75, 0.04, 1.1, 0.33, "image", boxes.IMAGE)
    box(axes, 5.2, 0.04, 1.1, 0.33, "CLIP", boxes.IMAGE, "frozen")
    arrow(axes, (4.85, 0.2), (5.2, 0.2))
    arrow(axes, (5.75, 0.37), (5.75, 0.55))
    return figure


def authors_scores(scores: Mapping[str, float]) -> Axes:
    """The paper's CIDEr on COCO, a bar for each system."""
    use_style()
    _, axes = plt.subplots(figsize=(6.6, 2.6))
    places = [-i for i in range(len(scores))]
    axes.barh(places, list(scores.values()), 0.6, color=ORANGE)
    for place, value in zip(places, scores.values(), strict=True):
        axes.text(value + 1, place, f"{value:.1f}", va="center", fontsize=9)
    axes.set_yticks(places, list(scores), fontsize=9)
    axes.set(xlabel="CIDEr on COCO", xlim=(0, 1.12 * max(scores.values())))
    return axes


def softmaxes(cosines: Sequence[float], by_scale: Mapping[int, Sequence[float]]) -> Axes:
    """CLIP's term of a few candidates: a group of bars for each scale, a bar for each candidate."""
    use_style()
    _, axes = plt.subplots(figsize=(5.6, 2.4))
    for group, shares in enumerate(by_scale.values()):
        for i, (cosine, share) in enumerate(zip(cosines, shares, strict=True)):
            axes.bar(group + 0.27 * (i - 1), share, 0.25, color=BLUE)
            axes.text(group + 0.27 * (i - 1), share + 0.02, f"{cosine:g}", ha="center", fontsize=8.5)
    axes.set_xticks(range(len(by_scale)), [f"scale {scale}" for scale in by_scale])
    axes.set(ylabel="CLIP's term f", ylim=(0, 1.12))
    return axes


def step_bars(steps: Sequence[Step], words: Sequence[Sequence[str]], weights: Weights, columns: int = 4) -> Figure:
    """A panel for each step, three bars for each of the best candidates: LM, CLIP, and the penalty to the left."""
    use_style()
    rows = -(-len(steps) // columns)
    figure, panels = plt.subplots(rows, columns, figsize=(8.4, 2.2 * rows), squeeze=False)
    for axes in panels.flat[len(steps) :]:
        axes.set_axis_off()
    for number, (axes, step, names) in enumerate(zip(panels.flat, steps, words, strict=False), start=1):
        clip = weights.beta * clip_term(step.cosine, weights.scale)
        lm, penalty = (1 - weights.alpha) * step.confidence, -weights.alpha * step.penalty
        order = (lm + penalty + clip).argsort(descending=True)[:5].tolist()
        for height, i in enumerate(order):
            for offset, value, colour in ((0.24, lm, ORANGE), (0.0, clip, BLUE), (-0.24, penalty, PURPLE)):
                axes.barh(-height + offset, float(value[i]), 0.22, color=colour)
        axes.set_yticks([-h for h in range(len(order))], [names[i] for i in order], fontsize=9)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.set_title(f"step {number}", fontsize=9.5)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in (ORANGE, BLUE, PURPLE)]
    names = ["(1 − α) p, the language model", "β f, CLIP", "− α times the penalty"]
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def told(
    images,
    truth: Sequence[str],
    rows: Mapping[str, Sequence[str]],
    *,
    right: Mapping[str, Sequence[bool]],
    columns: int = 4,
) -> list[Axes]:
    """Images with their truth in brackets and what each way of writing says of them; a tick where it is right."""
    titles = []
    for i, true in enumerate(truth):
        lines = [textwrap.fill(f"({true})", 26)]
        for name, said in rows.items():
            lines.append(textwrap.fill(f"{name}: {'✓ ' if right[name][i] else ''}{said[i]}", 26))
        titles.append("\n".join(lines))
    most = max(title.count("\n") for title in titles)
    padded = [title + "\n" * (most - title.count("\n")) for title in titles]
    return show_images(images, padded, columns=columns, size=2.0)


def sweep(
    measures: Mapping[str, Mapping[float, Mapping[float, float]]], *, reference: Mapping[str, float], line: str
) -> Figure:
    """A panel for each measure: its value over beta, a line for each scale; dashed, what `line` reaches."""
    use_style()
    figure, panels = plt.subplots(1, len(measures), figsize=(3.9 * len(measures), 3.1), squeeze=False)
    for axes, (name, by_scale) in zip(panels[0], measures.items(), strict=True):
        for (scale, values), colour in zip(by_scale.items(), OKABE_ITO, strict=False):
            axes.plot(range(len(values)), list(values.values()), "o-", color=colour, label=f"scale {scale:.0f}")
        axes.axhline(reference[name], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=line)
        axes.set_xticks(range(len(values)), [f"{beta:g}" for beta in values])
        axes.set(xlabel="β", ylabel=name, ylim=(-0.04, 1.04))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=9)
    return figure


def reach(shares: Mapping[str, Mapping[int, Sequence[float]]], word: str) -> Axes:
    """How often a word is said by the number of candidates, a line for each reader; dots are seeds."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.0, 3.0))
    for (name, values), colour in zip(shares.items(), (ORANGE, BLUE), strict=False):
        sizes = list(values)
        axes.plot(sizes, [np.mean(values[k]) for k in sizes], color=colour, label=name)
        for k in sizes:
            axes.plot([k] * len(values[k]), values[k], "o", color=colour, markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(k) for k in sizes])
    axes.set(xlabel="candidates k", ylabel=f'texts that say "{word}"', ylim=(-0.04, 1.04))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def speeds(rates: Mapping[str, Mapping[str, float]]) -> Figure:
    """Tokens per second: a panel for each language model, a bar for each way of searching."""
    use_style()
    figure, panels = plt.subplots(1, len(rates), figsize=(4.2 * len(rates), 2.5), squeeze=False)
    for axes, (name, ways) in zip(panels[0], rates.items(), strict=True):
        places = range(len(ways))
        axes.barh([-p for p in places], list(ways.values()), 0.6, color=ORANGE)
        for place, rate in zip(places, ways.values(), strict=True):
            axes.text(rate, -place, f" {rate:.1f}", va="center", fontsize=9)
        axes.set_yticks([-p for p in places], [textwrap.fill(way, 18) for way in ways], fontsize=9)
        axes.set(xlabel="tokens per second of processor time", xlim=(0, 1.25 * max(ways.values())))
        axes.set_title(name, fontsize=9.5)
    return figure
