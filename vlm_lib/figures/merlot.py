"""Pictures that only the chapter on MERLOT draws. Chapter: 33_merlot."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from vlm_lib.figures.boxes import BOTH, IMAGE, TEXT, arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, FAINT, INK, INK_ON_COLOUR, OKABE_ITO, ORANGE, SKY, use_style


def architecture() -> Figure:
    """Frames on the left, lines on the right, the joint transformer over both, and the three losses."""
    use_style()
    figure, axes = canvas(6.0, 5.0)
    box(axes, 0.1, 0.1, 2.2, 0.4, "4 frames", IMAGE, size=9)
    box(axes, 0.1, 0.85, 2.2, 0.75, "ResNet without its end,\nViT, 2x2 pooling", IMAGE, "trained", 9)
    box(axes, 2.75, 0.1, 3.0, 0.4, "4 lines of the narration", TEXT, size=9)
    box(axes, 4.1, 0.95, 1.65, 0.65, "transformer:\nlines alone", TEXT, "trained", 9)
    box(axes, 2.75, 0.95, 1.15, 0.65, "mask\nsome words", TEXT, size=9)
    box(axes, 0.9, 2.3, 3.0, 0.6, "transformer: frames and lines", BOTH, "trained", 9)
    for x, start, end in ((1.2, 0.5, 0.85), (4.9, 0.5, 0.95), (3.3, 0.5, 0.95), (3.3, 1.6, 2.3), (1.2, 1.6, 2.3)):
        arrow(axes, (x, start), (x, end))
    arrow(axes, (4.1, 1.27), (3.9, 1.27))
    axes.text(1.3, 1.95, "hide some\nplaces", fontsize=8.5, va="center", color=INK)
    axes.text(4.2, 2.6, "same weights", fontsize=8.5, va="center", color=INK)
    arrow(axes, (5.0, 1.6), (5.0, 2.25), (3.9, 2.4), dashed=True)
    box(axes, 0.9, 3.6, 1.35, 0.5, "which frame\ncomes first?", BOTH, size=9)
    box(axes, 2.5, 3.6, 1.4, 0.5, "which word\nwas masked?", BOTH, size=9)
    box(axes, 4.3, 3.6, 1.5, 0.5, "which line goes\nwith which frame?", BOTH, size=9)
    arrow(axes, (1.55, 2.9), (1.55, 3.6))
    arrow(axes, (3.2, 2.9), (3.2, 3.6))
    arrow(axes, (5.5, 1.6), (5.5, 3.6))
    arrow(axes, (0.4, 1.6), (0.4, 4.35), (4.9, 4.35), (4.9, 4.1))
    legend(axes, 0.1, 4.65, step=1.1)
    return figure


def films(
    frames, titles: Sequence[str], lines: Sequence[Sequence[str]] | None = None, *, size: float = 1.0
) -> Figure:
    """Films as rows of frames [n 4 3 h w] uint8, the title on the left, each frame's line below it."""
    use_style()
    pixels = np.asarray(frames)
    rows, columns = pixels.shape[:2]
    height = size + (0.5 if lines is not None else 0.08)
    figure, grid = plt.subplots(rows, columns, figsize=(1.5 * columns, height * rows + 0.1), squeeze=False)
    for row in range(rows):
        for column in range(columns):
            axes = grid[row, column]
            axes.imshow(pixels[row, column].transpose(1, 2, 0))
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if lines is not None:
                words = lines[row][column].split()
                axes.set_xlabel(" ".join(words[:4]) + "\n" + " ".join(words[4:]), fontsize=9)
        grid[row, 0].set_ylabel(titles[row], fontsize=9)
    return figure


def relations(matrices: Mapping[str, object], *, names: str = "ABCD") -> list[Axes]:
    """Matrices of chances side by side, each with its numbers, darker where the row is likelier to come first."""
    use_style()
    figure, panels = plt.subplots(1, len(matrices), figsize=(3.3 * len(matrices), 2.7), squeeze=False)
    for axes, (title, matrix) in zip(panels[0], matrices.items(), strict=True):
        values = np.asarray(matrix, dtype=float)
        cells(axes, values, names[: len(values)], names[: values.shape[1]], title)
        axes.set_aspect("equal")
    panels[0, 0].set_ylabel("comes before")
    return list(panels[0])


