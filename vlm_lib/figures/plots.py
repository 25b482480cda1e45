"""The book's recurring plots, each returning axes whose numbers a test can read. Chapters: every one."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.legend import Legend
from matplotlib.patches import Patch

from vlm_lib.figures.style import BLUE, FAINT, INK, OKABE_ITO, use_style


def show_images(images, titles: Sequence[str] | None = None, *, columns: int = 8, size: float = 1.3) -> list[Axes]:
    """A grid of images [n 3 height width], uint8 or floats from 0 to 1, with an optional title over each.

    `size` is the width of an image in inches. Raises `ValueError` for another shape or range, or titles that do
    not match in number. Returns the axes in the order of the images.
    """
    use_style()
    pixels = np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[1] != 3 or not len(pixels):
        raise ValueError(f"images has shape {list(pixels.shape)}, expected [n 3 height width] with n >= 1")
    if pixels.dtype != np.uint8 and not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise ValueError(f"images holds {pixels.min()} to {pixels.max()}, expected uint8 or floats from 0 to 1")
    if titles is not None and len(titles) != len(pixels):
        raise ValueError(f"titles has {len(titles)} entries, expected one for each of {len(pixels)} images")
    columns = min(columns, len(pixels))
    rows = -(-len(pixels) // columns)
    height = size + 0.18 * max((title.count("\n") + 1 for title in titles), default=0) if titles else size
    figure, grid = plt.subplots(rows, columns, figsize=(size * columns, height * rows), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    shown = list(grid.flat[: len(pixels)])
    for i, axes in enumerate(shown):
        axes.imshow(pixels[i].transpose(1, 2, 0))
        if titles is not None:
            axes.set_title(titles[i], fontsize=9, loc="center")
    return shown


def mask_figure(
    mask,
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    *,
    title: str = "",
    row_axis: str = "text token (query)",
    column_axis: str = "visual token (key)",
) -> Axes:
    """A boolean mask [rows columns] as filled cells where the row may attend to the column.

    Raises `ValueError` if the mask is not boolean or the labels do not match its shape.
    """
    use_style()
    cells = np.asarray(mask)
    if cells.dtype != np.bool_ or cells.ndim != 2 or not cells.size:
        raise ValueError(
            f"mask has dtype {cells.dtype} and shape {list(cells.shape)}, expected booleans [rows columns]"
        )
    if cells.shape != (len(row_labels), len(column_labels)):
        raise ValueError(
            f"mask has shape {list(cells.shape)}, expected [{len(row_labels)} {len(column_labels)}] "
            "as there are labels"
        )
    size = (max(2.2 + 0.32 * cells.shape[1], 3.2), 1.6 + 0.26 * cells.shape[0])
    figure, axes = plt.subplots(figsize=size, layout="compressed")  # the layout for axes of fixed shape
    colours = ListedColormap(["white", BLUE])
    axes.pcolormesh(cells.astype(int), cmap=colours, vmin=0, vmax=1, edgecolors=FAINT, linewidth=0.8)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    turned = max(map(len, column_labels)) > 3
    axes.set_xticks(np.arange(cells.shape[1]) + 0.5, column_labels, rotation=90 if turned else 0)
    axes.set_yticks(np.arange(cells.shape[0]) + 0.5, row_labels)
    axes.tick_params(length=0)
    axes.set(xlabel=column_axis, ylabel=row_axis)
    figure.suptitle(title, fontsize=11)  # over the whole figure, since a mask may be two columns wide
    kinds = {"may attend": BLUE, "may not": "white"}
    handles = [Patch(facecolor=colour, edgecolor=INK, label=kind) for kind, colour in kinds.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return axes


def spread(
    arms: Mapping[str, Sequence[float]],
    *,
    metric: str,
    baselines: Mapping[str, float] | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Axes:
    """A dot for each seed and a bar for the mean of each arm; baselines are dashed lines with their names.

    `metric` labels the vertical axis and should name its unit. Raises `ValueError` for no arms, an empty arm or a
    value that is not finite.
    """
    use_style()
    for name, values in {**arms, **{name: [value] for name, value in (baselines or {}).items()}}.items():
        if not len(values) or not np.isfinite(values).all():
            raise ValueError(f"arm {name!r} holds {list(values)}, expected one finite value or more")
    if not arms:
        raise ValueError("arms is empty, expected at least one")
    if axes is None:
        _, axes = plt.subplots(figsize=(1.6 + 1.15 * len(arms) + (1.4 if baselines else 0), 3.4))
    for i, values in enumerate(arms.values()):
        aside = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0.0]
        axes.plot(i + np.asarray(aside), values, "o", color=OKABE_ITO[i % 6], alpha=0.85, markersize=6)
        axes.hlines(np.mean(values), i - 0.28, i + 0.28, color=INK, linewidth=2)
    for name, value in (baselines or {}).items():
        axes.axhline(value, color=INK, linestyle=(0, (4, 3)), linewidth=1)
        axes.annotate(name, (1.01, value), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    axes.set_xticks(range(len(arms)), [textwrap.fill(name, 14) for name in arms])
    axes.set_xlim(-0.6, len(arms) - 0.4)
    axes.set(title=title, xlabel="arm (a dot is one seed, the bar their mean)", ylabel=metric)
    axes.grid(axis="y")
    return axes


def legend_below(axes: Axes, *, columns: int = 3) -> Legend:
    """The legend of everything labelled in `axes`, below its figure, where it hides no data."""
    handles, labels = axes.get_legend_handles_labels()
    return axes.figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))
