"""Checker for multi-head attention under a mask: heads split, scaled, masked and merged; then gradients.

Source: Vaswani et al. 2017, sections 3.2.1 and 3.2.2 (arXiv 1706.03762). Chapter: 03_attention.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from vlm_lib.attention import masked_attention
from vlm_lib.grading.flamingo.attention import ATTENTION_MISTAKES
from vlm_lib.grading.kit import Case, Mistake, Task


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def _merge(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


def _reshape_split(x: Tensor, heads: int) -> Tensor:
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def _reshape_merge(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], x.shape[2], -1)


def _one_head(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return masked_attention(q, k[:, :, None], v[:, :, None], mask[:, 0])


def _heads(one_head: Callable = _one_head, split: Callable = _split, merge: Callable = _merge) -> Callable:
    """Attention in which each step can be another than the right one."""

    def run(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, heads: int) -> Tensor:
        return merge(one_head(*(split(x, heads) for x in (q, k, v)), mask[:, None]))

    return run


_right = _heads()


def _softmax_over(dim: int, fill: float) -> Callable:
    def one_head(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        return scores.masked_fill(~mask, fill).softmax(dim) @ v

    return _heads(one_head)


# Mistakes of a single head, which sheet 34 knows already.
SINGLE_HEAD = ("no_mask", "mask_after_softmax", "score_zero", "inverted")
HEADS_MISTAKES = {
    **{
        name: Mistake(_heads(ATTENTION_MISTAKES[name].wrong), ATTENTION_MISTAKES[name].message)
        for name in SINGLE_HEAD
    },
    "scale_model": Mistake(
        lambda q, k, v, mask, heads: _right(q / heads**0.5, k, v, mask, heads),
        "You scale by the square root of dim. A score is a sum over head_dim products, so head_dim sets its size.",
    ),
    "no_scale": Mistake(
        lambda q, k, v, mask, heads: _right(q * (q.shape[-1] / heads) ** 0.5, k, v, mask, heads),
        "You forgot to divide the scores by the square root of head_dim.",
    ),
    "scale_no_root": Mistake(
        lambda q, k, v, mask, heads: _right(q / (q.shape[-1] / heads) ** 0.5, k, v, mask, heads),
        "You divide the scores by head_dim, not by its square root.",
    ),
    "reshaped": Mistake(
        _heads(split=_reshape_split, merge=_reshape_merge),
        "You split the heads by reshaping [batch seq dim] to [batch heads seq head_dim] at once. That deals out "
        "whole positions: a head then holds a stretch of the sequence. Give dim two axes first, then transpose.",
        also=(_heads(split=_reshape_split),),
    ),
    "merged_by_reshape": Mistake(
        _heads(merge=_reshape_merge),
        "The heads are right, but you merge them by reshaping at once: positions mix. Transpose back first.",
    ),
    "every_hth_column": Mistake(
        _heads(
            split=lambda x, heads: x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2),
            merge=lambda x: x.permute(0, 2, 3, 1).flatten(2),
        ),
        "Your heads take every heads-th column. The first head owns the first head_dim columns.",
    ),
    "one_head": Mistake(
        lambda q, k, v, mask, heads: _right(q, k, v, mask, 1),
        "You compute one head of full width: each head has to have weights of its own.",
    ),
    "softmax_over_queries": Mistake(
        _softmax_over(-2, -torch.inf),
        "Your softmax runs over the queries. Each query spreads a weight of 1 over the keys, the last axis.",
    ),
    "softmax_over_heads": Mistake(
        _softmax_over(1, -torch.inf),
        "Your softmax runs over the heads: they share one weight between them. Each head has its own over the "
        "keys.",
        also=(_softmax_over(1, -1e9),),
    ),
}


def _mask(rng: torch.Generator, rows: int, columns: int) -> Tensor:
    """A random mask in which every row and column allows something, and every row forbids something."""
    mask = torch.rand(2, rows, columns, generator=rng) < 0.5
    row, column = torch.arange(rows), torch.arange(columns)
    mask[:, row, (row + 2) % columns] = False
    mask[:, column % rows, column] = True
    return mask


def heads_cases(seed: int = 0) -> list[Case]:
    """q, k, v, a mask and the heads: more keys than queries, as many, and a single head."""
    rng = torch.Generator().manual_seed(seed)
    cases = []
    for queries, keys, dim, heads in ((5, 7, 12, 3), (4, 4, 8, 2), (3, 6, 4, 1)):
        q, k, v = (torch.randn(2, length, dim, generator=rng) for length in (queries, keys, keys))
        cases.append((2 * q, k, v, _mask(rng, queries, keys), heads))
    return cases


check_multi_head_attention = Task(
    name="multi-head attention",
    asks='answer(q, k, v, mask, heads) -> Float["batch queries dim"], mask True = may attend',
    right=_right,
    mistakes=HEADS_MISTAKES,
    gradients=("q", "k", "v"),
    cases=heads_cases,
    praise="heads, scale and mask agree, forward and backward.",
)
