"""Checkers for the pooled grid of a frame, and for the order that a matrix of pairs implies.

Source: utils/vision_transformer.py and downstream/sort_story (rowanz/merlot). Chapter: 33_merlot.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from vlm_lib.evaluation.film_order import best_order
from vlm_lib.grading.kit import Case, Mistake, Task


def _pool(tokens: Tensor, rows: int, columns: int) -> Tensor:
    grid = tokens[:, 2:].mT.unflatten(2, (rows, columns))
    return torch.cat([tokens[:, :1], F.avg_pool2d(grid, 2).flatten(2).mT], dim=1)


def _strips(tokens: Tensor, rows: int, columns: int) -> Tensor:
    return torch.cat([tokens[:, :1], tokens[:, 2:].unflatten(1, (-1, 4)).mean(dim=2)], dim=1)


def _largest(tokens: Tensor, rows: int, columns: int) -> Tensor:
    grid = tokens[:, 2:].mT.unflatten(2, (rows, columns))
    return torch.cat([tokens[:, :1], F.max_pool2d(grid, 2).flatten(2).mT], dim=1)


POOL_MISTAKES = {
    "strips": Mistake(
        _strips,
        "You average four tokens in a row. Four that stand in a square belong together: make a grid first.",
    ),
    "largest": Mistake(_largest, "You take the largest of four. Take their mean."),
    "second_summary": Mistake(
        lambda tokens, rows, columns: torch.cat([tokens[:, 1:2], _pool(tokens, rows, columns)[:, 1:]], dim=1),
        "You keep the second summary, which is for the contrastive loss. The joint transformer gets the first.",
    ),
    "no_summary": Mistake(
        lambda tokens, rows, columns: _pool(tokens, rows, columns)[:, 1:], "The summary in front is missing."
    ),
    "both_summaries": Mistake(
        lambda tokens, rows, columns: torch.cat([tokens[:, :2], _pool(tokens, rows, columns)[:, 1:]], dim=1),
        "You keep both summaries. The second goes to the contrastive loss and no further.",
    ),
    "turned": Mistake(
        lambda tokens, rows, columns: _pool(tokens, columns, rows),
        "Rows and columns are exchanged: tokens stand in reading order.",
    ),
}


def pool_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(2, 2 + 4 * 8, 3, generator=rng), 4, 8),
        (torch.randn(1, 2 + 4 * 2, 5, generator=rng), 4, 2),
    ]


check_pooled = Task(
    name="a frame's pooled tokens",
    asks='answer(tokens: Float["n all dim"], rows: int, columns: int) -> Float["n pooled dim"]',
    right=_pool,
    mistakes=POOL_MISTAKES,
    cases=pool_cases,
    praise="squares of four become one token, and the summary stands in front.",
)


def _best(chance: Tensor) -> Tensor:
    return torch.tensor(best_order(chance))


def _search(chance: Tensor, score) -> Tensor:
    orders = itertools.permutations(range(len(chance)))
    return torch.tensor(max(orders, key=lambda order: score(order, chance)))


def _added(order, chance: Tensor) -> float:
    return sum(float(chance[a, b]) for a, b in itertools.combinations(order, 2))


def _neighbours(order, chance: Tensor) -> float:
    return sum(float(chance[a, b].log()) for a, b in itertools.pairwise(order))


ORDER_MISTAKES = {
    "backwards": Mistake(
        lambda chance: _best(chance).flip(0),
        "That is the order from last to first: entry (a, b) is the chance that a comes before b.",
    ),
    "ranks": Mistake(
        lambda chance: _best(chance).argsort(),
        "That is each frame's place. Asked are the frames in the order in which they would be shown.",
    ),
    "neighbours": Mistake(
        lambda chance: _search(chance, _neighbours),
        "You score neighbours only. Every pair counts, also that of the first with the last.",
    ),
    "added": Mistake(
        lambda chance: _search(chance, _added),
        "You add chances. For independent pairs they multiply: add their logarithms.",
    ),
    "as_laid_out": Mistake(lambda chance: torch.arange(len(chance)), "The frames are returned as they lie."),
}


# For this matrix all pairs, neighbours alone, and added chances each prefer another order, which is rare
APART = {(0, 1): 0.9, (0, 2): 0.6, (0, 3): 0.05, (1, 2): 0.4, (1, 3): 0.95, (2, 3): 0.8}


def order_cases(seed: int = 0) -> list[Case]:
    """The matrix above a little shaken, its frames renamed until the right order and all wrong ones differ."""
    rng, found = torch.Generator().manual_seed(seed), []
    while len(found) < 2:
        chance = torch.full((4, 4), 0.5)
        for (a, b), value in APART.items():
            chance[a, b] = value + 0.01 * (float(torch.rand((), generator=rng)) - 0.5)
            chance[b, a] = 1 - chance[a, b]
        name = torch.randperm(4, generator=rng)
        chance = chance[name][:, name]
        given = [_best(chance), *(mistake.wrong(chance) for mistake in ORDER_MISTAKES.values())]
        if len({tuple(order.tolist()) for order in given}) == len(given):
            found.append((chance,))
    return found


check_best_order = Task(
    name="order from pairs",
    asks='answer(chance: Float["n n"]) -> Int["n"]: the frames from first to last; chance[a, b]: a before b',
    right=_best,
    mistakes=ORDER_MISTAKES,
    cases=order_cases,
    praise="all pairs are heard, and the likeliest order of all wins.",
)
