"""Pictures that only the chapter on CM3 draws. Chapter: 13_cm3."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, GREEN, INK, ORANGE, VERMILION, use_style

PER_ROW = 14  # tokens side by side


def architecture() -> Figure:
    """Image -> codes; codes and words in one document; a span moves to the end; a causal model reads it all."""
    use_style()
    figure, axes = canvas(8.6, 4.5)
    box(axes, 0.1, 0.2, 1.0, 0.45, "image", boxes.IMAGE)
    box(axes, 1.5, 0.2, 1.5, 0.45, "encoder", boxes.IMAGE, "frozen")
    box(axes, 3.4, 0.2, 1.7, 0.45, "nearest code", boxes.IMAGE, "frozen")
    box(axes, 5.5, 0.2, 1.9, 0.45, "codes 5 2 9 4", boxes.IMAGE)
    for start, end in ((1.1, 1.5), (3.0, 3.4), (5.1, 5.5)):
        arrow(axes, (start, 0.42), (end, 0.42))
    arrow(axes, (6.0, 0.65), (6.0, 1.0))
    plain = [
        ("alt=", "g"),
        ("large", "t"),
        ("red", "t"),
        ("circle", "t"),
        ("src=", "g"),
        *((c, "i") for c in "5294"),
    ]
    masked = [*plain[:2], ("mask 0", "m"), *plain[3:], ("mask 0", "m"), plain[2], ("end", "g")]
    for tokens, y in ((plain, 1.0), (masked, 2.1)):
        for i, (text, kind) in enumerate(tokens):
            colour = {"t": boxes.TEXT, "i": boxes.IMAGE, "m": "#ffffff", "g": boxes.DATA}[kind]
            box(axes, 0.1 + i * 0.7, y, 0.64, 0.42, text, colour, size=8.5)
    arrow(axes, (1.82, 1.42), (1.82, 1.76), (7.42, 1.76), (7.42, 2.1), colour=VERMILION)
    axes.text(4.6, 1.8, "the span moves to the end", fontsize=8.5, ha="center", va="bottom", color=INK)
    box(
        axes,
        0.1,
        3.0,
        8.3,
        0.5,
        "causal language model: every token is predicted from those before it",
        boxes.BOTH,
        "trained",
    )
    for x in (2.2, 4.3, 7.42):
        arrow(axes, (x, 2.52), (x, 3.0))
    arrow(axes, (6.72, 3.5), (6.72, 3.85))
    axes.text(
        6.72, 3.9, "red: both sides of its place are known", fontsize=8.5, ha="center", va="bottom", color=INK
    )
    legend(axes, 0.1, 4.1)
    return figure


def strips(rows: Mapping[str, Sequence[str]], *, moved: Mapping[str, Sequence[int]]) -> Figure:
    """Documents as rows of tokens: words orange, image codes blue, sentinels white; thick edges at `moved`."""
    use_style()
    height = 0.25 + sum(0.3 + 0.36 * -(-len(tokens) // PER_ROW) for tokens in rows.values())
    figure, axes = canvas(8.4, height)
    y = height - 0.05
    for name, tokens in rows.items():
        axes.text(0.05, y, name, fontsize=9, va="top", color=INK)
        y -= 0.24
        for i, token in enumerate(tokens):
            if i % PER_ROW == 0:
                y -= 0.36
            kind = "trained" if i in moved[name] else "data"
            box(axes, 0.05 + (i % PER_ROW) * 0.595, y, 0.56, 0.3, token, _colour(token), kind, size=7.5)
        y -= 0.06
    return figure


def _colour(token: str) -> str:
    if token.startswith("<mask"):
        return "#ffffff"
    return boxes.IMAGE if token.isdigit() else boxes.TEXT if token.isalpha() else boxes.DATA


def authors_fid(scores: Mapping[str, float]) -> Axes:
    """The paper's image generation beside two others of its time: Frechet distance, lower is better."""
    use_style()
    _, axes = plt.subplots(figsize=(6.4, 0.4 * len(scores) + 0.9))
    names = list(scores)[::-1]
    axes.barh(
        range(len(names)),
        [scores[n] for n in names],
        color=[BLUE if "CM3" in n else INK for n in names],
        height=0.6,
    )
    for row, name in enumerate(names):
        axes.text(scores[name] + 0.4, row, f"{scores[name]:.1f}", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("FID on MS-COCO, zero-shot (lower is better)")
    axes.tick_params(axis="y", length=0)
    return axes


def pictures_by_arm(rows: Mapping[str, np.ndarray]) -> Figure:
    """The same pictures, each row through another model: names at the left, images [n 3 h w] from 0 to 1."""
    use_style()
    columns = max(map(len, rows.values()))
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(1.5 + 0.72 * columns, 0.74 * len(rows)), squeeze=False
    )
    for row, (name, images) in zip(grid, rows.items(), strict=True):
        row[0].text(-0.15, 0.5, name, transform=row[0].transAxes, ha="right", va="center", fontsize=9)
        for axes, picture in zip(row, np.asarray(images), strict=True):
            axes.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
            axes.set_axis_off()
    return figure


