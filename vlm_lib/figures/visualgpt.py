"""Pictures that only the chapter on VisualGPT draws. Chapter: 31_visualgpt."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures import boxes
from vlm_lib.figures.boxes import arrow, box, canvas, legend
from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, OKABE_ITO, ORANGE_TEXT, use_style

MARKERS = "osD^v"
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (2, 1)))
UNIT_COLOURS = (ORANGE_TEXT, "#b8b2a5", BLUE, INK)  # language, both, vision, neither


def architecture() -> Figure:
    """One block: self-attention, attention to the image, the unit with its two gates, the MLP."""
    use_style()
    figure, axes = canvas(8.4, 4.7)
    box(axes, 0.1, 0.2, 1.5, 0.5, "image tokens", boxes.IMAGE)
    box(axes, 0.1, 1.35, 1.5, 0.55, "encoder", boxes.IMAGE, "trained")
    arrow(axes, (0.85, 0.7), (0.85, 1.35))
    box(axes, 3.6, 0.2, 1.9, 0.5, "words so far", boxes.TEXT)
    box(axes, 3.6, 1.0, 1.9, 0.5, "self-attention", boxes.TEXT, "trained")
    arrow(axes, (4.55, 0.7), (4.55, 1.0))
    box(axes, 2.0, 2.0, 2.0, 0.5, "cross-attention", boxes.BOTH, "trained")
    arrow(axes, (0.85, 1.9), (0.85, 2.25), (2.0, 2.25))
    arrow(axes, (4.55, 1.5), (4.55, 1.75), (3.0, 1.75), (3.0, 2.0))
    axes.text(3.75, 1.82, "asks", ha="center", va="center", fontsize=8.5, color=INK, backgroundcolor="white")
    box(axes, 2.35, 2.8, 1.3, 0.42, "image gate", boxes.IMAGE)
    box(axes, 4.6, 2.8, 1.3, 0.42, "text gate", boxes.TEXT)
    arrow(axes, (3.0, 2.5), (3.0, 2.8))
    arrow(axes, (4.55, 1.5), (4.55, 1.75), (5.25, 1.75), (5.25, 2.8))
    box(axes, 6.5, 2.8, 1.75, 0.42, "one number h", boxes.DATA)
    arrow(axes, (5.25, 2.25), (7.37, 2.25), (7.37, 2.8), dashed=True)
    arrow(axes, (6.5, 3.01), (5.9, 3.01), dashed=True)
    arrow(axes, (6.7, 3.22), (6.7, 3.42), (4.3, 3.42), (4.3, 3.01), (3.65, 3.01), dashed=True)
    box(axes, 3.0, 3.62, 2.25, 0.42, "sum, MLP, next block", boxes.BOTH, "trained")
    arrow(axes, (3.0, 3.22), (3.0, 3.5), (3.35, 3.5), (3.35, 3.62))
    arrow(axes, (5.25, 3.22), (5.25, 3.5), (4.9, 3.5), (4.9, 3.62))
    legend(axes, 0.1, 4.35)
    return figure


def gate_curves(curves: Mapping[str, Mapping[str, np.ndarray]], number: np.ndarray) -> Figure:
    """A column for each kind of gates; above the gates, below their slopes. Image is blue, text dashed orange.

    curves: for each kind the arrays image, text, image slope, text slope over `number`.
    """
    use_style()
    figure, grid = plt.subplots(2, len(curves), figsize=(2.75 * len(curves), 4.0), sharex=True, squeeze=False)
    for column, (name, of) in enumerate(curves.items()):
        for row, ending in enumerate(("", " slope")):
            axes = grid[row, column]
            for side, colour, dashes in (("image", BLUE, "-"), ("text", ORANGE_TEXT, DASHES[1])):
                values = _cut_at_jumps(of[side + ending])
                axes.plot(number, values, color=colour, linestyle=dashes, label=f"{side} gate")
            axes.set_ylim((-0.05, 1.08) if row == 0 else (-0.3, 0.3))
            axes.grid(True)
        grid[0, column].set_title(name)
        grid[1, column].set_xlabel("the unit's number h")
    grid[0, 0].set_ylabel("gate")
    grid[1, 0].set_ylabel("slope, d gate / d h")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _cut_at_jumps(values: np.ndarray, jump: float = 0.05) -> np.ndarray:
    """A copy with a gap where neighbours differ by more than `jump`, so that no line is drawn across it."""
    cut = np.asarray(values, dtype=float).copy()
    cut[1:][np.abs(np.diff(values)) > jump] = np.nan
    return cut


def remains(number: np.ndarray, curves: Mapping[str, np.ndarray]) -> Axes:
    """What of a unit's state is left by the text's gate alone, over the state."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.6, 3.4))
    for (name, values), colour, dashes in zip(curves.items(), (INK, ORANGE_TEXT, GREEN), DASHES, strict=False):
        axes.plot(number, _cut_at_jumps(values, 0.15), color=colour, linestyle=dashes, label=name)
    axes.set(xlabel="state h before the unit", ylabel="what the text's branch hands on")
    axes.grid(True)
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def paths(panels: Mapping[str, Mapping[str, Sequence[float]]], shut_below: float) -> Figure:
    """The number of a unit over gradient steps, a panel for each task, a line for each kind of gates.

    Below the dashed line the image's gate is shut.
    """
    use_style()
    figure, grid = plt.subplots(1, len(panels), figsize=(3.7 * len(panels), 3.1), sharey=True, squeeze=False)
    for axes, (title, lines) in zip(grid[0], panels.items(), strict=True):
        axes.axhline(shut_below, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        for (name, values), colour, dashes in zip(lines.items(), OKABE_ITO, DASHES, strict=False):
            axes.plot(values, color=colour, linestyle=dashes, label=name)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("gradient step")
    grid[0, 0].set_ylabel("the unit's number")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def by_captions(losses: Mapping[str, Mapping[int, Sequence[float]]], blind: float) -> Figure:
    """Loss by the number of captions, and how far each arm is from the first one, seed by seed.

    A line for each fusion and a mark for each seed; dashed on the left: no picture.
    """
    use_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.9))
    first, sizes = next(iter(losses.values())), sorted({n for values in losses.values() for n in values})
    for i, (name, values) in enumerate(losses.items()):
        aside, style = 1.12 ** (i - (len(losses) - 1) / 2), {"color": OKABE_ITO[i], "linestyle": DASHES[i]}
        behind = {n: np.subtract(values[n], first[n]) for n in values}
        for axes, shown in ((left, values), (right, behind)):
            places = [n * aside for n in shown]
            axes.plot(places, [np.mean(v) for v in shown.values()], MARKERS[i], label=name, **style)
            for place, seeds in zip(places, shown.values(), strict=True):
                axes.plot([place] * len(seeds), seeds, MARKERS[i], color=OKABE_ITO[i], markersize=3, alpha=0.6)
    left.axhline(blind, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="language model, no picture")
    for axes in (left, right):
        axes.set_xscale("log")
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.minorticks_off()
        axes.set_xlabel("captioned pictures to learn from")
    left.set_ylabel("caption loss, nats per token")
    right.set_ylabel(f"loss more than {next(iter(losses))}, nats")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return figure


