"""Checker for the odds by which words are chosen to be masked. Source: model/modeling.py (rowanz/merlot).

Chapter: 33_merlot.
"""

import torch
from torch import Tensor

from vlm_lib.data.attended_words import draw_weights
from vlm_lib.grading.kit import Case, Mistake, Task


def _draw(
    received: Tensor,
    maskable: Tensor,
    *,
    heavy: float = 4.0,
    share: float = 0.2,
    sign: int = 1,
    by_row: bool = True,
) -> Tensor:
    seen = (sign * received).masked_fill(~maskable, -torch.inf)
    count = int(share * received.shape[1])
    if by_row:
        top = torch.zeros_like(maskable).scatter(1, seen.topk(count, dim=1).indices, True)
    else:
        top = torch.zeros_like(maskable).flatten().scatter(0, seen.flatten().topk(count * len(seen)).indices, True)
        top = top.view_as(maskable)
    return torch.where(top, heavy, 1.0).masked_fill(~maskable, 0.0)


DRAW_MISTAKES = {
    "marks_too": Mistake(
        lambda received, maskable: draw_weights(received, torch.ones_like(maskable)),
        "Words that may not be masked get a weight. Theirs is 0.",
    ),
    "least": Mistake(
        lambda received, maskable: _draw(received, maskable, sign=-1),
        "You take the words that are looked at least.",
    ),
    "marks_fill_the_top": Mistake(
        lambda received, maskable: draw_weights(received, torch.ones_like(maskable)).masked_fill(~maskable, 0.0),
        "Marks take places in the most attended fifth before they are thrown out. Leave them out first.",
    ),
    "whole_batch": Mistake(
        lambda received, maskable: _draw(received, maskable, by_row=False),
        "The fifth is taken over the whole batch. Each row has its own.",
    ),
    "ratio_of_one": Mistake(
        lambda received, maskable: _draw(received, maskable, heavy=1.0),
        "All words weigh the same: a draw falls on the attended fifth one time in five, not one in two.",
    ),
    "half": Mistake(
        lambda received, maskable: _draw(received, maskable, heavy=0.5),
        "Chance and weight are two things. To get one draw in two, a fifth has to weigh as much as the rest.",
    ),
}


def draw_cases(seed: int = 0) -> list[Case]:
    """Ten words a row; marks among the most attended; the rows differ in scale."""
    rng = torch.Generator().manual_seed(seed)
    received = torch.rand(3, 10, generator=rng) * torch.tensor([[1.0], [2.0], [5.0]])
    received[:, 0] = 9.0
    maskable = torch.ones(3, 10, dtype=torch.bool)
    maskable[:, 0] = False
    maskable[1, 7] = False
    return [(received, maskable), (received[:, :5] + 0.1, maskable[:, :5])]


check_draw_weights = Task(
    name="which words to mask",
    asks='answer(received: Float["batch seq"], maskable: Bool["batch seq"]) -> Float["batch seq"], weights',
    right=draw_weights,
    mistakes=DRAW_MISTAKES,
    cases=draw_cases,
    praise="a fifth of the words is drawn as often as the other four.",
)
