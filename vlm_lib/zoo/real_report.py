"""The real parts beside what they have to beat: chance, shuffled pairs, a blind twin, and the zoo's tiny model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from vlm_lib.data import openmoji
from vlm_lib.zoo.clip import tiny_clip
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.real_bridge import RealClipRecipe, real_clip
from vlm_lib.zoo.real_mapper import CaptionerRecipe, real_captioner
from vlm_lib.zoo.real_measure import chance

Quality = Mapping[str, float]
CLIP_SEEDS = 3  # seconds each


def real_report(captioner_seeds: int) -> str:
    """Both tables, on held-out drawings; what is missing is trained now. Without the packages: what to install."""
    parts = []
    for name, table in (("real_clip()", clip_table), ("real_captioner()", lambda: caption_table(captioner_seeds))):
        try:
            parts.append(table())
        except WeightsUnavailable as reason:
            parts.append(f"{name:<22}{reason}")
    return "\n".join(parts)


def clip_table() -> str:
    """The real CLIP's quality, mean and range over three seeds, beside its controls."""
    emoji = openmoji.load()
    seen, shuffled = (
        [real_clip(recipe=RealClipRecipe(seed=seed, shuffled=control)).card.quality for seed in range(CLIP_SEEDS)]
        for control in (False, True)
    )
    arms = {
        "chance": [chance(emoji, emoji.held_out)],
        "shuffled pairs": shuffled,
        "tiny_clip": [tiny_clip("openmoji").card.quality],
        "real_clip": seen,
    }
    return compare(f"real_clip(), seeds 0 to {CLIP_SEEDS - 1}", arms)


def caption_table(seeds: int) -> str:
    """The real captioner's quality, mean and range over the seeds, beside its blind twin's."""
    emoji = openmoji.load()
    seen, blind = (
        [real_captioner(recipe=CaptionerRecipe(seed=seed, blind=twin)).card.quality for seed in range(seeds)]
        for twin in (False, True)
    )
    commonest = {"category": chance(emoji, emoji.held_out)["category"]}
    arms = {"commonest": [commonest], "blind twin": blind, "real_captioner": seen}
    return compare(f"real_captioner(), seeds 0 to {seeds - 1}" if seeds > 1 else "real_captioner(), seed 0", arms)


def compare(title: str, arms: Mapping[str, Sequence[Quality]]) -> str:
    """One line a quality of the last arm, one column an arm: the mean over its seeds, and their range."""
    lines = [f"{title:<40}" + "".join(f"{name:<24}" for name in arms).rstrip()]
    for quality in next(reversed(arms.values()))[0]:
        cells = [_cell([seed[quality] for seed in seeds if quality in seed]) for seeds in arms.values()]
        lines.append((f"    {quality:<36}" + "".join(f"{cell:<24}" for cell in cells)).rstrip())
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    spread = f" ({min(values):.3f}-{max(values):.3f})" if len(values) > 1 else ""
    return f"{np.mean(values):.3f}{spread}"