def gains(rows: Mapping[str, Mapping[str, float]], *, xlabel: str) -> Axes:
    """What a gate gains over none, a line from few to more data for each world."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.4, 3.0))
    for (name, values), colour, marker in zip(rows.items(), (INK, GREEN), MARKERS, strict=False):
        axes.plot(list(values), list(values.values()), marker + "-", color=colour, label=name)
        for place, value in enumerate(values.values()):
            axes.annotate(f"{value:.1f}", (place, value), (7, 4), textcoords="offset points", fontsize=9)
    axes.axhline(0, color=FAINT)
    axes.margins(x=0.2, y=0.12)
    axes.set(ylabel="CIDEr gained", xlabel=xlabel)
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def units(shares: Mapping[str, Mapping[str, float]]) -> Axes:
    """Stacked bars: for each name the share of units that take language only, both, vision only, neither."""
    use_style()
    figure, axes = plt.subplots(figsize=(7.0, 0.8 + 0.36 * len(shares)))
    left = np.zeros(len(shares))
    for kind, colour in zip(next(iter(shares.values())), UNIT_COLOURS, strict=True):
        widths = np.array([100 * of[kind] for of in shares.values()])
        axes.barh(range(len(shares)), widths, left=left, color=colour, label=kind, height=0.7)
        left += widths
    axes.set_yticks(range(len(shares)), list(shares))
    axes.invert_yaxis()
    axes.set(xlabel="per cent of the units", xlim=(0, 100))
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    return axes


def trade(points: Mapping[str, Sequence[tuple[float, float]]], before: float, guess: float) -> Axes:
    """What each arm gains on captions against what its language model still answers; a dot for each seed."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.6, 3.6))
    for i, (name, seeds) in enumerate(points.items()):
        values = np.asarray(seeds, dtype=float)
        axes.plot(*values.T, MARKERS[i], color=OKABE_ITO[i], markersize=4, alpha=0.6)
        axes.plot(*values.mean(axis=0), MARKERS[i], color=OKABE_ITO[i], markersize=9, label=name)
    axes.axhline(before, color=INK, linewidth=1, label="before training")
    axes.axhline(guess, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="guessing")
    axes.set(xlabel="caption loss, nats per token", ylabel="text questions answered right")
    figure.legend(loc="outside right center", fontsize=9)
    return axes
