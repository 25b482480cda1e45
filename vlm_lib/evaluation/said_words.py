"""What a text says of its picture, judged by the truth about the picture and by nothing that steered the text.

Chapter: 41_magic.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vlm_lib.data.attributes import COLOURS, EMPTY, SHAPES, SIZES, Scenes
from vlm_lib.data.captions import INVERSE, TEMPLATES
from vlm_lib.data.scenes import phrase

ATTRIBUTES = frozenset((*SHAPES, *COLOURS, *SIZES))
# words that say nothing about what a drawing shows
COMMON = frozenset({"a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with"})

_OBJECT = f"a (?:{'|'.join(SIZES)}) (?:{'|'.join(COLOURS)}) (?:{'|'.join(SHAPES)})"
_CAPTION = f"{_OBJECT}(?: (?:{'|'.join(INVERSE)}) {_OBJECT})?"
_FORM = re.compile("|".join(re.escape(form).replace(r"\{\}", f"(?:{_CAPTION})") for form in TEMPLATES))


def well_formed(said: Sequence[str]) -> list[bool]:
    """Whether each text is a caption as the world words them, of one or two objects, be it true or not."""
    return [_FORM.fullmatch(text) is not None for text in said]


def attribute_f1(said: Sequence[str], shown: Scenes) -> list[float]:
    """For each text the F1 of its size, colour and shape words against those of its scene's objects, as bags.

    Naming what is not there costs as much as leaving out what is; a text without any such word gets 0. Raises:
    ValueError if there is not one text per scene.
    """
    scores = []
    for text, objects in zip(said, _objects(said, shown), strict=True):
        true = Counter(word for cell in objects for word in phrase(*cell).split())
        told = Counter(word for word in text.split() if word in ATTRIBUTES)
        scores.append(2 * (true & told).total() / (true.total() + told.total()))
    return scores


def pairs_named(said: Sequence[str], shown: Scenes) -> list[float]:
    """For each text the share of its scene's objects named by colour and shape, "red circle". Raises: as above."""
    scores = []
    for text, objects in zip(said, _objects(said, shown), strict=True):
        scores.append(sum(phrase(shape, colour) in text for shape, colour, _ in objects) / len(objects))
    return scores


def shares_word(said: Sequence[str], truths: Sequence[Sequence[str]]) -> list[bool]:
    """Whether each text has a word of one of its true texts; "a", "of" and their like do not count.

    Raises: ValueError if there is not one list of true texts per text.
    """
    if len(said) != len(truths):
        raise ValueError(f"truths: got {len(truths)} for {len(said)} texts, expected one list each")
    return [bool(_words([text]) & _words(true)) for text, true in zip(said, truths, strict=True)]


def _objects(said: Sequence[str], shown: Scenes) -> list[list[tuple[int, int, int]]]:
    if len(said) != len(shown):
        raise ValueError(f"said: got {len(said)} texts for {len(shown)} scenes, expected one each")
    return [[tuple(cell) for cell in cells if cell[0] != EMPTY] for cells in shown.attributes.tolist()]


def _words(texts: Sequence[str]) -> set[str]:
    return {word for text in texts for word in re.findall(r"[a-z]+", text.lower())} - COMMON
