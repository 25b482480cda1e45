"""Questions about drawings whose answers stand in no name or tag: what kind of thing, where it is found, its use.

The answers were written by hand, one for a subgroup of OpenMoji or for a part of one. Chapter: 42_pica.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from vlm_lib.checks import check_at_least
from vlm_lib.data.openmoji_metadata import Record, records
from vlm_lib.training.seeds import stream

# family -> its wordings
WORDINGS = {
    "kind": ("What kind of thing is it?", "What is this a kind of?"),
    "where": ("Where is it usually found?", "In which place would you look for it?"),
    "use": ("What do people do with it?", "What is it good for?"),
}
_CARS = (
    "bus", "oncoming bus", "minibus", "ambulance", "fire engine", "police car", "oncoming police car", "taxi",
    "oncoming taxi", "automobile", "oncoming automobile", "sport utility vehicle", "pickup truck",
    "delivery truck", "articulated lorry", "racing car", "motorcycle", "motor scooter", "auto rickshaw",
)  # fmt: skip
_TRAINS = (
    "locomotive", "railway car", "high-speed train", "bullet train", "train", "metro", "light rail", "monorail",
    "mountain railway",
)  # fmt: skip
_PLANES = ("airplane", "small airplane", "airplane departure", "airplane arrival", "helicopter")
_BOATS = ("sailboat", "canoe", "speedboat", "passenger ship", "ferry", "motor boat", "ship")
_FARM = (
    "cow", "cow face", "ox", "pig", "pig face", "ram", "ewe", "goat", "horse", "horse face", "donkey", "turkey",
    "chicken", "rooster", "hatching chick", "baby chick", "goose", "tractor",
)  # fmt: skip
_BATHROOM = (
    "toilet", "plunger", "shower", "bathtub", "razor", "lotion bottle", "roll of paper", "soap", "toothbrush",
    "sponge",
)  # fmt: skip
_TOOLS = (
    "hammer", "axe", "pick", "hammer and pick", "hammer and wrench", "carpentry saw", "wrench", "screwdriver",
    "nut and bolt", "gear", "clamp", "toolbox", "ladder", "shovel",
)  # fmt: skip
_SKY = (
    "new moon", "waxing crescent moon", "first quarter moon", "waxing gibbous moon", "full moon", "crescent moon",
    "waning gibbous moon", "last quarter moon", "waning crescent moon", "sun", "star", "glowing star", "rainbow",
    "shooting star", "milky way", "cloud", "sun behind cloud", "sun behind small cloud", "sun behind large cloud",
    "cloud with rain", "cloud with snow", "cloud with lightning", "comet", "ringed planet",
)  # fmt: skip
_CAMERAS = ("movie camera", "camera", "camera with flash", "video camera")
_NOT_WORN = (
    "folding hand fan", "purse", "handbag", "clutch bag", "shopping bags", "backpack", "hair pick", "prayer beads",
    "lipstick", "ring", "gem stone", "crown",
)  # fmt: skip
_NOT_INSECTS = ("snail", "spider", "spider web", "scorpion", "worm", "microbe")
_NOT_BUILDINGS = ("building construction", "brick", "rock", "wood", "wedding", "statue of liberty")
_NOT_BIRDS = ("feather", "wing", "hatching chick", "phoenix")
# family -> answer -> names and subgroups that it is right for; "-name" takes a name out again
_RIGHT: Mapping[str, Mapping[str, Sequence[str]]] = {
    "kind": {
        "mammal": ("animal mammal", "-paw prints", "-unicorn", "-pig nose"),
        "bird": ("animal bird", *(f"-{name}" for name in _NOT_BIRDS)),
        "insect": ("animal bug", *(f"-{name}" for name in _NOT_INSECTS)),
        "flower": ("plant flower", "-rosette", "-bouquet"),
        "fruit": ("food fruit",),
        "vegetable": ("food vegetable", "-peanuts", "-chestnut"),
        "drink": ("drink", "-teapot", "-ice"),
        "musical instrument": ("musical instrument",),
        "vehicle": (*_CARS, *_TRAINS, "bicycle", "tractor", "tram", "trolleybus"),
        "building": ("place building", "place religious", *(f"-{name}" for name in _NOT_BUILDINGS)),
        "piece of clothing": ("clothing", "-glasses", "-sunglasses", *(f"-{name}" for name in _NOT_WORN)),
        "part of the body": ("body parts", "-mechanical arm", "-mechanical leg"),
        "tool": _TOOLS,
        "facial expression": ("face smiling", "face concerned", "face neutral skeptical"),
    },
    "where": {
        "sea": ("animal marine",),
        "farm": _FARM,
        "sky": _SKY,
        "kitchen": ("dishware", "-amphora", "cooking", "teapot", "salt", "canned food"),
        "office": ("office", "-wastebasket", "printer", "desktop computer"),
        "bathroom": _BATHROOM,
        "wardrobe": ("clothing", "-glasses", "-sunglasses", *(f"-{name}" for name in _NOT_WORN)),
        "garden": ("plant flower", "-rosette", "-bouquet"),
        "street": _CARS,
        "railway station": _TRAINS,
        "airport": _PLANES,
        "harbour": (*_BOATS, "anchor"),
        "hospital": ("medical", "health worker"),
        "workshop": _TOOLS,
        "post office": ("mail", "-ballot box with ballot", "-e-mail"),
        "bank": ("money", "-treasure chest"),
    },
    "use": {
        "eat": ("food fruit", "food vegetable", "food prepared", "food asian", "food sweet", "-takeout box"),
        "drink": ("drink", "-teapot", "-ice"),
        "wear": ("clothing", *(f"-{name}" for name in _NOT_WORN)),
        "drive": _CARS,
        "fly": _PLANES,
        "make music": ("musical instrument",),
        "read": ("book paper", "-bookmark", "-label"),
        "write": ("writing", "-paintbrush", "-memo"),
        "call somebody": ("phone", "-fax machine"),
        "repair things": _TOOLS,
        "play a game": ("game", "-crystal ball", "-magic wand", "-mirror ball", "-nesting dolls"),
        "do sports": ("sport",),
        "pay": ("money", "-treasure chest", "-chart increasing with yen"),
        "tell the time": ("time", "hourglass done"),
        "take pictures": _CAMERAS,
        "lock a door": ("lock", "-locked with pen"),
    },
}


@dataclass(frozen=True)
class Question:
    """A question about the drawing in row `drawing`; `family` says which answers come into question."""

    drawing: int
    family: str
    text: str
    answer: str


@functools.cache
def answers(family: str) -> tuple[str, ...]:
    """All answers of a family. Raises: ValueError for a family that there isn't."""
    if family not in _RIGHT:
        raise ValueError(f"family: got {family!r}, expected one of {', '.join(_RIGHT)}")
    return tuple(_RIGHT[family])


