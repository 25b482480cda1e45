"""Figures of attention as a table: rows ask, columns answer, filled cells are the pairs that a mask lets through.

`plots.mask_figure` draws one mask; these two draw several kinds of attention side by side, and the weights that
queries give to the tokens of images. Chapter: 03_attention.
"""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from vlm_lib.figures.style import BLUE, FAINT, INK, ORANGE, ORANGE_TEXT, use_style


class Panel(NamedTuple):
    """One kind of attention: its name, who asks, who answers, and `mask` [rows columns], True = may attend.

    `after` says what is done to the result, e.g. that a gate multiplies it.
    """

    title: str
    asks: Sequence[str]
    answers: Sequence[str]
    mask: np.ndarray
    after: str = ""


def attention_panels(panels: Sequence[Panel], *, columns: int = 3) -> list[Axes]:
    """One small mask a panel, with the names of those who ask on the left and of those who answer below.

    Names are orange where those who ask are not those who answer, so that self-attention is seen at a glance.
    Returns the axes in the order of the panels. Raises `ValueError` for no panels, a mask that is not boolean or
    that does not fit its names.
    """
    use_style()
    if not panels:
        raise ValueError("panels is empty, expected at least one")
    masks = [np.asarray(panel.mask) for panel in panels]
    for panel, mask in zip(panels, masks, strict=True):
        expected = (len(panel.asks), len(panel.answers))
        if mask.dtype != np.bool_ or mask.shape != expected:
            raise ValueError(
                f"mask of panel {panel.title!r} has dtype {mask.dtype} and shape {list(mask.shape)}, "
                f"expected booleans of shape {list(expected)}, one row and column a name"
            )
    rows = -(-len(panels) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(3.0 * columns, 2.9 * rows), squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, panel, mask in zip(grid.flat, panels, masks, strict=False):
        axes.pcolormesh(
            mask.astype(int), cmap=ListedColormap(["white", BLUE]), vmin=0, vmax=1, edgecolors=FAINT, linewidth=0.8
        )
        axes.invert_yaxis()
        axes.set_aspect("equal")
        axes.set_xticks(np.arange(mask.shape[1]) + 0.5, panel.answers, rotation=90)
        axes.set_yticks(np.arange(mask.shape[0]) + 0.5, panel.asks)
        axes.tick_params(length=0, labelsize=9)
        for label in axes.get_xticklabels() if list(panel.asks) != list(panel.answers) else ():
            label.set_color(ORANGE_TEXT)
        axes.set_title(panel.title)
        axes.set(xlabel=f"answers{panel.after and '; ' + panel.after}", ylabel="asks")
    return list(grid.flat[: len(panels)])


def weights_over_images(
    images, weights, titles: Sequence[str], *, columns: int = 4, size: float = 1.9
) -> list[Axes]:
    """Attention weights [n rows columns] written over the images [n 3 height width] that they were given to.

    Each token's part of the image is framed, thicker for more weight, and its weight stands in it in percent where
    it is 1 % or more.
    Returns the axes. Raises `ValueError` if the numbers of images, weights and titles differ, images are not
    uint8, or the weights of an image do not sum to 1.
    """
    use_style()
    pixels, shares = np.asarray(images), np.asarray(weights, dtype=float)
    if pixels.ndim != 4 or pixels.shape[1] != 3 or pixels.dtype != np.uint8 or not len(pixels):
        raise ValueError(
            f"images has dtype {pixels.dtype} and shape {list(pixels.shape)}, "
            "expected uint8 [n 3 height width], n >= 1"
        )
    if shares.ndim != 3 or not len(pixels) == len(shares) == len(titles):
        raise ValueError(
            f"weights has shape {list(shares.shape)} and titles {len(titles)} entries, "
            f"expected [n rows columns] and n, with n = {len(pixels)} images"
        )
    if (shares < 0).any() or not np.allclose(shares.sum((1, 2)), 1, atol=1e-4):
        raise ValueError(
            "weights are negative or do not sum to 1 for an image, expected a softmax over its tokens"
        )
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(size * columns, (size + 0.3) * rows), squeeze=False)
    height, width = pixels.shape[2] / shares.shape[1], pixels.shape[3] / shares.shape[2]
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, share, title in zip(grid.flat, pixels, shares, titles, strict=False):
        axes.imshow(image.transpose(1, 2, 0), extent=(0, image.shape[2], image.shape[1], 0))
        for (row, column), weight in np.ndenumerate(share):
            if weight < 0.01:
                continue
            frame = {"fill": False, "edgecolor": ORANGE, "linewidth": 4 * weight**0.5}
            axes.add_patch(plt.Rectangle((column * width + 1, row * height + 1), width - 2, height - 2, **frame))
            place = (column + 0.5) * width, (row + 0.5) * height
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.9, "pad": 1.2}
            axes.text(*place, f"{100 * weight:.0f}", ha="center", va="center", fontsize=9, color=INK, bbox=box)
        axes.set_title(title, fontsize=9, loc="center")
    return list(grid.flat[: len(pixels)])
