"""What can truly be said, asked and falsely said about a scene.

The canonical caption names the objects in reading order and says how each stands to the next, so a scene has
exactly one: "a large red circle left of a small blue square ." Sentences are lower-case words separated by single
spaces, punctuation included, ready for the word-level tokenizer.
"""

from __future__ import annotations

import functools
import re

from vlm_lib.checks import check_one_of
from vlm_lib.data.attributes import CELLS, COLOURS, EMPTY, SHAPES, SIZES, Scenes
from vlm_lib.training.seeds import stream

QUESTIONS = {
    "colour": "what colour is the {shape} ?",
    "shape": "what shape is the {colour} object ?",
    "size": "what size is the {colour} {shape} ?",
    "relation": "where is the {colour} {shape} relative to the {other_colour} {other_shape} ?",
    "count": "how many objects are there ?",
}
QUESTION_KINDS = tuple(QUESTIONS)
STATEMENTS = (
    "the {shape} is {colour} .",
    "the {colour} object is a {shape} .",
    "the {shape} is {size} .",
    "the {colour} {shape} is {size} .",
)
NUMBERS = ("zero", "one", "two", "three", "four")
_OPPOSITES = (
    ("left of", "right of"),
    ("above", "below"),
    ("above and left of", "below and right of"),
    ("above and right of", "below and left of"),
)
INVERSE = dict(_OPPOSITES) | {inverse: relation for relation, inverse in _OPPOSITES}
# The plain captions come first: `TEMPLATES[0]` wraps nothing around them.
TEMPLATES = ("{} .", "there is {} .", "this is {} .", "a picture of {} .", "we see {} .", "the picture shows {} .")


def relation(first: int, second: int) -> str:
    """How the object in cell `first` stands to the one in cell `second` > `first` (cells in reading order)."""
    across = (second % 2) - (first % 2)
    if first // 2 == second // 2:
        return "left of"
    return {0: "above", 1: "above and left of", -1: "above and right of"}[across]


@functools.cache
def phrase(shape: int, colour: int, size: int | None = None) -> str:
    """Name an object by its attribute indices: "large red circle", or "red circle" without a size."""
    words = [COLOURS[colour], SHAPES[shape]]
    return " ".join(words if size is None else [SIZES[size], *words])


def vocabulary() -> list[str]:
    """Texts that between them hold every word this module can write, for the tokenizer."""
    forms = (*TEMPLATES, *QUESTIONS.values(), *STATEMENTS, *NUMBERS, *INVERSE, "a", ", which is", "left", "right")
    return [*SHAPES, *COLOURS, *SIZES, *(re.sub(r"{.*?}", " ", form) for form in forms)]


def captions(scenes: Scenes, seed: int | None = None) -> list[str]:
    """One true caption a scene: the canonical one, or with a seed a sampled paraphrase of it.

    A paraphrase wraps the caption in a template and, in scenes of two objects, may name the second object first
    with the inverse relation. Raises: ValueError for a bad seed. Chapter: 01_worlds.
    """
    scenes_objects = _objects(scenes)
    if seed is None:
        return [f"{_chain(objects)} ." for objects in scenes_objects]
    rng = stream(seed, "captions")
    templates = rng.integers(len(TEMPLATES), size=len(scenes))
    inverted = rng.random(len(scenes)) < 0.5
    return [
        TEMPLATES[t].format(_inverted(objects) if flip and len(objects) == 2 else _chain(objects))
        for objects, t, flip in zip(scenes_objects, templates, inverted, strict=True)
    ]


def swapped_captions(scenes: Scenes) -> list[str]:
    """The canonical caption with its two objects exchanged: the same words, but false.

    Raises: ValueError if any scene does not hold exactly two objects. Source: the word-order tests of Winoground
    (arXiv:2204.03162) and ARO (arXiv:2210.01936). Chapter: 02_contrastive.
    """
    swapped = []
    for index, objects in enumerate(_objects(scenes)):
        if len(objects) != 2:
            raise ValueError(f"scenes: scene {index} has {len(objects)} object(s), expected exactly 2 in each")
        (first, a), (second, b) = objects
        swapped.append(f"a {phrase(*b)} {relation(first, second)} a {phrase(*a)} .")
    return swapped


