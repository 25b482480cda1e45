"""Checker for attention pooling without keys and values: what comes out, its gradients, then what was multiplied.

Source: CoCa, section 3.2 (arXiv 2205.01917), for the pooler; `vlm_lib.kernels.folded_pooling` for the algebra.
Chapter: 03_attention.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.grading.kit import Case, Mistake, Task
from vlm_lib.grading.kit.watch import multiply_adds
from vlm_lib.kernels.folded_pooling import folded_attention


def _right(
    x: Tensor,
    query: Tensor,
    key_weight: Tensor,
    key_bias: Tensor,
    value_weight: Tensor,
    value_bias: Tensor,
    heads: int,
) -> Tensor:
    by_head = query.unflatten(-1, (heads, -1)).transpose(0, 1)
    return folded_attention(by_head, x, key_weight, value_weight, value_bias, None)


def _weighed(weigh: Callable[[Tensor], Tensor]) -> Callable:
    """The right result but for the weights: `weigh` makes them from scores [batch heads queries tokens]."""

    def run(x, query, w_k, b_k, w_v, b_v, heads):
        q, w_k, w_v = query.unflatten(-1, (heads, -1)), *(w.unflatten(0, (heads, -1)) for w in (w_k, w_v))
        scores = torch.einsum("qhe,hec,btc->bhqt", q / q.shape[-1] ** 0.5, w_k, x)
        sums = torch.einsum("bhqt,btc->bhqc", weigh(scores), x)
        return torch.einsum("bhqc,hec->bqhe", sums, w_v).flatten(2) + b_v

    return run


def _swapped(x, query, w_k, b_k, w_v, b_v, heads):
    by_head = _right(x, query, w_k, b_k, w_v, 0 * b_v, heads).unflatten(-1, (heads, -1)).transpose(1, 2)
    return by_head.reshape(len(x), *query.shape) + b_v


def _every_hth_row(x, query, w_k, b_k, w_v, b_v, heads):
    order = torch.arange(query.shape[-1]).view(-1, heads).T.flatten()
    out = _right(x, query[:, order], w_k[order], b_k, w_v[order], b_v[order], heads)
    return out[..., order.argsort()]


PROJECTS = (
    "Right, but it still projects every token: each costs {} with a whole weight matrix. "
    "W_k belongs to the query, W_v behind the weighted sum."
)
BOTH, ONE = PROJECTS.format("two products"), PROJECTS.format("one product")
FOLDING_MISTAKES = {
    "no_scale": Mistake(
        lambda x, query, *rest: _right(x, query * (query.shape[-1] / rest[-1]) ** 0.5, *rest),
        "You forgot the scale: with W_k folded into the query, scores are still divided by sqrt(head_dim).",
    ),
    "scale_model": Mistake(
        lambda x, query, *rest: _right(x, query / rest[-1] ** 0.5, *rest),
        "You scale by the square root of dim; the scores are those of a head, so it is head_dim's.",
    ),
    "bias_per_token": Mistake(
        lambda x, query, w_k, b_k, w_v, b_v, heads: _right(x, query, w_k, b_k, w_v, x.shape[1] * b_v, heads),
        "You add b_v once for each token. The weights sum to 1, so it comes out of the weighted sum once.",
    ),
    "no_value_bias": Mistake(
        lambda x, query, w_k, b_k, w_v, b_v, heads: _right(x, query, w_k, b_k, w_v, 0 * b_v, heads),
        "You forgot b_v. Only b_k drops out, in the softmax.",
    ),
    "one_head": Mistake(
        lambda *case: _right(*case[:-1], 1),
        "You mix the heads up: each head has rows of W_k and W_v of its own, and scores and weights of its own.",
        also=(lambda x, query, *rest: _right(x, query * rest[-1] ** 0.5, *rest[:-1], 1),),
    ),
    "every_hth_row": Mistake(
        _every_hth_row,
        "Your heads take every heads-th row of the weights. The first head owns the first head_dim rows.",
    ),
    "swapped": Mistake(
        _swapped,
        "The heads are right, but at the end queries and heads change places: bring the head next to head_dim, "
        "then merge the two.",
    ),
    "mean": Mistake(
        _weighed(lambda scores: torch.zeros_like(scores).softmax(-1)),
        "You take the mean of the tokens: the queries have no say.",
    ),
    "no_softmax": Mistake(
        _weighed(lambda scores: scores), "The softmax is missing: you weigh by the bare scores."
    ),
    "softmax_over_queries": Mistake(
        _weighed(lambda scores: scores.softmax(-2)),
        "Your softmax runs over the queries. Each query spreads a weight of 1 over the tokens.",
    ),
}
FROZEN_FOLD = Mistake(
    lambda x, query, w_k, *rest: _right(x, query.detach(), w_k.detach(), *rest),
    "The result is right, but the folded query is cut off from the graph: query and W_k would never learn.",
)


def folding_cases(seed: int = 0) -> list[Case]:
    """Tokens, learned queries, weights and biases, all random; several queries and heads, one query, one head."""
    rng = torch.Generator().manual_seed(seed)
    cases = []
    for tokens, queries, dim, context_dim, heads in ((5, 2, 12, 10, 3), (4, 1, 8, 6, 2), (6, 3, 4, 5, 1)):
        shapes = (2, tokens, context_dim), (queries, dim), (dim, context_dim), (dim,), (dim, context_dim), (dim,)
        x, query, w_k, b_k, w_v, b_v = (torch.randn(shape, generator=rng) for shape in shapes)
        # scores of moderate size, so that two orders of the same products differ by rounding alone
        cases.append((x, query, w_k / context_dim**0.5, b_k, w_v / context_dim**0.5, b_v, heads))
    return cases


def _costing_case(tokens: int) -> Case:
    dim, context_dim = 24, 20
    shapes = (2, tokens, context_dim), (1, dim), (dim, context_dim), (dim,), (dim, context_dim), (dim,)
    return (*(torch.ones(shape) for shape in shapes), 2)


def projections_per_token(answer: Callable) -> float:
    """What one more token costs, in products of a token with a whole [dim context_dim] matrix."""
    few, many = _costing_case(32), _costing_case(64)
    more = multiply_adds(answer, *many) - multiply_adds(answer, *few)
    return more / (many[0].shape[0] * (64 - 32) * many[2].numel())


def no_projection(answer: Callable) -> str | None:
    """A message for an answer that projects every token to a key or a value."""
    cost = projections_per_token(answer)
    # folded, a token costs 2 heads x queries x context_dim: a sixth of one projection at these sizes
    return None if cost < 0.75 else BOTH if cost > 1.5 else ONE


check_folded_pool = Task(
    name="folded pooling",
    asks="answer(x, query, key_weight, key_bias, value_weight, value_bias, heads) -> [batch queries dim]",
    right=_right,
    mistakes=FOLDING_MISTAKES,
    # key_bias is left out: its gradient is 0 up to rounding, and no sum of rounding errors is right or wrong
    gradients=("x", "query", "key_weight", "value_weight", "value_bias"),
    gradient_mistakes={"frozen_fold": FROZEN_FOLD},
    cases=folding_cases,
    demands=[no_projection],
    praise="the same result and gradients, and no token is projected.",
)