def places(table, *, told: int) -> Axes:
    """Places of frames [groups frames] as numbers; blue where they are hidden, from `told` on."""
    use_style()
    values = np.asarray(table)
    _, axes = plt.subplots(figsize=(3.6, 0.3 * len(values) + 0.9))
    colours = ListedColormap(["white", SKY])
    axes.pcolormesh(values >= told, cmap=colours, vmin=0, vmax=1, edgecolors=FAINT, linewidth=0.8)
    for (r, c), value in np.ndenumerate(values):
        axes.text(c + 0.5, r + 0.5, str(value), ha="center", va="center", fontsize=10,
                  color=INK_ON_COLOUR if value >= told else INK)  # fmt: skip
    axes.set_xticks(np.arange(values.shape[1]) + 0.5, np.arange(values.shape[1]))
    axes.set_yticks(np.arange(len(values)) + 0.5, np.arange(1, len(values) + 1))
    axes.tick_params(length=0)
    axes.set_ylim(len(values), 0)
    axes.set(xlabel="frame, by its true time", ylabel="group")
    return axes


def cells(axes: Axes, values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str) -> None:
    """One matrix into `axes`; NaN stays empty."""
    axes.pcolormesh(np.nan_to_num(values), cmap="Blues", vmin=0, vmax=1.4, edgecolors=FAINT, linewidth=0.8)
    for (r, c), value in np.ndenumerate(values):
        if np.isfinite(value):
            axes.text(c + 0.5, r + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=9, color=INK_ON_COLOUR)
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns)
    axes.set_yticks(np.arange(len(rows)) + 0.5, rows)
    axes.tick_params(length=0)
    axes.set_ylim(len(rows), 0)
    axes.set_title(title)


def attended(words: Sequence[str], received: Sequence[float], top: Sequence[bool], visual: Sequence[bool]) -> Axes:
    """A bar for each word of a narration: how much it is looked at; filled for the most attended fifth."""
    use_style()
    _, axes = plt.subplots(figsize=(7.2, 2.9))
    places = np.arange(len(words))
    for place, value, chosen, seen in zip(places, received, top, visual, strict=True):
        axes.bar(place, value, color=ORANGE if chosen else "none", edgecolor=ORANGE, linewidth=1.2)
        axes.text(place, value, "•" if seen else "", ha="center", va="bottom", fontsize=12, color=BLUE)
    axes.set_xticks(places, words, rotation=90, fontsize=9)
    axes.set(ylabel="attention received", xlabel="words of four lines (a dot: it names what is seen)")
    axes.tick_params(axis="x", length=0)
    return axes


def plane(
    arms: Mapping[str, Sequence[tuple[float, float]]], *, across: str, up: str, chance: tuple[float, float]
) -> Axes:
    """Arms in the plane of two scores: a small mark for each seed, a large one for their mean."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 3.8))
    for number, (name, seeds) in enumerate(arms.items()):
        colour, marker = OKABE_ITO[number % 7], "oosDv^P"[number % 7]
        values = np.asarray(seeds, dtype=float)
        axes.plot(*values.T, marker, color=colour, markersize=4, alpha=0.6)
        axes.plot(*values.mean(axis=0), marker, color=colour, markersize=10, label=name)
    axes.axvline(chance[0], color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.axhline(chance[1], color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.set(xlabel=across, ylabel=up)
    axes.grid(True)
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def by_script(scores: Mapping[str, Mapping[str, float]], *, chance: float, ylabel: str) -> Axes:
    """Grouped bars: for each condition a bar per script."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.8, 3.2))
    scripts = list(next(iter(scores.values())))
    width = 0.8 / len(scores)
    for number, (name, values) in enumerate(scores.items()):
        places = np.arange(len(scripts)) + (number - (len(scores) - 1) / 2) * width
        axes.bar(places, [values[script] for script in scripts], width, label=name, color=OKABE_ITO[number],
                 edgecolor=INK, linewidth=0.5, hatch=("", "//", "..")[number % 3])  # fmt: skip
    axes.axhline(chance, color=INK, linestyle=(0, (4, 3)), linewidth=1)
    axes.set_xticks(np.arange(len(scripts)), scripts)
    axes.set(ylabel=ylabel, ylim=(0, 1.05))
    figure.legend(loc="outside lower center", ncols=len(scores), fontsize=9)
    return axes


def told(groups: Mapping[str, Mapping[str, float]], *, xlabel: str) -> Axes:
    """What others measured: a row for each number, under the name of its group, as dots with their values."""
    use_style()
    rows = [(group, name, value) for group, values in groups.items() for name, value in values.items()]
    _, axes = plt.subplots(figsize=(6.4, 0.3 * (len(rows) + len(groups)) + 0.9))
    place, ticks = 0.0, []
    for group, values in groups.items():
        axes.text(0, -place, group, transform=axes.get_yaxis_transform(), fontsize=9, va="center", weight="bold")
        place += 1
        for name, value in values.items():
            axes.plot(value, -place, "o", color=BLUE)
            axes.annotate(
                f"{value:.1f}", (value, -place), (6, 0), textcoords="offset points", va="center", fontsize=9
            )
            ticks.append((-place, name))
            place += 1
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set_ylim(-place + 0.4, 0.6)
    axes.margins(x=0.15)
    axes.set_xlabel(xlabel)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    return axes
