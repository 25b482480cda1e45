"""Checker for the pairs of captions of the second objective.

Source: VisualBERT, section 3.3 (arXiv 1908.03557). Chapter: 11_visualbert.
"""

import random
from collections.abc import Callable

from vlm_lib.grading.kit import Case, Mistake, Task

Pairs = list[tuple[str, str, int]]


Second = Callable[[int, list[list[str]], list[int]], str]


def _pairs(second: Second, label: tuple[int, int] = (0, 1)) -> Callable:
    """Pairs whose second caption, where it is no match, is what `second` says; labels (match, random)."""

    def answer(captions: list[list[str]], match: list[bool], other: list[int]) -> Pairs:
        return [
            (own[0], own[1], label[0]) if same else (own[0], second(i, captions, other), label[1])
            for i, (own, same) in enumerate(zip(captions, match, strict=True))
        ]

    return answer


def _of_other(i: int, captions: list[list[str]], other: list[int]) -> str:
    return captions[other[i]][0]


def _right(captions: list[list[str]], match: list[bool], other: list[int]) -> Pairs:
    return _pairs(_of_other)(captions, match, other)


def _same_twice(captions: list[list[str]], match: list[bool], other: list[int]) -> Pairs:
    right = _right(captions, match, other)
    return [(a, a, label) if same else (a, b, label) for (a, b, label), same in zip(right, match, strict=True)]


def _both_other(captions: list[list[str]], match: list[bool], other: list[int]) -> Pairs:
    right = _right(captions, match, other)
    return [
        (a, b, label) if same else (captions[j][0], captions[j][1], label)
        for (a, b, label), same, j in zip(right, match, other, strict=True)
    ]


def _first_other(captions: list[list[str]], match: list[bool], other: list[int]) -> Pairs:
    right = _right(captions, match, other)
    return [(a, b, label) if same else (b, a, label) for (a, b, label), same in zip(right, match, strict=True)]


PAIR_MISTAKES = {
    "labels_exchanged": Mistake(
        _pairs(_of_other, (1, 0)),
        "Your labels are exchanged: 0 is a match, 1 is not.",
        also=(_pairs(_of_other, (True, False)),),
    ),
    "same_twice": Mistake(_same_twice, "You repeat the first caption. A match is another caption of the picture."),
    "never_other": Mistake(
        _pairs(lambda i, captions, other: captions[i][1]),
        "Your second caption is always of this picture, also where the label says that it is not.",
    ),
    "both_other": Mistake(
        _both_other,
        "Where it is no match, both your captions are of the other picture. The first is always of this one.",
    ),
    "first_other": Mistake(
        _first_other,
        "Where it is no match, the other picture's caption comes first. The first is always of this one.",
    ),
    "second_of_other": Mistake(
        _pairs(lambda i, captions, other: captions[other[i]][1]),
        "You take the other picture's second caption; take its first.",
    ),
    "counted_from_one": Mistake(
        _pairs(lambda i, captions, other: captions[other[i] - 1][0]), "Off by one: pictures are counted from 0."
    ),
    "matches_only": Mistake(
        lambda captions, match, other: [
            (own[0], own[1], 0) for own, same in zip(captions, match, strict=True) if same
        ],
        "You leave out the pictures without a match. Each picture gives a pair.",
    ),
    "next_picture": Mistake(
        _pairs(lambda i, captions, other: captions[(i + 1) % len(captions)][0]),
        "You take the next picture's caption. `other` says which picture to take it from.",
    ),
    "all_match": Mistake(
        lambda captions, match, other: [(own[0], own[1], 0) for own in captions],
        "All your pairs match: a model would learn to say so without reading.",
    ),
}


def pair_cases(seed: int = 0) -> list[Case]:
    """Pictures with two or three captions, in an order of others that is not the next one's."""
    rng = random.Random(seed)
    captions = [[f"caption {rng.randrange(100)} of picture {i}, {j}" for j in range(2 + i % 2)] for i in range(5)]
    return [
        (captions, [True, False, False, True, False], [2, 4, 0, 1, 1]),
        (captions[:4], [False, True, False, True], [3, 3, 1, 0]),
    ]


check_caption_pairs = Task(
    name="pairs of captions",
    asks="answer(captions, match, other) -> list of (first, second, label): 0 where the second caption is another "
    "one of the picture, 1 where it is the first one of picture other[i]",
    right=_right,
    placeholder=lambda captions, match, other: [],
    mistakes=PAIR_MISTAKES,
    cases=pair_cases,
    praise="the first caption is always of the picture, the second only where the label says so.",
)
