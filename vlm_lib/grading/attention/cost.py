"""Checker for what a mask costs: the pairs that it allows, then the multiply-adds of attention over them.

Source: Vaswani et al. 2017, section 4 (arXiv 1706.03762), for the cost of attention; the masks of SimVLM, section
3.1 (arXiv 2108.10904) and Flamingo, section 2.3 (arXiv 2204.14198v2). Chapter: 03_attention.
"""

from collections.abc import Callable
from typing import Any

import torch

from vlm_lib.grading.kit import Case, Look, Mistake, Task, call
from vlm_lib.grading.kit.watch import largest_tensor

MASKS = ("causal", "prefix_lm", "last_image", "all_previous_images")
Pairs = Callable[[int, int, int, list[int]], int]  # of seq, prefix_len, tokens_per_image, phi
RIGHT_PAIRS: dict[str, Pairs] = {
    "causal": lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2,
    "prefix_lm": lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2 + prefix * (prefix - 1) // 2,
    "last_image": lambda seq, prefix, tokens, phi: tokens * sum(last > 0 for last in phi),
    "all_previous_images": lambda seq, prefix, tokens, phi: tokens * sum(phi),
}


def _cost(
    pairs: dict[str, Pairs] = RIGHT_PAIRS,
    multiply_adds: Callable[[int, int, int], int] = lambda pairs, dim, heads: 2 * pairs * dim,
) -> Callable:
    """An answer that counts `pairs`, and the multiply-adds of so many pairs, of dim and heads."""

    def run(
        mask: str, phi: list[int], prefix_len: int, tokens_per_image: int, dim: int, heads: int
    ) -> tuple[int, int]:
        count = pairs[mask](len(phi), prefix_len, tokens_per_image, phi)
        return count, multiply_adds(count, dim, heads)

    return run


_right = _cost()


def _miscounts(mask: str, pairs: Pairs) -> Callable:
    """An answer that is wrong for one mask only."""
    return _cost(RIGHT_PAIRS | {mask: pairs})


