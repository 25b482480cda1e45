"""What a contrastive model finds, names and learns, as pictures. Chapter: 02_contrastive."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, ORANGE_TEXT, VERMILION, use_style

EDGE = 4.0  # points
SHADE = 17  # of 255: 16 shades of a colour


def wall(queries: Sequence[str], images, right) -> Figure:
    """For each query the pictures that were found, best first, the wrong ones in a dashed frame.

    images: uint8 [queries found 3 height width], both sizes even; right: booleans [queries found]. Pictures are
    printed at half their size, in 16 shades of each colour, which is less to store and looks the same. Raises: ValueError for shapes that do not match.
    """
    pixels, right = np.asarray(images), np.asarray(right)
    if pixels.ndim != 5 or pixels.shape[:2] != right.shape or len(queries) != len(pixels):
        raise ValueError(
            f"images and right have shapes {list(pixels.shape)} and {list(right.shape)} for {len(queries)} "
            "queries, expected [queries found 3 height width] and [queries found]"
        )
    use_style()
    rows, found = right.shape
    ratios = [2.6, *[1] * found]
    figure, grid = plt.subplots(
        rows, found + 1, figsize=(1.02 * sum(ratios), 1.05 * rows), width_ratios=ratios, squeeze=False
    )
    for row, query in enumerate(queries):
        grid[row, 0].set_axis_off()
        grid[row, 0].text(0, 0.5, textwrap.fill(query, 27), va="center", color=ORANGE_TEXT, fontsize=10)
        for column in range(found):
            _framed(grid[row, column + 1], pixels[row, column], bool(right[row, column]))
    return figure


def _framed(axes, picture: np.ndarray, right: bool) -> None:
    channels, height, width = picture.shape
    halved = picture.reshape(channels, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    halved = (halved / SHADE).round().astype(np.uint8) * SHADE  # 0 to 255 in steps of 17
    axes.imshow(halved.transpose(1, 2, 0))
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=GREEN if right else VERMILION, linewidth=EDGE)
        spine.set_linestyle("-" if right else (0, (2, 1.2)))
        spine.set_capstyle("butt")


def named(images, chances: Sequence[Mapping[str, float]], truth: Sequence[str]) -> Figure:
    """Pictures, each beside bars of the chances of a few names; the true name is written in bold.

    images: uint8 [n 3 height width]. Raises: ValueError unless there are as many of each.
    """
    pixels = np.asarray(images)
    if not len(pixels) == len(chances) == len(truth):
        raise ValueError(
            f"got {len(pixels)} images, {len(chances)} chances and {len(truth)} names, expected equal"
        )
    use_style()
    figure, grid = plt.subplots(
        len(pixels), 2, figsize=(6.4, 1.3 * len(pixels)), width_ratios=[1, 3], squeeze=False
    )
    for (left, bars), picture, shares, true in zip(grid, pixels, chances, truth, strict=True):
        _framed(left, picture, max(shares, key=shares.get) == true)
        names = list(shares)
        bars.barh(names, list(shares.values()), color=ORANGE)
        bars.invert_yaxis()
        bars.set(xlim=(0, 1), xticks=[])
        for label in bars.get_yticklabels():
            label.set(fontsize=9, fontweight="bold" if label.get_text() == true else "normal")
        for at, share in enumerate(shares.values()):
            bars.text(share + 0.01, at, f"{100 * share:.0f} %", va="center", fontsize=9)
    return figure


def embedding_map(stages: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """A panel a stage: images [n 2] as dots, their texts [n 2] as squares, each pair joined by a line.

    All panels share their axes. Raises: ValueError for no stage or for images and texts that differ in number.
    """
    if not stages or any(np.shape(u) != np.shape(v) for u, v in stages.values()):
        raise ValueError("stages: expected at least one, each with as many images as texts, both [n 2]")
    use_style()
    figure, row = plt.subplots(
        1, len(stages), figsize=(2.3 * len(stages), 2.7), sharex=True, sharey=True, squeeze=False
    )
    for axes, (title, (images, texts)) in zip(row[0], stages.items(), strict=True):
        joined = np.stack([images, texts, np.full_like(images, np.nan)], axis=1).reshape(-1, 2)
        axes.plot(*joined.T, color=FAINT, linewidth=0.8, zorder=1)
        axes.plot(*np.transpose(images), "o", color=BLUE, markersize=4, label="image")
        axes.plot(*np.transpose(texts), "s", color=ORANGE, markersize=4, label="its text")
        axes.set(xticks=[], yticks=[], title=title, aspect="equal")
    figure.legend(*row[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def who_holds_what(ways: Mapping[str, tuple[bool, bool]], *, processes: int = 4, pairs: int = 2) -> Figure:
    """For the third process: which cells of the table it computes, and which features its gradient reaches.

    ways: title -> (only its own rows and columns, gradient through the gathering). Raises: ValueError for no way.
    """
    if not ways:
        raise ValueError("ways is empty, expected at least one")
    use_style()
    n, own = processes * pairs, range(2 * pairs, 3 * pairs)
    figure, row = plt.subplots(1, len(ways), figsize=(2.3 * len(ways), 2.7), squeeze=False)
    for axes, (title, (local, through)) in zip(row[0], ways.items(), strict=True):
        mine = np.isin(np.arange(n), own)
        computed = mine[:, None] | mine if local else np.ones((n, n), dtype=bool)
        axes.imshow(computed, cmap=ListedColormap(["white", "#cfe3f3"]), vmin=0, vmax=1, extent=(0, n, n, 0))
        axes.add_patch(Rectangle((0, 0), n, n, fill=False, edgecolor=INK, linewidth=0.8))
        for i in range(n):
            reached = through or i in own
            for corner, colour in (((-1.4, i + 0.1), BLUE), ((i + 0.1, -1.4), ORANGE)):
                face = colour if reached else "white"
                axes.add_patch(Rectangle(corner, 0.8, 0.8, facecolor=face, edgecolor=colour, linewidth=1.2))
        for part in range(1, processes):
            for line in (axes.axhline, axes.axvline):
                line(part * pairs, color=INK, linewidth=0.6, linestyle=":")
        axes.set(xlim=(-1.6, n), ylim=(n, -1.6), aspect="equal", title=title)
        axes.set_axis_off()
    return figure
