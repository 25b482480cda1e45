"""Numbers of chapter 02 as dots: what the authors measured, shares by measure and series. Chapter: 02_contrastive."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vlm_lib.figures.style import BLUE, INK, OKABE_ITO, use_style

MARKERS = "osD^vP"


def authors(panels: Mapping[str, Mapping[str, float]]) -> Figure:
    """A panel for each title, one over the other: arms by name, each a dot with its number. Raises: ValueError."""
    if not panels or not all(panels.values()):
        raise ValueError("panels: expected at least one, each with at least one arm")
    use_style()
    rows = [len(arms) for arms in panels.values()]
    figure, column = plt.subplots(
        len(panels), 1, figsize=(6.4, 0.27 * sum(rows) + 0.62 * len(rows)), height_ratios=rows, squeeze=False
    )
    for axes, (title, arms) in zip(column[:, 0], panels.items(), strict=True):
        places = np.arange(len(arms))[::-1]
        axes.plot(list(arms.values()), places, "o", color=BLUE)
        for value, place in zip(arms.values(), places, strict=True):
            axes.annotate(f"{value:g}", (value, place), (6, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(places, list(arms), fontsize=9)
        axes.set(ylim=(-0.6, len(arms) - 0.4), xticks=[])
        axes.set_title(title, fontsize=9.5)
        axes.margins(x=0.2)
        axes.tick_params(axis="y", length=0)
        axes.spines["bottom"].set_visible(False)
    return figure


def dots(
    series: Mapping[str, Mapping[str, float | Sequence[float]]],
    *,
    across: str,
    marks: Mapping[str, float] | None = None,
    mark: str = "chance",
) -> Axes:
    """A row for each measure, in it one marker for each series (several for several seeds) and a tick for `marks`.

    Raises: ValueError for no series, or series with other measures than the first one has.
    """
    measures = list(next(iter(series.values()), {}))
    if not measures or any(list(values) != measures for values in series.values()):
        raise ValueError(f"series: expected at least one, each with the measures {measures} in this order")
    use_style()
    figure, axes = plt.subplots(figsize=(6.4, 0.36 * len(measures) + 1.3))
    places = dict(zip(measures, np.arange(len(measures))[::-1], strict=True))
    aside = np.linspace(0.18, -0.18, len(series)) if len(series) > 1 else [0.0]
    for number, (name, values) in enumerate(series.items()):
        points = [(x, places[key] + aside[number]) for key, found in values.items() for x in np.atleast_1d(found)]
        colour = OKABE_ITO[number % len(MARKERS)]
        axes.plot(*np.transpose(points), MARKERS[number % len(MARKERS)], color=colour, label=name, markersize=5)
    if marks:
        at = [places[key] for key in marks]
        axes.plot(list(marks.values()), at, "|", color=INK, markersize=17, markeredgewidth=1.4, label=mark)
    axes.set_yticks(list(places.values()), measures)
    axes.set(ylim=(-0.6, len(measures) - 0.4), xlabel=across)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return axes
