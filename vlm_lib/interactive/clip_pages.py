"""Chapter 02's pictures as HTML: a few kilobytes each, text that keeps its size on a narrow page, light and dark.

All take `alt`, what the figure shows in words, and `caption`. Chapter: 02_contrastive.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Bool, UInt8
from torch import Tensor

from vlm_lib.figures import html
from vlm_lib.interactive.pictures import data_uri

HEIGHT, MOST_SERIES, SIDE = 22, 3, 32  # px of a strip; shapes to tell apart; px of a stored picture


@dataclass(frozen=True)
class Page:
    """What the functions here return; the last expression of a cell shows it."""

    html: str
    alt: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"[{self.alt}]"


def dots(
    series: Mapping[str, Mapping[str, float | Sequence[float]]],
    *,
    alt: str,
    caption: str,
    marks: Mapping[str, float] | None = None,
    mark: str = "chance",
) -> Page:
    """A row for each measure, in it a marker for each series (several for several seeds) and a tick for `marks`.

    Raises: ValueError for no series or more than three, or series with other measures than the first one has.
    """
    measures = list(next(iter(series.values()), {}))
    if not measures or len(series) > MOST_SERIES or any(list(values) != measures for values in series.values()):
        raise ValueError(f"series: expected one to {MOST_SERIES}, each with the measures {measures} in this order")
    every = [x for values in series.values() for found in values.values() for x in np.atleast_1d(found)]
    scale = _scale([0.0, *every, *(marks or {}).values()])
    rows = ""
    for measure in measures:
        drawn = _mark(scale(marks[measure])) if marks and measure in marks else ""
        for number, values in enumerate(series.values()):
            drawn += "".join(_marker(number, scale(x)) for x in np.atleast_1d(values[measure]))
        rows += _row(measure, drawn)
    ticks = "".join(f'<text x="{scale(t)}" y="13" text-anchor="middle">{t:g}</text>' for t in _round_values(every))
    rows += _row("", ticks, rule=False)
    keys = "".join(_key(name, _marker(number, "7")) for number, name in enumerate(series))
    return _page(rows + keys + (_key(mark, _mark("7")) if marks else ""), alt, caption)


def authors(panels: Mapping[str, Mapping[str, float]], *, alt: str, caption: str) -> Page:
    """Under each title its arms, every one a dot on the panel's own scale with its number. Raises: ValueError."""
    if not panels or not all(panels.values()):
        raise ValueError("panels: expected at least one, each with at least one arm")
    body = ""
    for title, arms in panels.items():
        scale = _scale(list(arms.values()))
        body += f"<h4>{escape(title)}</h4>"
        for name, value in arms.items():
            beside = f'<text x="{scale(value)}" dx="9" y="15">{value:g}</text>'
            body += _row(name, _marker(0, scale(value)) + beside)
    return _page(body, alt, caption)


def wall(
    queries: Sequence[str], images: UInt8[Tensor, "queries found 3 h w"], right: Bool[Tensor, "queries found"],
    *, alt: str, caption: str,
) -> Page:  # fmt: skip
    """For each query the pictures that were found, best first, the wrong ones in a dashed frame.

    Raises: ValueError for shapes that do not match.
    """
    if images.ndim != 5 or images.shape[:2] != right.shape or len(queries) != len(images):
        raise ValueError(
            f"images and right have shapes {list(images.shape)} and {list(right.shape)} for {len(queries)} "
            "queries, expected [queries found 3 height width] and [queries found]"
        )
    rows = ""
    for query, found, each in zip(queries, images, right.tolist(), strict=True):
        pictures = "".join(_framed(*pair) for pair in zip(found, each, strict=True))
        rows += f'<div class="vlm-found"><span>{escape(query)}</span><div>{pictures}</div></div>'
    return _page(rows, alt, caption)


