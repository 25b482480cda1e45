"""Checkers for answers: VQA accuracy, and what to print of yes/no questions. Chapter: 51_evaluation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _vqa(same: list[bool]) -> float:
    agree = sum(same)
    return sum(min(1.0, (agree - own) / 3) for own in same) / len(same)


VQA_MISTAKES = {
    "shortcut": Mistake(
        lambda same: min(1.0, sum(same) / 3),
        "That is the shortcut min(1, k / 3). Leave each person out in turn, and take the mean.",
    ),
    "share": Mistake(
        lambda same: sum(same) / len(same),
        "That is the share of people who agree. Three of the others are enough.",
    ),
    "no_limit": Mistake(
        lambda same: sum((sum(same) - own) / 3 for own in same) / len(same),
        "Your accuracy exceeds 1: each person's part is at most 1.",
    ),
    "always_ten": Mistake(
        lambda same: min(1.0, 0.3 * sum(same)),
        "You have built in ten people. With another number the formula gives something else.",
    ),
    "three_or_nothing": Mistake(
        lambda same: float(sum(same) >= 3), "One or two who agree count as well, for a part of the score."
    ),
    "anyone": Mistake(lambda same: float(any(same)), "One person who agrees is not enough for the full score."),
}


def vqa_cases(seed: int = 0) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = [(1, 10), (2, 10), (3, 10), (6, 10), (0, 10), (2, 5), (3, 5), (1, 4)]
    return [([bool(x) for x in rng.permutation([True] * k + [False] * (n - k))],) for k, n in sizes]


check_vqa = Task(
    name="VQA accuracy",
    asks="answer(same: list of bool, whether each person gave this answer) -> float",
    right=_vqa,
    mistakes=VQA_MISTAKES,
    cases=vqa_cases,
    praise="each person is left out once, and three of the others are enough.",
)


def _scores(said: Tensor, truth: Tensor) -> tuple[float, ...]:
    hits, claimed, there = (int(part.sum()) for part in (said & truth, said, truth))
    accuracy = (said == truth).float().mean().item()
    f1 = 2 * hits / (claimed + there) if hits else 0.0
    return accuracy, hits / max(claimed, 1), hits / max(there, 1), f1, claimed / len(said)


def _other(said: Tensor, truth: Tensor, **changed) -> tuple[float, ...]:
    names = ("accuracy", "precision", "recall", "f1", "yes")
    return tuple((dict(zip(names, _scores(said, truth), strict=True)) | changed)[name] for name in names)


YES_NO_MISTAKES = {
    "exchanged": Mistake(
        lambda said, truth: _other(said, truth, precision=_scores(said, truth)[2], recall=_scores(said, truth)[1]),
        "Precision and recall are exchanged: precision is of what was answered yes, recall of what is there.",
    ),
    "arithmetic": Mistake(
        lambda said, truth: _other(said, truth, f1=sum(_scores(said, truth)[1:3]) / 2),
        "F1 is the harmonic mean of precision and recall, not the arithmetic one.",
    ),
    "share_of_truth": Mistake(
        lambda said, truth: _other(said, truth, yes=truth.float().mean().item()),
        "You return how often yes would be right. Asked for is how often it was said.",
    ),
    "only_hits": Mistake(
        lambda said, truth: _other(said, truth, accuracy=(said & truth).float().mean().item()),
        "In the accuracy a right no counts as much as a right yes.",
    ),
    "no_of_all": Mistake(
        lambda said, truth: _other(said, truth, yes=1 - said.float().mean().item()),
        "You return how often no was said.",
    ),
    "nothing_said": Mistake(
        lambda said, truth: (
            _other(said, truth, precision=float("nan"), f1=float("nan"))
            if not said.any()
            else _scores(said, truth)
        ),
        "Where nothing was answered yes you divide by zero. Precision and F1 are 0 then.",
    ),
}


def yes_no_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    truth = torch.arange(12) % 3 == 0
    order = torch.randperm(12, generator=rng)
    said = (torch.arange(12) % 3 == 0) & (torch.arange(12) != 3) | (torch.arange(12) % 4 == 1)
    return [(said[order], truth[order]), (torch.ones(8).bool(), truth[:8]), (torch.zeros(6).bool(), truth[:6])]


check_yes_no = Task(
    name="yes/no scores",
    asks="answer(said: Bool[n], truth: Bool[n]) -> (accuracy, precision, recall, F1, share of yes)",
    right=_scores,
    placeholder=lambda said, truth: (0.0, 0.0, 0.0, 0.0, 0.0),
    mistakes=YES_NO_MISTAKES,
    cases=yes_no_cases,
    praise="five numbers, of which the last keeps the others honest.",
)
