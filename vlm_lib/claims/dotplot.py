"""One verdict as a picture of a few lines: the effect of each seed against zero and the threshold.

Inline SVG in the colours of the page around it, for the verdict's card and for the scoreboard.
"""

from html import escape
from typing import Any

WIDTH, HEIGHT, MARGIN = 260, 50, 22
AXIS = 19
ACCENT = "var(--vlm-direct, currentColor)"


def number(value: float, sign: bool = False) -> str:
    """Three significant digits, or all before the point, with a real minus sign; `sign` marks positive values."""
    digits = ".0f" if abs(value) >= 1000 else ".3g"
    text = format(value, f"+{digits}" if sign and value else digits)
    return text.replace("-", "\u2212")


def dot_plot(record: dict[str, Any]) -> str:
    """A dot for each seed's effect, a bar for the mean, a dashed line for the threshold, a tick for zero."""
    threshold, mean, effects = record["threshold"], record["effect"], record["effects"]
    low, high = min(0.0, threshold, *effects), max(0.0, threshold, *effects)
    scale = (WIDTH - 2 * MARGIN) / (high - low or 1.0)

    def x(value: float) -> float:
        return round(MARGIN + (value - low) * scale, 1)

    title = (
        f"{record['id']}: effect of each seed {', '.join(number(effect, sign=True) for effect in effects)}; "
        f"mean {number(mean, sign=True)}; threshold {number(threshold, sign=True)}"
    )
    labels = {x(threshold): number(threshold, sign=True)}
    if abs(x(0) - x(threshold)) > 30:  # nearer, the two labels would overlap
        labels[x(0)] = "0"
    parts = [
        _line(4, AXIS, WIDTH - 4, AXIS, "stroke-opacity='.45'"),
        _line(x(0), AXIS - 5, x(0), AXIS + 5),
        _line(x(threshold), 3, x(threshold), AXIS + 14, "stroke-dasharray='3 2'"),
        _line(x(mean), AXIS - 11, x(mean), AXIS + 11, f"stroke-width='3' style='stroke:{ACCENT}'"),
    ]
    dot = f"cy='{AXIS}' r='4.5' fill-opacity='.75' style='fill:{ACCENT}'"
    parts += [f"<circle cx='{x(effect)}' {dot}/>" for effect in effects]
    label = f"y='{HEIGHT - 3}' font-size='11' fill='currentColor' text-anchor='middle'"
    parts += [f"<text x='{at}' {label}>{text}</text>" for at, text in labels.items()]
    return (
        f"<svg class='vlm-dots' role='img' aria-label='{escape(title)}' viewBox='0 0 {WIDTH} {HEIGHT}' "
        f"width='{WIDTH}' height='{HEIGHT}'><title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _line(x1: float, y1: float, x2: float, y2: float, more: str = "") -> str:
    return f"<line x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}' stroke='currentColor' {more}/>"
