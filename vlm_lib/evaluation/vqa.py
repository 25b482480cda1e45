"""VQA accuracy: an answer counts for as much as people agree on it. Chapter: 51_evaluation."""

from __future__ import annotations

import re
from collections.abc import Sequence

ARTICLES = {"a", "an", "the"}
NUMBERS = ["none", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
DIGITS = dict(zip(NUMBERS, [0, *range(11)], strict=True))
PUNCTUATION = re.compile(r"""[;/\[\]"{}()=+\\_\-<>@`,?!]""")


def normalize_answer(answer: str) -> str:
    """Lower case, digits for number words, no articles, no punctuation: "The Two!" becomes "2".

    The official program also has a table of some hundred contractions ("dont" to "don't"), left out here, and
    normalises only where the human answers differ. Source: vqaEval.py of the VQA challenge.
    """
    words = PUNCTUATION.sub(" ", answer.lower()).rstrip(".").split()
    return " ".join(str(DIGITS.get(word, word)) for word in words if word not in ARTICLES)


def vqa_accuracy(answer: str, human_answers: Sequence[str]) -> float:
    """The mean, over leaving out each person in turn, of min(1, how many of the others gave this answer / 3).

    For ten people that is min(1, 0.3 k) where k of them agree; the shortcut min(1, k / 3) is not the same.
    Raises: ValueError for fewer than two human answers, or a bare string.
    Source: Antol et al. 2015 (arXiv 1505.00468), the evaluation code. Chapter: 51_evaluation.
    """
    if isinstance(human_answers, str) or len(human_answers) < 2:
        raise ValueError(f"human_answers: got {human_answers!r}, expected the answers of two people or more")
    same = [normalize_answer(human) == normalize_answer(answer) for human in human_answers]
    agree = sum(same)
    return sum(min(1.0, (agree - own) / 3) for own in same) / len(same)
