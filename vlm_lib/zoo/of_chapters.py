"""What single chapters train once and keep, because their cells can't afford it."""

from __future__ import annotations

import contextlib

from vlm_lib.zoo.caption_world import caption_world
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.prefix_captioners import prefix_captioner
from vlm_lib.zoo.real_coca import real_coca
from vlm_lib.zoo.store import Card

SEEDS, LENGTHS = range(3), (1, 4, 16)  # as 22_clipcap measures them


def build_for_chapters() -> dict[str, Card]:
    """Train whatever is missing of it, one after the other; name -> card, the name beginning with the chapter's
    number. Where the real tower's packages are missing, what needs none of them."""
    cards = {"22 caption_world": caption_world().card}
    for seed in SEEDS:
        for lm in ("frozen", "tuned"):
            for length, wrong in (*((length, False) for length in LENGTHS), (max(LENGTHS), True)):
                model = prefix_captioner(seed=seed, length=length, tune_lm=lm == "tuned", wrong_pairs=wrong)
                cards[f"22 {lm} {length}{' wrong' if wrong else ''}, {seed}"] = model.card
    with contextlib.suppress(WeightsUnavailable):  # the report on the real parts says what is missing
        cards["35 real_coca"] = real_coca()[0].card
    return cards