def named(
    images: UInt8[Tensor, "n 3 h w"], chances: Sequence[Mapping[str, float]], truth: Sequence[str],
    *, alt: str, caption: str,
) -> Page:  # fmt: skip
    """Pictures, each beside bars of the chances of a few names; the true name is bold.

    The longest bar fills its row. Raises: ValueError unless there are as many of each.
    """
    if not len(images) == len(chances) == len(truth):
        raise ValueError(
            f"got {len(images)} images, {len(chances)} chances and {len(truth)} names, expected equal"
        )
    largest, rows = max(max(shares.values()) for shares in chances), ""
    for picture, shares, true in zip(images, chances, truth, strict=True):
        bars = "".join(_bar(name, share, largest, name == true) for name, share in shares.items())
        right = max(shares, key=shares.get) == true
        rows += f'<div class="vlm-named">{_framed(picture, right)}<div>{bars}</div></div>'
    return _page(rows, alt, caption)


def _page(body: str, alt: str, caption: str) -> Page:
    sheet = html.style(html.asset("vlm_lib.interactive", "assets/clip_pages.css"))
    figure = f'<figure aria-label="{escape(alt)}">{body}<figcaption>{escape(caption)}</figcaption></figure>'
    return Page(f'{sheet}<div class="vlm-card vlm-page">{figure}</div>', alt)


def _bar(name: str, share: float, largest: float, bold: bool) -> str:
    label = f"<strong>{escape(name)}</strong>" if bold else escape(name)
    bar = f'<div class="vlm-bar" style="width:{100 * share / largest:.1f}%"></div>'
    return (
        f'<div class="vlm-at"><span>{label}</span>'
        f'<div class="vlm-share">{bar}<span>{100 * share:.0f} %</span></div></div>'
    )


def _framed(picture: UInt8[Tensor, "3 h w"], right: bool) -> str:
    word = "right" if right else "wrong"
    return f'<img class="vlm-{word}" alt="{word} picture" src="{data_uri(picture, SIDE)}"/>'


def _row(label: str, drawn: str, rule: bool = True) -> str:
    middle = HEIGHT / 2
    line = f'<line x1="0" x2="100%" y1="{middle:g}" y2="{middle:g}"/>' if rule else ""
    strip = f'<svg width="100%" height="{HEIGHT}" aria-hidden="true">{line}{drawn}</svg>'
    return f'<div class="vlm-at"><span>{escape(label)}</span>{strip}</div>'


def _marker(series: int, x: str) -> str:
    """A circle, a square or a ring, a little higher or lower so that equal values stay apart."""
    y = HEIGHT / 2 + (0, -3, 3)[series]
    if series == 1:
        return f'<rect x="{x}" y="{y - 4:g}" width="8" height="8" transform="translate(-4)" class="vlm-s1"/>'
    return f'<circle cx="{x}" cy="{y:g}" r="4" class="vlm-s{series}"/>'


def _mark(x: str) -> str:
    return f'<line x1="{x}" x2="{x}" y1="1" y2="{HEIGHT - 1}" class="vlm-mark"/>'


def _key(name: str, drawn: str) -> str:
    shape = f'<svg width="14" height="{HEIGHT}" aria-hidden="true">{drawn}</svg>'
    return f'<span class="vlm-key">{shape}{escape(name)}</span>'


def _scale(values: Sequence[float]):
    """Where a value lies along a strip, in percent of its width, with room for a number at the right end."""
    low, span = min(values), (max(values) - min(values)) or 1.0
    return lambda value: f"{2 + 86 * (value - low) / span:.1f}%"


def _round_values(values: Sequence[float]) -> list[float]:
    """Three to six round numbers from the lowest value, or 0, to the highest."""
    low, high = min(0.0, *values), max(0.0, *values)
    size = 10 ** math.floor(math.log10((high - low) or 1.0))
    step = next(size * part for part in (0.2, 0.25, 0.5, 1, 2) if (high - low) / (size * part) <= 5)
    return [round(k * step, 6) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