def kept_by_tokens(kept: Mapping[int, np.ndarray], names: Sequence[str], coarse: np.ndarray) -> Axes:
    """Share of pictures whose attributes are read right, [seeds attributes] for each number of tokens.

    `coarse`: the same for the arm with as many bits as the second last one, drawn beside the last as crosses.
    """
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 3.5))
    tokens = list(kept)
    for i, (name, colour) in enumerate(zip(names, (VERMILION, BLUE, GREEN), strict=True)):
        values = np.stack([kept[n][:, i] for n in tokens])
        axes.plot(tokens, values.mean(axis=1), color=colour, label=name)
        axes.plot(tokens, values, "o", color=colour, markersize=3.5)
        axes.plot([tokens[-1] * 1.12] * len(coarse), coarse[:, i], "x", color=colour, markersize=6)
    axes.plot([], [], "x", color=INK, label="4 codes only")
    axes.set_xscale("log", base=2)
    axes.set_xticks(tokens, [str(n) for n in tokens])
    axes.set(
        xlabel="tokens per image (256 codes; crosses: 4 codes)",
        ylabel="read right by the classifier",
        ylim=(0, 1.03),
    )
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def gap_bars(shares: Mapping[str, Mapping[str, float]], chance: Mapping[str, float]) -> Axes:
    """Masked words filled right: for each way of filling a bar per attribute; short lines are chance."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    attributes = list(chance)
    width = 0.8 / len(shares)
    for i, (name, values) in enumerate(shares.items()):
        places = np.arange(len(attributes)) + (i - (len(shares) - 1) / 2) * width
        axes.bar(
            places, [values[a] for a in attributes], width, color=(INK, ORANGE, VERMILION, BLUE)[i], label=name
        )
    for i, a in enumerate(attributes):
        axes.hlines(chance[a], i - 0.45, i + 0.45, color=GREEN, linewidth=2, label="chance" if i == 0 else None)
    axes.set_xticks(range(len(attributes)), attributes)
    axes.set(ylabel="masked words right", xlabel="what was masked", ylim=(0, 1.03))
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5)
    return axes


def coverage(share: Sequence[float]) -> Axes:
    """How often each token of a document is cut out."""
    use_style()
    _, axes = plt.subplots(figsize=(6.0, 2.4))
    axes.step(range(1, len(share) + 1), share, where="mid", color=ORANGE)
    axes.set(xlabel="token of the document", ylabel="share of draws that cut it out", ylim=(0, 1))
    return axes


def usage(counts: Mapping[str, np.ndarray]) -> Axes:
    """How often each code is used, most used first, one curve for each codebook."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.0, 2.8))
    for (name, count), colour in zip(counts.items(), (BLUE, VERMILION), strict=False):
        share = np.sort(count)[::-1] / count.sum()
        axes.step(range(1, len(share) + 1), share, where="mid", color=colour, label=name)
    axes.set(xlabel="code, most used first", ylabel="share of all tokens")
    figure.legend(loc="outside right center", fontsize=9)
    return axes
