"""The learning rates that the arms of an experiment tried, and the one that each took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Any, Protocol

from vlm_lib.claims.words import number
from vlm_lib.figures import html

END_OF_LIST = "at the end of the list: a better rate may lie beyond"


@dataclass(frozen=True)
class Choice:
    """The validation loss of each learning rate on each spare seed (infinite where training diverged)."""

    losses: dict[float, list[float]]

    @property
    def means(self) -> dict[float, float]:
        return {lr: fmean(losses) for lr, losses in self.losses.items()}

    @property
    def lr(self) -> float:
        """The rate with the lowest mean loss; of two alike, the smaller."""
        return min(self.means, key=lambda lr: (self.means[lr], lr))

    @property
    def at_the_end(self) -> bool:
        """Whether the choice is the smallest or largest rate: a better one may lie beyond the list."""
        return self.lr in (min(self.losses), max(self.losses))


class Tried(Protocol):
    """What is shown here of `claims.Arms`: the rates, the spare seeds, and of each arm its options and choice."""

    lrs: tuple[float, ...]
    spare: tuple[int, ...]
    options: dict[str, dict[str, Any]]
    choices: dict[str, Choice]


def as_text(arms: Tried) -> str:
    """A line for each arm: every rate with its mean loss, a star at the one taken."""
    lines = [_title(arms)]
    for arm, choice in _tried(arms).items():
        cells = "  ".join(f"{lr:g}: {_loss(mean)}{'*' * (lr == choice.lr)}" for lr, mean in choice.means.items())
        lines.append(f"  {arm}: {cells}{'  (' + END_OF_LIST + ')' if choice.at_the_end else ''}")
    return "\n".join(lines)


def as_html(arms: Tried) -> str:
    """A card with the same, the rate taken in bold."""
    rows = ""
    for arm, choice in _tried(arms).items():
        cells = "".join(_cell(f"{lr:g}: {_loss(mean)}", lr == choice.lr) for lr, mean in choice.means.items())
        remark = END_OF_LIST if choice.at_the_end else ""
        rows += f'<tr><th scope="row">{escape(arm)}</th>{cells}<td class="vlm-dim">{remark}</td></tr>'
    table = (
        '<div class="vlm-scroll" tabindex="0" role="region" aria-label="Learning rates tried">'
        f"<table><tbody>{rows}</tbody></table></div>"
    )
    return f'{html.style()}<div class="vlm-card"><p>{escape(_title(arms))}</p>{table if rows else ""}</div>'


def _title(arms: Tried) -> str:
    if len(arms.lrs) == 1:
        return f"One learning rate for every arm: {arms.lrs[0]:g}."
    waiting = [arm for arm in arms.options if arm not in arms.choices]
    more = f" Still to be tried: {', '.join(waiting)}." if waiting else ""
    return f"Learning rates, by validation loss on the spare seeds {', '.join(map(str, arms.spare))}.{more}"


def _tried(arms: Tried) -> dict[str, Choice]:
    return {arm: arms.choices[arm] for arm in arms.options if arm in arms.choices}


def _cell(text: str, taken: bool) -> str:
    return f'<td class="vlm-n">{f"<strong>{text}</strong>" if taken else text}</td>'


def _loss(mean: float) -> str:
    return number(mean) if math.isfinite(mean) else "diverged"
