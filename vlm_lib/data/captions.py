"""What can truly be said, asked and falsely said about a scene.

The canonical caption names the objects in reading order and says how each stands to the next, so a scene has
exactly one: "a large red circle left of a small blue square ." Sentences are lower-case words separated by single
spaces, punctuation included, ready for the word-level tokenizer.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from vlm_lib.checks import check_one_of
from vlm_lib.data.attributes import CELLS, COLOURS, EMPTY, SHAPES, SIZES
from vlm_lib.seeds import stream

if TYPE_CHECKING:
    from vlm_lib.data.scenes import Scenes

QUESTION_KINDS = ("colour", "shape", "size", "relation", "count")
NUMBERS = ("zero", "one", "two", "three", "four")
INVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
INVERSE |= {"above and left of": "below and right of", "above and right of": "below and left of"}
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
    forms = rng.integers(4, size=len(scenes))
    picks = rng.random(len(scenes))
    sentences = []
    for objects, form, pick in zip(_objects(scenes), forms, picks, strict=True):
        _, (shape, colour, size) = objects[int(pick * len(objects))]
        sentences.append(
            (
                f"the {SHAPES[shape]} is {COLOURS[colour]} .",
                f"the {COLOURS[colour]} object is a {SHAPES[shape]} .",
                f"the {SHAPES[shape]} is {SIZES[size]} .",
                f"the {phrase(shape, colour)} is {SIZES[size]} .",
            )[form]
        )
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
        return "how many objects are there ?", NUMBERS[len(objects)]
    pairs = [(a, b) for i, a in enumerate(objects) for b in objects[i + 1 :] if _aligned(a[0], b[0])]
    if kind == "relation" and pairs:
        a, b = pairs[int(pick * len(pairs))]
        where = relation(a[0], b[0])
        if turn < 0.5:
            a, b, where = b, a, INVERSE[where]
        question = f"where is the {phrase(*a[1][:2])} relative to the {phrase(*b[1][:2])} ?"
        return question, where.removesuffix(" of")
    _, (shape, colour, size) = objects[int(pick * len(objects))]
    if kind == "shape":
        return f"what shape is the {COLOURS[colour]} object ?", SHAPES[shape]
    if kind == "size":
        return f"what size is the {phrase(shape, colour)} ?", SIZES[size]
    return f"what colour is the {SHAPES[shape]} ?", COLOURS[colour]


def _aligned(first: int, second: int) -> bool:
    """Whether two cells share a row or a column, so that one word says how they stand to each other."""
    return first // 2 == second // 2 or first % 2 == second % 2
