"""The zoo as a table: every number is read from what was measured after training and kept beside the weights."""

from __future__ import annotations

from pathlib import Path

from vlm_lib.zoo.clip import RECIPES, tiny_clip
from vlm_lib.zoo.lm import tiny_lm
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.pretrained import smollm2
from vlm_lib.zoo.store import Card


def build() -> dict[str, Card]:
    """Train whatever is missing of the zoo, one after the other; name -> card of each trained model."""
    cards = {f"tiny_clip({world!r})": tiny_clip(world).card for world in RECIPES}
    return cards | {"tiny_lm()": tiny_lm().card}


def table(cards: dict[str, Card]) -> str:
    """Size, time and quality of each model as text. A quality is a share (0 .. 1) unless called a perplexity."""
    lines = [f"{'model':<22}{'parameters':>12}{'size':>9}{'training':>11}{'of CPU':>9}"]
    for name, card in cards.items():
        megabytes = f"{card.size / 1e6:.1f} MB"
        times = f"{card.seconds:>9.0f} s{card.cpu_seconds:>7.0f} s"
        lines.append(f"{name:<22}{card.parameters:>12,}{megabytes:>9}{times}")
        lines += [f"    {quality:<42}{value:>8.3f}" for quality, value in card.quality.items()]
    return "\n".join(lines)


def pretrained_line() -> str:
    """What SmolLM2 is on this machine, or in one sentence what is missing."""
    try:
        lm = smollm2()
    except WeightsUnavailable as reason:
        return f"{'smollm2()':<22}{reason}"
    parameters = sum(parameter.numel() for parameter in lm.model.parameters())
    return f"{'smollm2()':<22}{parameters:>12,}  from {lm.source}"


def report(cards: dict[str, Card]) -> str:
    folder: Path = next(iter(cards.values())).path.parent
    return f"{table(cards)}\n{pretrained_line()}\nkept in {folder}"