def questions(scenes: Scenes, seed: int, kind: str | None = None) -> list[tuple[str, str]]:
    """One question with its one-word answer for each scene, e.g. ("what colour is the circle ?", "red").

    `kind`: one of QUESTION_KINDS, or None for a random kind each. "relation" asks about two objects of one row or
    column ("where is the red circle relative to the blue square ?" - left, right, above or below); a scene without
    such a pair is asked for a colour instead. Raises: ValueError for an unknown kind. Chapter: 01_worlds.
    """
    if kind is not None:
        check_one_of("kind", kind, QUESTION_KINDS)
    rng = stream(seed, "questions")
    kinds = rng.integers(len(QUESTION_KINDS), size=len(scenes))
    picks = rng.random((len(scenes), 2))
    return [
        _question(objects, kind or QUESTION_KINDS[k], *pick)
        for objects, k, pick in zip(_objects(scenes), kinds, picks, strict=True)
    ]


def statements(scenes: Scenes, seed: int) -> list[str]:
    """One true sentence about one object of each scene, e.g. "the circle is red ."; text for language models."""
    rng = stream(seed, "statements")
    forms = rng.integers(len(STATEMENTS), size=len(scenes))
    picks = rng.random(len(scenes))
    sentences = []
    for objects, form, pick in zip(_objects(scenes), forms, picks, strict=True):
        _, attributes = objects[int(pick * len(objects))]
        sentences.append(STATEMENTS[form].format(**_words(attributes)))
    return sentences


def _objects(scenes: Scenes) -> list[list[tuple[int, tuple[int, int, int]]]]:
    """For each scene its objects in reading order: (cell, (shape, colour, size))."""
    rows = scenes.attributes.tolist()
    return [[(cell, tuple(row[cell])) for cell in range(CELLS) if row[cell][0] != EMPTY] for row in rows]


def _chain(objects: list) -> str:
    """ "a A left of a B , which is above a C": "which" ties each relation to the object named last."""
    cell, attributes = objects[0]
    text = f"a {phrase(*attributes)}"
    for index, (next_cell, attributes) in enumerate(objects[1:]):
        link = " " if index == 0 else " , which is "
        text += f"{link}{relation(cell, next_cell)} a {phrase(*attributes)}"
        cell = next_cell
    return text


def _inverted(objects: list) -> str:
    (first, a), (second, b) = objects
    return f"a {phrase(*b)} {INVERSE[relation(first, second)]} a {phrase(*a)}"


def _question(objects: list, kind: str, pick: float, turn: float) -> tuple[str, str]:
    if kind == "count":
        return QUESTIONS["count"], NUMBERS[len(objects)]
    pairs = [(a, b) for i, a in enumerate(objects) for b in objects[i + 1 :] if _aligned(a[0], b[0])]
    if kind == "relation" and pairs:
        a, b = pairs[int(pick * len(pairs))]
        where = relation(a[0], b[0])
        if turn < 0.5:
            a, b, where = b, a, INVERSE[where]
        other = {f"other_{name}": word for name, word in _words(b[1]).items()}
        return QUESTIONS["relation"].format(**_words(a[1]), **other), where.removesuffix(" of")
    words = _words(objects[int(pick * len(objects))][1])
    kind = "colour" if kind == "relation" else kind
    return QUESTIONS[kind].format(**words), words[kind]


def _words(attributes: tuple[int, int, int]) -> dict[str, str]:
    shape, colour, size = attributes
    return {"shape": SHAPES[shape], "colour": COLOURS[colour], "size": SIZES[size]}


def _aligned(first: int, second: int) -> bool:
    """Whether two cells share a row or a column, so that one word says how they stand to each other."""
    return first // 2 == second // 2 or first % 2 == second % 2