PAIR_MISTAKES = {
    "causal_strict": Mistake(
        _miscounts("causal", lambda seq, prefix, tokens, phi: seq * (seq - 1) // 2),
        "causal: you count L (L - 1) / 2 pairs. The diagonal is missing: each position sees itself.",
    ),
    "causal_square": Mistake(
        _miscounts("causal", lambda seq, prefix, tokens, phi: seq * seq),
        "causal: you count all L x L pairs; those above the diagonal lie in the future.",
    ),
    "prefix_ignored": Mistake(
        _miscounts("prefix_lm", RIGHT_PAIRS["causal"]),
        "prefix-LM: you count the causal pairs only; inside the prefix, those above the diagonal count as well.",
    ),
    "prefix_twice": Mistake(
        _miscounts("prefix_lm", lambda seq, prefix, tokens, phi: seq * (seq + 1) // 2 + prefix * prefix),
        "prefix-LM: you add the whole square of the prefix to the causal pairs. Half of it is among them already.",
    ),
    "prefix_diagonal": Mistake(
        _miscounts("prefix_lm", lambda seq, prefix, tokens, phi: (seq * (seq + 1) + prefix * (prefix + 1)) // 2),
        "prefix-LM: you count the diagonal of the prefix twice.",
    ),
    "prefix_unseen": Mistake(
        _miscounts(
            "prefix_lm", lambda seq, prefix, tokens, phi: prefix**2 + (seq - prefix) * (seq - prefix + 1) // 2
        ),
        "prefix-LM: you count the prefix and the text apart; the text sees the prefix too.",
    ),
    "prefix_sees_all": Mistake(
        _miscounts(
            "prefix_lm",
            lambda seq, prefix, tokens, phi: prefix * seq + (seq * (seq + 1) - prefix * (prefix + 1)) // 2,
        ),
        "prefix-LM: you let the prefix see the whole sequence; its rows end where it ends.",
    ),
    "last_every_row": Mistake(
        _miscounts("last_image", lambda seq, prefix, tokens, phi: seq * tokens),
        "last image: you count rows with phi = 0 too. Before the first image a position sees nothing.",
    ),
    "last_once": Mistake(
        _miscounts("last_image", lambda seq, prefix, tokens, phi: max(phi) * tokens),
        "last image: you count each image once. Each position that looks at it makes a pair with each token.",
    ),
    "last_is_previous": Mistake(
        _miscounts("last_image", RIGHT_PAIRS["all_previous_images"]),
        "last image: you count all previous images; a position sees the last one only.",
    ),
    "previous_is_last": Mistake(
        _miscounts("all_previous_images", RIGHT_PAIRS["last_image"]),
        "all previous images: you count one image for each position; with phi images before it, it sees phi.",
    ),
    "previous_all": Mistake(
        _miscounts("all_previous_images", lambda seq, prefix, tokens, phi: seq * max(phi) * tokens),
        "all previous images: you count all images for every position; those that come later are not seen.",
    ),
    "previous_clamped": Mistake(
        _miscounts("all_previous_images", lambda seq, prefix, tokens, phi: tokens * sum(max(n, 1) for n in phi)),
        "all previous images: you count an image for rows with phi = 0. Before the first image there is none.",
    ),
}


def _whole_rectangle(mask: str, phi: list[int], prefix_len: int, tokens: int, dim: int, heads: int) -> tuple:
    pairs, _ = _right(mask, phi, prefix_len, tokens, dim, heads)
    columns = len(phi) if mask in ("causal", "prefix_lm") else max(phi) * tokens
    return pairs, 2 * len(phi) * columns * dim


COST_MISTAKES = {
    "one_product": Mistake(
        _cost(multiply_adds=lambda pairs, dim, heads: pairs * dim),
        "You count one matrix product. There are two: queries with keys, and weights with values.",
    ),
    "flops": Mistake(
        _cost(multiply_adds=lambda pairs, dim, heads: 4 * pairs * dim),
        "Twice too many: here a multiplication and the addition after it count as one multiply-add.",
    ),
    "backward": Mistake(
        _cost(multiply_adds=lambda pairs, dim, heads: 6 * pairs * dim),
        "Three times too many: that is a step of training. Count the forward pass only.",
    ),
    "times_heads": Mistake(
        _cost(multiply_adds=lambda pairs, dim, heads: 2 * pairs * dim * heads),
        "You count dim for every head. A head is dim / heads wide, so all together cost what one of dim would.",
    ),
    "one_head": Mistake(
        _cost(multiply_adds=lambda pairs, dim, heads: 2 * pairs * dim // heads), "You count one head only."
    ),
    "whole_rectangle": Mistake(
        _whole_rectangle,
        "The pairs are right, but the multiply-adds are those of all pairs, forbidden ones included.",
    ),
}
BUILDS_MASK = "The counts are right, but you build the mask to count its entries. A formula needs none."


def cost_cases(seed: int = 0) -> list[Case]:
    """Each mask with three phi (tags included), prefix_len, tokens_per_image, dim and heads."""
    rng = torch.Generator().manual_seed(seed)
    drawn = [0, 0, *(torch.rand(9, generator=rng) < 0.4).long().cumsum(0).tolist()]
    drawn += [drawn[-1] + 1] * 2
    sizes = ([0, 0, 1, 1, 2, 3, 3, 3], 3, 5, 16, 4), (drawn, 4, 3, 24, 8), ([1, 1, 1, 2, 2, 2], 2, 4, 8, 2)
    return [(mask, *each) for mask in MASKS for each in sizes]


def _pairs(answer: Callable, *case) -> Any:
    """The first of the two counts."""
    found = answer(*case)
    return found[0] if isinstance(found, tuple | list) and len(found) == 2 else found


def no_mask(answer: Callable) -> str | None:
    """A message for counts that are read off a mask."""
    seq, tokens = 512, 64
    made = max(largest_tensor(answer, mask, [0] * 8 + [1] * (seq - 8), 8, tokens, 16, 4) for mask in MASKS)
    return BUILDS_MASK if made >= seq * tokens else None


check_attention_cost = Task(
    name="cost",
    asks="answer(mask, phi, prefix_len, tokens_per_image, dim, heads) -> (pairs, multiply-adds), two ints",
    right=_right,
    use=_pairs,
    apart="mask",
    mistakes=PAIR_MISTAKES,
    then=[Look(COST_MISTAKES, use=call)],
    cases=cost_cases,
    demands=[no_mask],
    praise="pairs and multiply-adds of all four masks.",
)
