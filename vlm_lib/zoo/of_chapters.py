"""What single chapters train once and keep, because their cells can't afford it: a function for each."""

from __future__ import annotations

import contextlib
import itertools

from vlm_lib.zoo.caption_reader import caption_reader
from vlm_lib.zoo.caption_world import caption_world
from vlm_lib.zoo.ensemble_captioners import ensemble_captioner
from vlm_lib.zoo.merlot_films import TUNED, merlot_model
from vlm_lib.zoo.packages import WeightsUnavailable
from vlm_lib.zoo.prefix_captioners import prefix_captioner
from vlm_lib.zoo.real_coca import real_coca
from vlm_lib.zoo.real_magic import real_magic
from vlm_lib.zoo.store import Card
from vlm_lib.zoo.things_lm import things_lm
from vlm_lib.zoo.things_trunk import things_trunk
from vlm_lib.zoo.visual_gpts import build_visual_gpts


def of_21_frozen() -> dict[str, Card]:
    """The tower, the language model that read about the things, and its twin that read other facts."""
    cards = {"21 things_trunk": things_trunk()[1], "21 things_lm": things_lm()[1]}
    return cards | {"21 things_lm, other facts": things_lm(other=True)[1]}


def of_22_clipcap() -> dict[str, Card]:
    """The captioners' language model; captioners of three seeds, with a frozen and a tuned one."""
    cards = {"22 caption_world": caption_world().card}
    for seed in range(3):
        for lm in ("frozen", "tuned"):
            for length, wrong in ((1, False), (4, False), (16, False), (16, True)):
                model = prefix_captioner(seed=seed, length=length, tune_lm=lm == "tuned", wrong_pairs=wrong)
                cards[f"22 {lm} {length}{' wrong' if wrong else ''}, {seed}"] = model.card
    return cards


def of_32_vc_gpt() -> dict[str, Card]:
    """Two VC-GPTs, one whose language model was frozen and one whose language model was trained along."""
    named = {"32 frozen": False, "32 tuned": True}
    return {name: ensemble_captioner(tune_lm=tune_lm).card for name, tune_lm in named.items()}


def of_33_merlot() -> dict[str, Card]:
    """The arms that the chapter measures, of three seeds, also fine-tuned; what is not trained has no card."""
    measured = ("all three", "no order", "stills", "an eighth of the films", "four things only", "from nothing")
    cards = {}
    for arm, seed in itertools.product(measured, range(3)):
        for tuned in (False, True) if arm in TUNED else (False,):
            cards[f"33 {arm}{' tuned' if tuned else ''}, {seed}"] = merlot_model(arm, seed, tuned=tuned).card
    return {name: card for name, card in cards.items() if card is not None}


def of_35_coca() -> dict[str, Card]:
    """A CoCa on the real tower; nothing where the tower's packages are missing, which the zoo's report says."""
    with contextlib.suppress(WeightsUnavailable):
        return {"35 real_coca": real_coca()[0].card}
    return {}


def of_41_magic() -> dict[str, Card]:
    """Readers of captions, five measured, two to choose on, three that never read "purple"; recorded real runs.

    A recording is no model and has no card; there is none where packages are missing.
    """
    cards = {f"41 reader, {seed}": caption_reader(seed=seed).card for seed in (*range(5), 1000, 1001)}
    for seed in range(3):
        cards[f"41 reader without purple, {seed}"] = caption_reader(seed=seed, without="purple").card
    with contextlib.suppress(WeightsUnavailable):
        for seed in range(3):
            real_magic(seed)
    return cards


# name of the chapter -> what trains whatever is missing of its models and gives their cards
BUILDERS = {
    "21_frozen": of_21_frozen,
    "22_clipcap": of_22_clipcap,
    "31_visualgpt": build_visual_gpts,
    "32_vc_gpt": of_32_vc_gpt,
    "33_merlot": of_33_merlot,
    "35_coca": of_35_coca,
    "41_magic": of_41_magic,
}
