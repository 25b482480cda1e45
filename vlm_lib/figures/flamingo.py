"""Pictures that only the chapter on Flamingo draws. Chapter: 34_flamingo."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vlm_lib.data.documents import Documents
from vlm_lib.data.tokenizer import EOC, IMAGE, PAD
from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import BOTH, TEXT, arrow, box, canvas, legend
from vlm_lib.figures.style import FAINT, INK, ORANGE, VERMILION, use_style

WORDS = ("<image>", "a", "cat", "<image>", "a", "dog")


def architecture() -> Figure:
    """Two images, each through tower and resampler; text upwards through gated blocks and LM layers."""
    use_style()
    figure, axes = canvas(8.6, 5.3)
    for number, x in enumerate((0.1, 1.5), start=1):
        box(axes, x, 0.15, 1.2, 0.45, f"image {number}", boxes.IMAGE)
        box(axes, x, 0.95, 1.2, 0.5, "vision tower", boxes.IMAGE, "frozen")
        box(axes, x, 1.8, 1.2, 0.6, "resampler", boxes.IMAGE, "trained")
        for start, end in ((0.6, 0.95), (1.45, 1.8), (2.4, 2.7)):
            arrow(axes, (x + 0.6, start), (x + 0.6, end))
        for token in range(4):
            axes.add_patch(
                Rectangle((x + 0.16 + token * 0.22, 2.7), 0.18, 0.24, facecolor=boxes.IMAGE, edgecolor=INK, lw=0.8)
            )
        axes.text(x + 0.6, 3.02, f"R tokens of image {number}", fontsize=8, ha="center", va="bottom", color=INK)
    for position, word in enumerate(WORDS):
        x, number = 3.35 + position * 0.74, 1 if position < 3 else 2
        box(axes, x, 0.15, 0.68, 0.45, word, TEXT, size=8.5)
        axes.text(x + 0.34, 0.72, f"φ={number}", ha="center", fontsize=8.5, color=INK)
    for level, y in enumerate((1.1, 3.05), start=1):
        _block(axes, y, level)
    arrow(axes, (5.55, 4.9), (5.55, 5.2))
    axes.text(5.7, 5.05, "next word", fontsize=9, va="center", color=INK)
    legend(axes, 0.1, 4.85, step=0.82)
    return figure


def _block(axes: Axes, y: float, level: int) -> None:
    """A gated block with its gates and residuals, and the LM layer above it; both images enter from the left."""
    stream = 5.55
    arrow(axes, (stream, y - 0.22), (stream, y))
    box(axes, 3.35, y, 4.36, 0.46, f"cross-attention: each word asks image φ   ({level})", BOTH, "trained", 8.5)
    box(axes, 3.35, y + 0.68, 4.36, 0.36, "feed-forward", TEXT, "trained", 8.5)
    for at, gate in ((y + 0.59, "× tanh α"), (y + 1.13, "× tanh β")):
        axes.text(stream - 0.1, at, gate, fontsize=8, ha="right", va="center", color=INK)
    arrow(axes, (stream, y + 0.46), (stream, y + 0.68))
    arrow(axes, (stream, y + 1.04), (stream, y + 1.25))
    # the residuals: the stream goes round each branch
    for below, above in ((y - 0.13, y + 0.51), (y + 0.63, y + 1.17)):
        axes.plot([stream, 8.0, 8.0], [below, below, above], color=ORANGE, lw=2)
        arrow(axes, (8.0, above), (stream + 0.03, above), colour=ORANGE)
    axes.text(8.08, y + 0.55, "residuals", fontsize=8, rotation=90, va="center", color=INK)
    box(axes, 3.35, y + 1.25, 4.36, 0.44, f"LM layer {level}: causal self-attention", TEXT, "frozen", 8.5)
    for start in (0.7, 2.1):
        arrow(
            axes,
            (start, 3.25),
            (start, 3.42 + 0.1 * level),
            (3.1, 3.42 + 0.1 * level),
            (3.1, y + 0.23),
            (3.35, y + 0.23),
        )


def authors_ablations(scores: Mapping[str, float], baseline: float) -> Axes:
    """What each change costs the paper's own model: bars from `baseline` down to the score of each arm."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 0.42 * len(scores) + 1.0))
    names = list(scores)[::-1]
    values = np.array([scores[name] for name in names])
    axes.barh(range(len(names)), values - baseline, left=baseline, color=VERMILION, height=0.6)
    for row, value in enumerate(values):
        axes.text(
            value - 0.15,
            row,
            f"{value:.1f}  ({value - baseline:+.1f})".replace("-", "−"),
            ha="right",
            va="center",
            fontsize=9,
        )
    axes.axvline(baseline, color=INK, lw=1.2)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(values.min() - 3, baseline + 0.5)
    axes.set_xlabel(f"overall score, % of the state of the art; the line is the paper's model, {baseline}")
    axes.tick_params(axis="y", length=0)
    return axes


