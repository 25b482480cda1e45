"""Checkers for the parts of caption metrics: clipped matches, brevity, ROUGE-L, CIDEr's weights.

Chapter: 51_evaluation.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import numpy as np

from vlm_lib.evaluation.captions import common_subsequence
from vlm_lib.grading.kit import Case, Mistake, Task

WORDS = ("a", "red", "blue", "circle", "square", "left", "of")


def _grams(words: list[str], n: int) -> Counter:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _pooled(candidate: list[str], references: list[list[str]], n: int, pool: Callable) -> int:
    counts = [_grams(reference, n) for reference in references]
    return sum(min(k, pool(count[gram] for count in counts)) for gram, k in _grams(candidate, n).items())


def _matches(candidate: list[str], references: list[list[str]], n: int) -> int:
    return _pooled(candidate, references, n, max)


MATCH_MISTAKES = {
    "not_clipped": Mistake(
        lambda candidate, references, n: sum(
            k for gram, k in _grams(candidate, n).items() if any(gram in _grams(r, n) for r in references)
        ),
        "You count every repetition. An n-gram counts at most as often as the richest reference has it.",
    ),
    "added_up": Mistake(
        lambda *case: _pooled(*case, pool=sum),
        "You add up the references: two of them that say a word once do not allow it twice.",
    ),
    "in_all": Mistake(
        lambda *case: _pooled(*case, pool=min), "You ask that every reference has it. One reference is enough."
    ),
    "first_reference": Mistake(
        lambda candidate, references, n: _matches(candidate, references[:1], n),
        "You look at the first reference only.",
    ),
    "distinct": Mistake(
        lambda candidate, references, n: sum(
            any(gram in _grams(r, n) for r in references) for gram in _grams(candidate, n)
        ),
        "You count different n-grams. One that the candidate and a reference both have twice counts twice.",
    ),
    "single_words": Mistake(
        lambda candidate, references, n: _matches(candidate, references, 1), "Your result does not depend on n."
    ),
}


def match_cases(seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    word = lambda: str(rng.choice(WORDS[1:]))  # noqa: E731
    x, y = rng.permutation(WORDS)[:2].tolist()
    repeated = [x, y, x, y, x, y, x]
    references = [[x, y, x, y], [x, y], [y, x, word(), x, y]]
    return [
        (repeated, references, 1),
        (repeated, references, 2),
        ([word(), *repeated], [[y, word()], [x, y, x, y, x]], 2),
        ([x, y, x], [[y], [x, x, y]], 1),
    ]


check_matches = Task(
    name="clipped matches",
    asks="answer(candidate: list of words, references: list of lists of words, n) -> int",
    right=_matches,
    mistakes=MATCH_MISTAKES,
    cases=match_cases,
    praise="each n-gram counts as often as the richest reference has it.",
)


def _closest(length: int, references: list[int]) -> int:
    return min(references, key=lambda n: (abs(n - length), n))


def _against(length: int, references: list[int], pick: Callable) -> float:
    nearest = pick(length, references)
    return math.exp(1 - nearest / length) if length < nearest else 1.0


def _brevity(length: int, references: list[int]) -> float:
    return _against(length, references, _closest)


BREVITY_MISTAKES = {
    "shortest": Mistake(
        lambda *case: _against(*case, pick=lambda length, references: min(references)),
        "You take the shortest reference; asked for is the one closest in length.",
    ),
    "longest": Mistake(
        lambda *case: _against(*case, pick=lambda length, references: max(references)),
        "You take the longest reference; asked for is the one closest in length.",
    ),
    "mean": Mistake(
        lambda *case: _against(*case, pick=lambda length, references: sum(references) / len(references)),
        "You take the mean length; asked for is the one closest in length.",
    ),
    "tie_to_the_longer": Mistake(
        lambda *case: _against(
            *case, pick=lambda length, references: min(references, key=lambda n: (abs(n - length), -n))
        ),
        "Of two references equally close you take the longer one. The shorter one counts.",
    ),
    "ratio": Mistake(
        lambda length, references: min(1.0, length / _closest(length, references)),
        "You return the ratio of the lengths; the penalty is e to the power 1 - r/c.",
    ),
    "long_rewarded": Mistake(
        lambda length, references: math.exp(1 - _closest(length, references) / length),
        "A candidate that is longer gets more than 1. The penalty is for short ones only.",
    ),
    "long_punished": Mistake(
        lambda length, references: min(1.0, math.exp(1 - length / _closest(length, references))),
        "You punish candidates that are too long, and not those that are too short: r and c are exchanged.",
    ),
}


def brevity_cases(seed: int = 0) -> list[Case]:
    c = int(np.random.default_rng(seed).integers(6, 12))
    return [
        (c, [c - 1, c + 3, c + 14]),
        (c, [c - 4, c + 1, c + 9]),
        (c, [c + 2, c - 2]),
        (c, [c + 3]),
        (c, [c - 3, c - 5]),
    ]


check_brevity = Task(
    name="brevity penalty",
    asks="answer(length: int, references: list of int) -> float: 1, or e^(1 - r/c) where the candidate is shorter",
    right=_brevity,
    mistakes=BREVITY_MISTAKES,
    cases=brevity_cases,
    praise="short candidates pay, against the closest reference.",
)

BETA = 1.2


def _f(common: float, candidate: list[str], reference: list[str], beta: float = BETA) -> float:
    precision, recall = common / len(candidate), common / len(reference)
    below = recall + beta**2 * precision
    return (1 + beta**2) * precision * recall / below if below else 0.0


def _common(candidate: list[str], reference: list[str]) -> int:
    return int(common_subsequence([candidate], [reference])[0])


def _rouge(candidate: list[str], reference: list[str]) -> float:
    return _f(_common(candidate, reference), candidate, reference)


def _in_one_piece(candidate: list[str], reference: list[str]) -> int:
    pieces = [candidate[i:j] for i in range(len(candidate)) for j in range(i + 1, len(candidate) + 1)]
    starts = range(len(reference))
    return max((len(p) for p in pieces if any(reference[i : i + len(p)] == p for i in starts)), default=0)


SUBSEQUENCE_MISTAKES = {
    "without_order": Mistake(
        lambda candidate, reference: _f((Counter(candidate) & Counter(reference)).total(), candidate, reference),
        "You count common words whatever their order. A subsequence keeps it.",
    ),
    "in_one_piece": Mistake(
        lambda candidate, reference: _f(_in_one_piece(candidate, reference), candidate, reference),
        "You look for the longest common piece. A subsequence may leave words out in between.",
    ),
    "balanced": Mistake(
        lambda candidate, reference: _f(_common(candidate, reference), candidate, reference, beta=1.0),
        "You take beta = 1; ROUGE-L of captions has beta = 1.2.",
    ),
    "exchanged": Mistake(
        lambda candidate, reference: _f(_common(candidate, reference), reference, candidate),
        "Precision divides by the candidate's length, recall by the reference's: you have them exchanged.",
    ),
    "recall": Mistake(
        lambda candidate, reference: _common(candidate, reference) / len(reference),
        "That is the recall. Combine it with the precision.",
    ),
    "precision": Mistake(
        lambda candidate, reference: _common(candidate, reference) / len(candidate),
        "That is the precision. Combine it with the recall.",
    ),
    "count": Mistake(
        lambda candidate, reference: float(_common(candidate, reference)),
        "That is the length of the subsequence. Make precision, recall and F of it.",
    ),
}


def subsequence_cases(seed: int = 0) -> list[Case]:
    words = np.random.default_rng(seed).permutation(WORDS).tolist()
    p, q, r, s, t, u, v = words
    return [([q, p, r, s, t], [p, q, r, u, t, v, u]), ([p, u, q, v, r, s], [p, q, r, t]), ([p, q], [r, s, t])]


check_subsequence = Task(
    name="ROUGE-L",
    asks="answer(candidate: list of words, reference: list of words) -> float, beta = 1.2",
    right=_rouge,
    mistakes=SUBSEQUENCE_MISTAKES,
    cases=subsequence_cases,
    praise="in order, with gaps, and recall weighs more.",
)


def _spread(images: list[list[list[str]]]) -> Counter:
    return Counter(word for of_image in images for word in {w for caption in of_image for w in caption})


def _weighed(images: list[list[list[str]]], count: Callable, log: Callable = math.log) -> dict[str, float]:
    return {word: log(len(images)) - log(n) for word, n in sorted(count(images).items())}


def _weights(images: list[list[list[str]]]) -> dict[str, float]:
    return _weighed(images, _spread)


WEIGHT_MISTAKES = {
    "captions_counted": Mistake(
        lambda images: _weighed(images, lambda all_: Counter(w for i in all_ for c in i for w in set(c))),
        "You count captions. df is the number of images with the word in at least one caption.",
    ),
    "occurrences_counted": Mistake(
        lambda images: _weighed(images, lambda all_: Counter(w for i in all_ for c in i for w in c)),
        "You count every mention. df is the number of images with the word in at least one caption.",
    ),
    "all_captions": Mistake(
        lambda images: {
            word: math.log(sum(map(len, images))) - math.log(n) for word, n in sorted(_spread(images).items())
        },
        "N is the number of images, not of captions.",
    ),
    "log2": Mistake(lambda images: _weighed(images, _spread, math.log2), "CIDEr takes the natural logarithm."),
    "no_logarithm": Mistake(
        lambda images: {word: len(images) / n for word, n in sorted(_spread(images).items())},
        "That is N / df. The weight is its logarithm.",
    ),
    "smoothed": Mistake(
        lambda images: {word: math.log(len(images) / (1 + n)) for word, n in sorted(_spread(images).items())},
        "You add 1 to df. Every word here has a df of 1 or more, nothing is added.",
    ),
    "upside_down": Mistake(
        lambda images: {word: math.log(n / len(images)) for word, n in sorted(_spread(images).items())},
        "Rare words have negative weights: it is N / df, not df / N.",
    ),
}


def weight_cases(seed: int = 0) -> list[Case]:
    p, q, r, s, t = np.random.default_rng(seed).permutation(WORDS)[:5].tolist()
    return [
        ([[[p, q], [p, q, q]], [[p, r]], [[p, s, s], [q]], [[p], [t, p]]],),
        ([[[p, q, p]], [[p, r], [p]], [[r, s, t]]],),
    ]


check_weights = Task(
    name="CIDEr's weights",
    asks="answer(images: per image a list of captions, each a list of words) -> dict: the weight of each word",
    right=_weights,
    mistakes=WEIGHT_MISTAKES,
    cases=weight_cases,
    praise="a word that stands with every image weighs nothing.",
)
