"""Pictures that only the chapter on Socratic Models draws. Chapter: 43_socratic_models."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from vlm_lib.figures.boxes import IMAGE, TEXT, arrow, box, canvas
from vlm_lib.figures.plots import show_images
from vlm_lib.figures.style import BLUE, FAINT, GREEN, INK, ORANGE, VERMILION, use_style


def architecture() -> Figure:
    """Three steps from the picture to the caption; everything between the models is text."""
    use_style()
    figure, axes = canvas(5.4, 5.2)
    box(axes, 0.1, 0.1, 1.5, 0.45, "image", IMAGE, size=9)
    box(axes, 0.1, 1.1, 1.5, 0.7, "eyes:\nCLIP", IMAGE, "frozen", 9)
    box(axes, 2.2, 1.1, 3.1, 0.7, '"an emoji about food, a\nfruit, an apple or a cherry"', TEXT, size=9)
    box(axes, 2.2, 2.3, 3.1, 0.6, "language model", TEXT, "frozen", 9)
    box(axes, 2.2, 3.4, 3.1, 0.7, 'ten candidates: "red fruit",\n"sweet cherry", "heart", ...', TEXT, size=9)
    box(axes, 0.1, 3.4, 1.5, 0.7, "eyes:\nthe same, or others", IMAGE, "frozen", 8.5)
    box(axes, 0.1, 4.6, 1.5, 0.45, '"sweet cherry"', TEXT, size=9)
    arrow(axes, (0.85, 0.55), (0.85, 1.1))
    arrow(axes, (1.6, 1.45), (2.2, 1.45))
    arrow(axes, (3.75, 1.8), (3.75, 2.3))
    arrow(axes, (3.75, 2.9), (3.75, 3.4))
    arrow(axes, (2.2, 3.75), (1.6, 3.75))
    arrow(axes, (0.85, 4.1), (0.85, 4.6))
    arrow(axes, (0.3, 0.55), (0.3, 0.85), (0.02, 0.85), (0.02, 3.0), (0.3, 3.0), (0.3, 3.4))
    for y, text in ((1.95, "1 propose"), (2.6, "2 write"), (4.25, "3 re-rank")):
        axes.text(
            2.1 if y < 4 else 1.7, y, text, fontsize=9, ha="right" if y < 4 else "left", va="center", color=INK
        )
    return figure


def plane(image: Sequence[float], texts: Mapping[str, Sequence[float]]) -> Axes:
    """An image's vector and those of candidates, from the origin."""
    use_style()
    figure, axes = plt.subplots(figsize=(5.4, 2.6))
    for name, end, colour in (("image", image, BLUE), *((name, end, ORANGE) for name, end in texts.items())):
        style = {"arrowstyle": "-|>", "color": colour, "lw": 2, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=end, xytext=(0, 0), arrowprops=style)
        axes.annotate(name, end, (4, 4), textcoords="offset points", fontsize=9)
    right, top = np.abs([image, *texts.values()]).max(axis=0)
    axes.set(xlim=(-0.3, 1.25 * right), ylim=(-0.5, 1.25 * top), aspect="equal")
    axes.axhline(0, color=FAINT, linewidth=1, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=1, zorder=0)
    return axes


def gallery(images, names: Sequence[str], rows: Mapping[str, Sequence[str]], hits: Mapping[str, Sequence[bool]]):
    """Drawings with their names, and for each way of captioning its caption, ticked where it has a true word."""
    titles = []
    for i, name in enumerate(names):
        lines = [textwrap.fill(f"({name})", 24)]
        for way, said in rows.items():
            lines.append(textwrap.fill(f"{way}: {'✓' if hits[way][i] else '✗'} {said[i]}", 24))
        titles.append("\n".join(lines))
    most = max(title.count("\n") for title in titles)
    padded = [title + "\n" * (most - title.count("\n")) for title in titles]
    return show_images(images, padded, columns=4, size=1.9)


def film(frames: UInt8[Tensor, "moments frames 3 h w"], lines: Sequence[str]) -> Figure:
    """A day: a row of frames for each moment, with the log's line beside it."""
    use_style()
    moments, count = frames.shape[:2]
    widths = [*[1] * count, 4.2]
    figure, grid = plt.subplots(
        moments, count + 1, figsize=(6.6, 0.95 * moments), width_ratios=widths, squeeze=False
    )
    for row, clip, line in zip(grid, frames, lines, strict=True):
        for axes in row:
            axes.set_axis_off()
        for axes, frame in zip(row, clip, strict=False):
            axes.imshow(frame.permute(1, 2, 0).numpy())
        row[-1].text(0, 0.5, line, fontsize=10, va="center", color=INK)
    return figure


def by_lines(arms: Mapping[str, Mapping[int, Sequence[float]]], chance: float) -> Axes:
    """The share of questions answered right by the number of lines in the log; dots are seeds."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.2, 3.3))
    for (name, values), colour, marker in zip(arms.items(), (VERMILION, BLUE, GREEN), "osD", strict=False):
        lengths = list(values)
        axes.plot(lengths, [np.mean(values[n]) for n in lengths], color=colour, label=name)
        for n in lengths:
            axes.plot([n] * len(values[n]), values[n], marker, color=colour, markersize=4, linestyle="none")
    axes.axhline(chance, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="guessing")
    axes.set_xticks(lengths, [str(n) for n in lengths])
    axes.set(xlabel="lines in the log", ylabel="questions answered right", ylim=(0, 1.05))
    figure.legend(loc="outside right center", fontsize=9)
    return axes


def shares(arms: Mapping[str, Sequence[float]], label: str, chance: float | None = None) -> Axes:
    """One row of dots per arm, a dot per seed, a bar for their mean; dashed, guessing."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 0.42 * len(arms) + 0.9))
    for y, values in enumerate(reversed(arms.values())):
        axes.plot(values, [y] * len(values), "o", color=BLUE, markersize=6, alpha=0.8)
        axes.vlines(np.mean(values), y - 0.28, y + 0.28, color=INK, linewidth=2)
    if chance is not None:
        axes.axvline(chance, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(arms)), list(arms)[::-1])
    axes.set(xlabel=label, xlim=(-0.03, 1.03), ylim=(-0.6, len(arms) - 0.4))
    axes.tick_params(axis="y", length=0)
    return axes


def bars(values: Mapping[str, float], label: str) -> Axes:
    """One horizontal bar per system, in the order given, its value behind it."""
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 0.36 * len(values) + 0.8))
    axes.barh(range(len(values)), list(values.values()), color=BLUE, height=0.6)
    for y, value in enumerate(values.values()):
        axes.annotate(f"{value:.1f}", (value, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(values)), list(values))
    axes.set_xlabel(label)
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0)
    return axes
