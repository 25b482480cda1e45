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

WORDS = ("<image>", "cat", "<image>", "dog")
LEFT, RIGHT, STREAM, ROUND = 1.75, 4.65, 3.2, 4.85  # of the text's column: its edges, its middle, the residuals


def architecture() -> Figure:
    """Two images, each through tower and resampler; text upwards through gated blocks and LM layers.

    Narrow enough for its labels to be read on a page of 400 pixels.
    """
    use_style()
    figure, axes = canvas(5.2, 6.1)
    for number, x in enumerate((0.05, 0.83), start=1):
        box(axes, x, 0.1, 0.72, 0.4, f"image {number}", boxes.IMAGE, size=9)
        box(axes, x, 0.85, 0.72, 0.45, "tower", boxes.IMAGE, "frozen", 9)
        box(axes, x, 1.65, 0.72, 0.45, "resampler", boxes.IMAGE, "trained", 9)
        for start, end in ((0.5, 0.85), (1.3, 1.65), (2.1, 2.4)):
            arrow(axes, (x + 0.36, start), (x + 0.36, end))
        for token in range(3):
            place = (x + 0.07 + token * 0.2, 2.4)
            axes.add_patch(Rectangle(place, 0.17, 0.22, facecolor=boxes.IMAGE, edgecolor=INK, lw=0.8))
        axes.text(x + 0.36, 2.68, "R tokens", fontsize=9, ha="center", va="bottom", color=INK)
    for position, (word, number) in enumerate(zip(WORDS, (1, 1, 2, 2), strict=True)):
        x = LEFT + position * 0.735
        box(axes, x, 0.1, 0.69, 0.4, word, TEXT, size=9)
        axes.text(x + 0.34, 0.58, f"φ={number}", ha="center", fontsize=9, color=INK)
    for level, y in enumerate((1.05, 3.25), start=1):
        _block(axes, y, level)
    arrow(axes, (STREAM, 5.27), (STREAM, 5.55))
    axes.text(STREAM + 0.12, 5.45, "next word", fontsize=9, va="center", color=INK)
    legend(axes, 0.05, 5.8, step=1.05)
    return figure


def _block(axes: Axes, y: float, level: int) -> None:
    """A gated block with its gates and residuals, and the LM layer above it; both images enter from the left."""
    width = RIGHT - LEFT
    arrow(axes, (STREAM, y - 0.22), (STREAM, y))
    box(axes, LEFT, y, width, 0.46, "cross-attention: word asks image φ", BOTH, "trained", 9)
    box(axes, LEFT, y + 0.76, width, 0.4, "feed-forward", TEXT, "trained", 9)
    box(axes, LEFT, y + 1.46, width, 0.46, f"LM layer {level}: self-attention", TEXT, "frozen", 9)
    for at, gate in ((y + 0.61, "× tanh α"), (y + 1.31, "× tanh β")):
        axes.text(STREAM - 0.1, at, gate, fontsize=9, ha="right", va="center", color=INK)
    arrow(axes, (STREAM, y + 0.46), (STREAM, y + 0.76))
    arrow(axes, (STREAM, y + 1.16), (STREAM, y + 1.46))
    # the residuals: the stream goes round each branch
    for below, above in ((y - 0.12, y + 0.56), (y + 0.66, y + 1.31)):
        axes.plot([STREAM, ROUND, ROUND], [below, below, above], color=ORANGE, lw=2)
        arrow(axes, (ROUND, above), (STREAM + 0.03, above), colour=ORANGE)
    axes.text(ROUND + 0.1, y + 0.58, "residuals", fontsize=9, rotation=90, va="center", color=INK)
    into = y + 0.23
    for start in (0.41, 1.19):  # the tokens of both images reach every block
        turn = 3.02 + 0.06 * level
        arrow(axes, (start, 2.92), (start, turn), (1.62, turn), (1.62, into), (LEFT, into))


def authors_ablations(scores: Mapping[str, float], baseline: float) -> Axes:
    """What each change costs the paper's own model: bars from `baseline` down to the score of each arm."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.2, 0.42 * len(scores) + 1.0))
    names = list(scores)[::-1]
    values = np.array([scores[name] for name in names])
    axes.barh(range(len(names)), values - baseline, left=baseline, color=VERMILION, height=0.6)
    for row, value in enumerate(values):
        label = f"{value:.1f}  ({value - baseline:+.1f})".replace("-", "−")
        axes.text(baseline + 0.15, row, label, va="center", fontsize=9)
    axes.axvline(baseline, color=INK, lw=1.2)
    axes.set_yticks(range(len(names)), [textwrap.fill(name, 26) for name in names])
    axes.set_xlim(values.min() - 0.5, baseline + 2.2)
    axes.set_xlabel("overall score, % of the state of the art")
    axes.tick_params(axis="y", length=0)
    return axes


def pages_figure(pages: Mapping[str, Documents], tokenizer) -> Figure:
    """The first page of each kind as a row: its pictures, and under each the words that follow it."""
    use_style()
    columns = max(int(documents.num_images[0]) for documents in pages.values())
    figure, grid = plt.subplots(len(pages), columns, figsize=(1.73 * columns, 1.8 * len(pages)), squeeze=False)
    for row, (kind, documents) in zip(grid, pages.items(), strict=True):
        after_tags = tokenizer.decode(documents.input_ids[0]).split(IMAGE)[1:]
        for axes in row:
            axes.set_axis_off()
        row[0].text(-0.08, 0.5, kind, transform=row[0].transAxes, ha="right", va="center", rotation=90, fontsize=9)
        for axes, picture, text in zip(row, documents.images[0], after_tags, strict=False):
            axes.imshow(_upright(picture))
            words = text.replace(PAD, "").replace(EOC, "").strip()
            place = {"transform": axes.transAxes, "ha": "center", "va": "top", "fontsize": 9}
            axes.text(0.5, -0.06, textwrap.fill(words, 26), **place)
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
        axes.imshow(_upright(picture))
        axes.set_title(caption if fine else f"✗ {caption}", fontsize=9, loc="center", y=-0.24)
        if not fine:
            axes.add_patch(Rectangle((0, 0), 63, 63, fill=False, edgecolor=VERMILION, lw=4))
    return figure


def latents_beside_images(images, weights, *, latents: Sequence[int]) -> Figure:
    """Where some latents of a resampler look: their weights [n latents rows columns] beside images [n 3 h w]."""
    use_style()
    shares = np.asarray(weights)[:, list(latents)]
    size = (1.04 * (1 + len(latents)), 1.08 * len(images) + 0.2)
    figure, grid = plt.subplots(len(images), 1 + len(latents), figsize=size, squeeze=False)
    for row, picture, maps in zip(grid, images, shares, strict=True):
        row[0].imshow(_upright(picture))
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
