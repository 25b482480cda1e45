"""Checkers for CoCa's two poolers, and for reading where the contrastive query looks.

Source: Yu et al. 2022, section 3.2 (arXiv 2205.01917); rollout: Abnar and Zuidema 2020 (arXiv 2005.00928).
Chapter: 35_coca.
"""

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task


def _pool(queries: Tensor, context: Tensor) -> Tensor:
    """Attention pooling without projections, which is all that the task needs."""
    weights = (queries @ context.mT * queries.shape[-1] ** -0.5).softmax(dim=-1)
    return weights @ context


def _cascade(tokens: Tensor, many_queries: Tensor, one_query: Tensor) -> Tensor:
    many = _pool(many_queries, tokens)
    return torch.cat([_pool(one_query, many), many], dim=1)


CASCADE_MISTAKES = {
    "parallel": Mistake(
        lambda tokens, many_queries, one_query: torch.cat(
            [_pool(one_query, tokens), _pool(many_queries, tokens)], dim=1
        ),
        "Both poolers read the image tokens: that is the parallel arrangement.",
    ),
    "reversed": Mistake(
        lambda tokens, many_queries, one_query: torch.cat(
            [_pool(one_query, tokens), _pool(many_queries, _pool(one_query, tokens))], dim=1
        ),
        "The captioning queries read the one contrastive vector, so they all see the same.",
    ),
    "mean": Mistake(
        lambda tokens, many_queries, one_query: torch.cat(
            [_pool(many_queries, tokens).mean(dim=1, keepdim=True), _pool(many_queries, tokens)], dim=1
        ),
        "The contrastive vector is the mean of the captioning outputs. It has a query of its own.",
    ),
    "order": Mistake(
        lambda *case: _cascade(*case).roll(-1, dims=1), "The contrastive vector comes first in the result."
    ),
    "one_pooler": Mistake(
        lambda tokens, many_queries, one_query: torch.cat(
            [_pool(many_queries, tokens)[:, :1], _pool(many_queries, tokens)], dim=1
        ),
        "You contrast the first captioning query's output. The contrastive query pools once more.",
    ),
    "no_scale": Mistake(
        lambda tokens, many_queries, one_query: _cascade(
            tokens, many_queries * many_queries.shape[-1] ** 0.5, one_query * one_query.shape[-1] ** 0.5
        ),
        "Divide the scores by the square root of the width before the softmax.",
    ),
}


def cascade_cases(seed: int = 0) -> list[Case]:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: 1.5 * torch.randn(*shape, generator=rng)  # noqa: E731
    return [(draw(2, 7, 4), draw(3, 4), draw(1, 4)), (draw(1, 5, 8), draw(4, 8), draw(1, 8))]


check_cascade = Task(
    name="cascade",
    asks="answer(tokens [batch tokens dim], many_queries [n dim], one_query [1 dim]) -> [batch 1+n dim]",
    right=_cascade,
    mistakes=CASCADE_MISTAKES,
    gradients=("tokens", "one_query"),
    cases=cascade_cases,
    praise="the one query reads what the many have gathered.",
)


def _rollout(one: Tensor, many: Tensor) -> Tensor:
    return one.mean(dim=0) @ many.mean(dim=0)


ROLLOUT_MISTAKES = {
    "heads_first": Mistake(
        lambda one, many: (one @ many).mean(dim=0),
        "You multiply head by head. A head of one pooler does not read that of the other: average first.",
    ),
    "one_head": Mistake(
        lambda one, many: one[0] @ many[0], "You use the first head only. Average over the heads."
    ),
    "mean_of_queries": Mistake(
        lambda one, many: many.mean(dim=(0, 1))[None],
        "All captioning queries weigh the same. Weigh each by the attention that it gets.",
    ),
    "strongest_query": Mistake(
        lambda one, many: many.mean(dim=0)[one.mean(dim=0).argmax(dim=1)],
        "You follow the strongest captioning query alone. All of them count, each by its weight.",
    ),
    "summed": Mistake(
        lambda one, many: one.sum(dim=0) @ many.sum(dim=0),
        "You sum over the heads, so that a map no longer sums to 1. Average.",
    ),
}


def rollout_cases(seed: int = 0) -> list[Case]:
    """Weights of two poolers with several heads: [heads 1 queries] and [heads queries tokens]."""
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: (2 * torch.randn(*shape, generator=rng)).softmax(dim=-1)  # noqa: E731
    return [(draw(4, 1, 5), draw(4, 5, 9)), (draw(2, 1, 3), draw(2, 3, 6))]


check_rollout = Task(
    name="rollout",
    asks='answer(one: Float["heads 1 queries"], many: Float["heads queries tokens"]) -> Float["1 tokens"]',
    right=_rollout,
    mistakes=ROLLOUT_MISTAKES,
    cases=rollout_cases,
    praise="each captioning query's map counts by the attention that it gets.",
)
