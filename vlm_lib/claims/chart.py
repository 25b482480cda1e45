"""A verdict as a dot chart: every arm a row, every seed a dot, the threshold a line through all of them.

HTML rows with small SVG strips in between, whose coordinates are percentages: the chart fills any width, its text
keeps its size, and on a narrow page the labels move above the rows (claims/card.css).
"""

import math
from html import escape
from statistics import fmean

from vlm_lib.claims.words import Record, number, threshold_words

HEIGHT, TALL = 26, 16  # of a strip and of the bar at a mean, px


class Scale:
    """Where a value lies along the strip, in percent of its width; a little air at both ends."""

    def __init__(self, values: list[float]):
        self.low, self.high = min(values), max(values)
        self.span = self.high - self.low or abs(self.high) or 1.0

    def __call__(self, value: float) -> str:
        return f"{4 + 92 * (value - self.low) / self.span:.2f}%"

    def ticks(self) -> list[float]:
        """Three to six round values within the range."""
        size = 10 ** math.floor(math.log10(self.span))
        step = next(size * part for part in (0.2, 0.25, 0.5, 1, 2) if self.span / (size * part) <= 5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [k * step for k in range(first, last + 1)]


def dot_chart(record: Record) -> str:
    """All arms, then the row that decides: every seed's own difference, drawn from the mean of the control."""
    roles = {record["treatment"]: "treatment", record["control"]: "control"}
    zero, sign = fmean(record["arms"][record["control"]]), 1 if record["higher_is_better"] else -1
    threshold = zero + sign * record["threshold"]
    decides = [zero + sign * effect for effect in record["effects"]]
    scale = Scale([threshold, *decides, *(value for values in record["arms"].values() for value in values)])
    line = _line(scale(threshold), 0, HEIGHT, "vlm-threshold")

    rows = _row("", "", _strip(_text(scale(threshold), "threshold")), "mean")
    for arm, values in record["arms"].items():
        role = roles.get(arm, "baseline")
        strip = _strip(line + _dots(scale, values, record["seeds"], role))
        rows += _row(escape(arm), role, strip, number(fmean(values)))
    strip = _strip(_decision(record, scale, zero, sign))
    label = f"{escape(record['treatment'])} against {escape(record['control'])}"
    rows += _row(label, "seed by seed: decides", strip, number(sign * record["effect"], sign=True), "vlm-decides")
    rows += _row("", "", _axis(scale), "")
    return (
        f'<div class="vlm-chart" role="img" aria-label="{escape(alt(record))}">{rows}</div>'
        f'<p class="vlm-dim">Across: {escape(record["metric"])}. Dots are seeds, bars their means, dashes the '
        f"threshold: {escape(threshold_words(record))}. The last row shows each seed's own difference, from the "
        f"mean of {escape(record['control'])} on; to the {'right' if sign > 0 else 'left'} of the dashes it "
        f"speaks for the claim.</p>"
    )


def effect_strip(record: Record) -> str:
    """The deciding row alone, for the scoreboard: each seed's effect against zero and the threshold."""
    scale = Scale([0.0, record["threshold"], *record["effects"]])
    strips = _strip(_decision(record, scale, 0.0, 1)) + _axis(scale)
    return f'<div class="vlm-chart" role="img" aria-label="{escape(alt(record))}">{strips}</div>'


def alt(record: Record) -> str:
    """The chart in words, with every number that it draws."""
    arms = "; ".join(f"{arm} {_listed(values)}" for arm, values in record["arms"].items())
    effects = _listed(record["effects"])
    return (
        f"{record['id']}: {record['metric']} of each seed: {arms}. Effect of each seed {effects}; "
        f"mean {number(record['effect'])}; threshold {number(record['threshold'])}"
    )


def _listed(values: list[float]) -> str:
    return ", ".join(map(number, values))


def _row(label: str, role: str, strip: str, mean: str, more: str = "") -> str:
    small = f"<small>{role}</small>" if role else ""
    return (
        f'<div class="vlm-row {more}"><div class="vlm-label">{label} {small}</div>'
        f'<div>{strip}</div><div class="vlm-n">{mean}</div></div>'
    )


def _strip(marks: str) -> str:
    return f'<svg width="100%" height="{HEIGHT}" aria-hidden="true">{marks}</svg>'


def _decision(record: Record, scale: Scale, zero: float, sign: int) -> str:
    """Each seed's effect, drawn from `zero` on; those above the threshold are filled."""
    seeds, effects, threshold = record["seeds"], record["effects"], record["threshold"]
    sides = ["above" if effect > threshold else "below" for effect in effects]
    lines = _line(scale(zero), 6, HEIGHT - 6, "vlm-zero")
    lines += _line(scale(zero + sign * threshold), 0, HEIGHT, "vlm-threshold")
    return lines + _dots(scale, [zero + sign * effect for effect in effects], seeds, *sides)


def _axis(scale: Scale) -> str:
    return _strip("".join(_text(scale(tick), number(tick)) for tick in scale.ticks()))


def _dots(scale: Scale, values: list[float], seeds: list[int], *kinds: str) -> str:
    """A dot for each seed, each a little lower than the last to keep equal values apart; a bar at the mean."""
    kinds = kinds if len(kinds) == len(values) else kinds * len(values)
    step = min(2.5, 10 / len(values))
    dots = "".join(
        f'<circle cx="{scale(value)}" cy="{HEIGHT / 2 + step * (i - (len(values) - 1) / 2):.1f}" r="4" '
        f'class="vlm-{kind}"><title>seed {seed}: {number(value)}</title></circle>'
        for i, (value, seed, kind) in enumerate(zip(values, seeds, kinds, strict=True))
    )
    return _line("0%", HEIGHT / 2, HEIGHT / 2, "vlm-rule", "100%") + _bar(scale(fmean(values))) + dots


def _bar(x: str) -> str:
    return _line(x, (HEIGHT - TALL) / 2, (HEIGHT + TALL) / 2, "vlm-mean")


def _line(x: str, y1: float, y2: float, kind: str, x2: str | None = None) -> str:
    return f'<line x1="{x}" x2="{x2 or x}" y1="{y1:g}" y2="{y2:g}" class="{kind}"/>'


def _text(x: str, text: str) -> str:
    """Centred at x, but kept inside the strip near its ends."""
    at = float(x[:-1])
    anchor = "start" if at < 12 else "end" if at > 88 else "middle"
    return f'<text x="{x}" y="{HEIGHT / 2 + 4:g}" text-anchor="{anchor}">{text}</text>'
