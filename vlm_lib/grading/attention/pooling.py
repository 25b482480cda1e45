"""Checker for attention pooling over valid tokens, of which mean pooling is the case of a zero query.

Source: Set Transformer, section 3.2 (arXiv 1810.00825), for pooling by attention. Chapter: 03_attention.
"""

import torch
from torch import Tensor

from vlm_lib.attention import masked_attention
from vlm_lib.grading.kit import Case, Mistake, Task


def _right(x: Tensor, query: Tensor, valid: Tensor) -> Tensor:
    q = query.expand(len(x), 1, 1, -1)
    return masked_attention(q, x[:, None, None], x[:, None, None], valid[:, None])[:, 0, 0]


def _scores(x: Tensor, query: Tensor) -> Tensor:
    return x @ query / x.shape[-1] ** 0.5


def _sum(weights: Tensor, x: Tensor) -> Tensor:
    return (weights[:, :, None] * x).sum(dim=1)


def _softmax(x: Tensor, query: Tensor, valid: Tensor, fill: float) -> Tensor:
    return _sum(_scores(x, query).masked_fill(~valid, fill).softmax(1), x)


POOLING_MISTAKES = {
    "includes_padding": Mistake(
        lambda x, query, valid: _sum(_scores(x, query).softmax(1), x),
        "You include the padding: tokens that are not valid still take part.",
    ),
    "padded_length": Mistake(
        lambda x, query, valid: _sum(_scores(x, query).softmax(1) * valid, x),
        "You divide by the padded length: with a zero query every weight is 1 / tokens, and leaving padding out "
        "after the softmax leaves weights that sum to less than 1. Mask the scores before it.",
    ),
    "zeroed_padding": Mistake(
        lambda x, query, valid: _sum(_scores(x * valid[:, :, None], query).softmax(1), x * valid[:, :, None]),
        "You set padding tokens to zero. They still have a score, 0, and so a share of the weight: with a zero "
        "query you divide by the padded length.",
    ),
    "nan_rows": Mistake(
        lambda x, query, valid: _softmax(x, query, valid, -torch.inf),
        "NaN where every token is padding: a softmax over nothing is 0/0. With nothing to pool the result is 0.",
    ),
    "mean_rows": Mistake(
        lambda x, query, valid: _softmax(x, query, valid, -1e9),
        "Where every token is padding you return the mean of the padding: equally low scores make equal weights. "
        "The result must be 0.",
    ),
    "always_mean": Mistake(
        lambda x, query, valid: _right(x, 0 * query, valid),
        "You return the mean of the valid tokens whatever the query is. That is right for a zero query only.",
    ),
    "always_mean_nan": Mistake(
        lambda x, query, valid: _sum(valid, x) / valid.sum(dim=1, keepdim=True),
        "You return the mean of the valid tokens whatever the query is, and NaN where there is none.",
    ),
    "mean_of_all": Mistake(
        lambda x, query, valid: x.mean(dim=1),
        "You return the mean of all tokens, padding included, whatever the query is.",
    ),
    "mean_padded_length": Mistake(
        lambda x, query, valid: _sum(valid, x) / x.shape[1],
        "You divide the sum of the valid tokens by the padded length, whatever the query is.",
    ),
    "inverted": Mistake(
        lambda x, query, valid: _right(x, query, ~valid),
        "You pool the padding: valid is True for the tokens that count.",
    ),
    "no_scale": Mistake(
        lambda x, query, valid: _right(x, query * x.shape[-1] ** 0.5, valid),
        "You forgot to divide the scores by the square root of dim.",
    ),
    "scale_no_root": Mistake(
        lambda x, query, valid: _right(x, query / x.shape[-1] ** 0.5, valid),
        "You divide the scores by dim, not by its square root.",
    ),
}
NAN_GRADIENT = Mistake(
    lambda x, query, valid: _softmax(x, query, valid, -torch.inf).nan_to_num(0.0),
    "The result is right, but the gradient is NaN: replacing NaN afterwards hides it on the way forward only.",
)


def pooling_cases(seed: int = 0) -> list[Case]:
    """Tokens, a query and what is valid: with a zero query and with others, some padding, and padding alone."""
    rng = torch.Generator().manual_seed(seed)
    x, query = torch.randn(3, 6, 5, generator=rng), torch.randn(5, generator=rng)
    valid = torch.arange(6) < torch.tensor([[4], [6], [0]])
    scattered = torch.tensor([[True, False, False, True, True, False], [False, True, True, True, False, True]])
    return [(x, torch.zeros(5), valid), (x, 2 * query, valid), (x[:2], query, scattered)]


check_attention_pool = Task(
    name="attention pooling",
    asks='answer(x, query, valid) -> Float["batch dim"]: an example of padding alone gives 0',
    right=_right,
    mistakes=POOLING_MISTAKES,
    gradients=("x", "query"),
    gradient_mistakes={"nan_gradient": NAN_GRADIENT},
    cases=pooling_cases,
    praise="a zero query gives the mean of the valid tokens, any other leans towards what it asks for.",
)