def right_answer(family: str, record: Record) -> str | None:
    """The answer for a drawing, or None where no answer of the family fits. Raises: ValueError as `answers`."""
    for answer in answers(family):
        listed = _RIGHT[family][answer]
        if (record.name in listed or record.subgroup in listed) and f"-{record.name}" not in listed:
            return answer
    return None


def every(rows: Int[np.ndarray, " rows"], seed: int) -> list[Question]:
    """Every question about these drawings that there is an answer to, in random order, each in a random wording.

    Raises: ValueError for a bad seed.
    """
    rng, known = stream(seed, "every question"), records()
    pairs = [(row, family) for row in rows.tolist() for family in WORDINGS if right_answer(family, known[row])]
    return [_question(*pairs[i], rng) for i in rng.permutation(len(pairs))]


def balanced(rows: Int[np.ndarray, " rows"], count: int, seed: int) -> list[Question]:
    """`count` questions about different ones of these drawings: first an answer is drawn, then a drawing for it.

    So a frequent answer is asked for no more often than a rare one, as long as there are drawings. Raises:
    ValueError for a bad seed, or more questions than there are drawings to ask about.
    """
    check_at_least("count", count, 1)
    rng, known = stream(seed, "balanced questions"), records()
    left = {
        (family, answer): [row for row in rows.tolist() if right_answer(family, known[row]) == answer]
        for family in WORDINGS
        for answer in answers(family)
    }
    found: list[Question] = []
    while len(found) < count:
        used = {question.drawing for question in found}
        open_ones = [key for key, drawings in left.items() if not used.issuperset(drawings)]
        if not open_ones:
            raise ValueError(f"count: got {count}, expected at most {len(found)} with these drawings")
        family, answer = open_ones[rng.integers(len(open_ones))]
        free = [row for row in left[family, answer] if row not in used]
        found.append(_question(free[rng.integers(len(free))], family, rng))
    return found


def _question(row: int, family: str, rng: np.random.Generator) -> Question:
    wordings = WORDINGS[family]
    answer = right_answer(family, records()[row])
    return Question(row, family, wordings[rng.integers(len(wordings))], answer)