def pages_figure(pages: Mapping[str, Documents], tokenizer) -> Figure:
    """The first page of each kind as a row: its pictures, and under each the words that follow it."""
    use_style()
    columns = max(int(documents.num_images[0]) for documents in pages.values())
    figure, grid = plt.subplots(len(pages), columns, figsize=(2.6 * columns, 1.75 * len(pages)), squeeze=False)
    for row, (kind, documents) in zip(grid, pages.items(), strict=True):
        after_tags = tokenizer.decode(documents.input_ids[0]).split(IMAGE)[1:]
        for axes in row:
            axes.set_axis_off()
        row[0].text(-0.08, 0.5, kind, transform=row[0].transAxes, ha="right", va="center", rotation=90, fontsize=9)
        for axes, picture, text in zip(row, documents.images[0], after_tags, strict=False):
            axes.imshow(_upright(picture), interpolation="nearest")
            words = text.replace(PAD, "").replace(EOC, "").strip()
            place = {"transform": axes.transAxes, "ha": "center", "va": "top", "fontsize": 8.5}
            axes.text(0.5, -0.06, textwrap.fill(words, 34), **place)
    return figure


def captioned(
    images, captions: Sequence[str], right: Sequence[bool], *, columns: int = 6, size: float = 1.3
) -> Figure:
    """Pictures [n 3 h w] with what a model wrote under them; wrong ones are framed and marked."""
    use_style()
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(size * columns, (size + 0.3) * rows), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, picture, caption, fine in zip(grid.flat, images, captions, right, strict=False):
        axes.imshow(_upright(picture), interpolation="nearest")
        axes.set_title(caption if fine else f"✗ {caption}", fontsize=8.5, loc="center", y=-0.24)
        if not fine:
            axes.add_patch(Rectangle((0, 0), 63, 63, fill=False, edgecolor=VERMILION, lw=4))
    return figure


def latents_beside_images(images, weights, *, latents: Sequence[int]) -> Figure:
    """Where some latents of a resampler look: their weights [n latents rows columns] beside images [n 3 h w]."""
    use_style()
    shares = np.asarray(weights)[:, list(latents)]
    size = (1.25 * (1 + len(latents)), 1.3 * len(images) + 0.2)
    figure, grid = plt.subplots(len(images), 1 + len(latents), figsize=size, squeeze=False)
    for row, picture, maps in zip(grid, images, shares, strict=True):
        row[0].imshow(_upright(picture), interpolation="nearest")
        row[0].set_axis_off()
        for axes, weight in zip(row[1:], maps, strict=True):
            axes.imshow(weight, cmap="Blues", vmin=0, vmax=shares.max())
            axes.set(xticks=[], yticks=[])
    for axes, name in zip(grid[0], ["image", *(f"latent {i + 1}" for i in latents)], strict=True):
        axes.set_title(name, fontsize=9, loc="center")
    return figure


def gate_curve(by_hand: Mapping[float, float]) -> Axes:
    """tanh, with the gates computed by hand as dots."""
    use_style()
    figure, axes = plt.subplots(figsize=(4.6, 2.6))
    alpha = np.linspace(-3, 3, 200)
    axes.plot(alpha, np.tanh(alpha), color=ORANGE)
    axes.plot(list(by_hand), list(by_hand.values()), "o", color=INK)
    for x, y in by_hand.items():
        axes.annotate(f"tanh {x:g} = {y:.2g}", (x, y), xytext=(8, -12), textcoords="offset points", fontsize=9)
    axes.axhline(0, color=FAINT, lw=1)
    axes.set(xlabel="the gate's parameter α", ylabel="what the branch is multiplied by")
    return axes


def _upright(picture) -> np.ndarray:
    """[3 h w] as matplotlib wants it, [h w 3]."""
    return np.asarray(picture).transpose(1, 2, 0)
