"""Checker for what a mask costs: the pairs that it allows, then the multiply-adds of attention over them.

Source: Vaswani et al. 2017, section 4 (arXiv 1706.03762), for the cost of attention. Chapter: 03_attention.
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch

from vlm_lib.grading.attention.pairs import MASKS, PAIR_MISTAKES, RIGHT_PAIRS, cost_of, right_cost
from vlm_lib.grading.kit import Case, Look, Mistake, Task
from vlm_lib.grading.kit.watch import largest_tensor, watch


def _wrong_operations(operations: Callable[[int, int, int], int]) -> Callable:
    """An answer with the right pairs and with `operations(pairs, dim, heads)` multiply-adds."""
    return cost_of(RIGHT_PAIRS, operations)


def _whole_rectangle(mask: str, phi: list[int], prefix_len: int, tokens: int, dim: int, heads: int) -> tuple:
    pairs, _ = right_cost(mask, phi, prefix_len, tokens, dim, heads)
    columns = len(phi) if mask in ("causal", "prefix_lm") else max(phi) * tokens
    return pairs, 2 * len(phi) * columns * dim


COST_MISTAKES = {
    "one_product": Mistake(
        _wrong_operations(lambda pairs, dim, heads: pairs * dim),
        "You count one matrix product. There are two: queries with keys, and weights with values.",
    ),
    "flops": Mistake(
        _wrong_operations(lambda pairs, dim, heads: 4 * pairs * dim),
        "Twice too many: here a multiplication and the addition after it count as one multiply-add.",
    ),
    "backward": Mistake(
        _wrong_operations(lambda pairs, dim, heads: 6 * pairs * dim),
        "Three times too many: that is a step of training. Count the forward pass only.",
    ),
    "times_heads": Mistake(
        _wrong_operations(lambda pairs, dim, heads: 2 * pairs * dim * heads),
        "You count dim for every head. A head is dim / heads wide, so all together cost what one of dim would.",
    ),
    "one_head": Mistake(
        _wrong_operations(lambda pairs, dim, heads: 2 * pairs * dim // heads), "You count one head only."
    ),
    "whole_rectangle": Mistake(
        _whole_rectangle,
        "The pairs are right, but the multiply-adds are those of all pairs, forbidden ones included.",
    ),
}
FLOATS = "The counts are right, but / makes floats of them. A count is an int: divide with //."
BUILDS_MASK = "The counts are right, but you build the mask to count its entries. A formula needs none."


def cost_cases(seed: int = 0) -> list[Case]:
    """Each mask with three phi (tags included), prefix_len, tokens_per_image, dim and heads."""
    rng = torch.Generator().manual_seed(seed)
    drawn = [0, 0, *(torch.rand(9, generator=rng) < 0.4).long().cumsum(0).tolist()]
    drawn += [drawn[-1] + 1] * 2
    sizes = ([0, 0, 1, 1, 2, 3, 3, 3], 3, 5, 16, 4), (drawn, 4, 3, 24, 8), ([1, 1, 1, 2, 2, 2], 2, 4, 8, 2)
    return [(mask, *each) for mask in MASKS for each in sizes]


def _plain(count: Any) -> Any:
    """A count as an int, also where the answer has it as a float or as a tensor of one number."""
    count = count.item() if hasattr(count, "item") else count
    return int(count) if isinstance(count, float) and count.is_integer() else count


def _counts(answer: Callable, *case) -> Any:
    """Pairs and multiply-adds."""
    found = answer(*case)
    return tuple(map(_plain, found)) if isinstance(found, tuple | list) else found


def _pairs(answer: Callable, *case) -> Any:
    """The first of both counts."""
    found = _counts(answer, *case)
    return found[0] if isinstance(found, tuple) and len(found) == 2 else found


def no_floats(answer: Callable) -> str | None:
    """A message for counts that are floats."""
    found = watch(nullcontext(), answer, cost_cases()[0])
    return FLOATS if any(isinstance(count, float) for count in found) else None


def no_mask(answer: Callable) -> str | None:
    """A message for counts that are read off a mask."""
    seq, tokens = 512, 64
    made = max(largest_tensor(answer, mask, [0] * 8 + [1] * (seq - 8), 8, tokens, 16, 4) for mask in MASKS)
    return BUILDS_MASK if made >= seq * tokens else None


check_attention_cost = Task(
    name="cost",
    asks="answer(mask, phi, prefix_len, tokens_per_image, dim, heads) -> (pairs, multiply-adds), two ints",
    right=right_cost,
    use=_pairs,
    apart="mask",
    placeholder=lambda *case: (0, 0),
    mistakes=PAIR_MISTAKES,
    then=[Look(COST_MISTAKES, use=_counts)],
    cases=cost_cases,
    demands=[no_floats, no_mask],
    praise="pairs and multiply-adds of all four masks.",
)
