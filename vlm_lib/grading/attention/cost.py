"""Checker for what a mask costs: the pairs that it allows, then the multiply-adds of attention over them.

Source: Vaswani et al. 2017, section 4 (arXiv 1706.03762), for the cost of attention. Chapter: 03_attention.
"""

from collections.abc import Callable
from typing import Any

import torch

from vlm_lib.grading.attention.pairs import MASKS, PAIR_MISTAKES, RIGHT_PAIRS, cost_of, right_cost
from vlm_lib.grading.kit.compare import Mistake, attempt, diagnose
from vlm_lib.grading.kit.operations import largest_tensor
from vlm_lib.grading.kit.report import Report

NAMES = ["mask", "phi", "prefix_len", "tokens_per_image", "dim", "heads"]


def _whole_rectangle(pairs: int, case: tuple) -> int:
    mask, phi, _, tokens, dim, _ = case
    columns = len(phi) if mask in ("causal", "prefix_lm") else max(phi) * tokens
    return 2 * len(phi) * columns * dim


COST_MISTAKES = (
    Mistake(
        "one_product",
        cost_of(RIGHT_PAIRS, lambda pairs, case: pairs * case[4]),
        "You count one matrix product. There are two: queries with keys, and weights with values.",
    ),
    Mistake(
        "flops",
        cost_of(RIGHT_PAIRS, lambda pairs, case: 4 * pairs * case[4]),
        "Twice too many: here a multiplication and the addition after it count as one multiply-add.",
    ),
    Mistake(
        "backward",
        cost_of(RIGHT_PAIRS, lambda pairs, case: 6 * pairs * case[4]),
        "Three times too many: that is a step of training. Count the forward pass only.",
    ),
    Mistake(
        "times_heads",
        cost_of(RIGHT_PAIRS, lambda pairs, case: 2 * pairs * case[4] * case[5]),
        "You count dim for every head. A head is dim / heads wide, so all together cost what one of dim would.",
    ),
    Mistake(
        "one_head",
        cost_of(RIGHT_PAIRS, lambda pairs, case: 2 * pairs * case[4] // case[5]),
        "You count one head only.",
    ),
    Mistake(
        "whole_rectangle",
        cost_of(RIGHT_PAIRS, _whole_rectangle),
        "The pairs are right, but the multiply-adds are those of all pairs, forbidden ones included.",
    ),
)
FLOATS = "The counts are right, but / makes floats of them. A count is an int: divide with //."
BUILDS_MASK = "The counts are right, but you build the mask to count its entries. A formula needs none."


def cost_sizes(seed: int = 0) -> list[tuple]:
    """phi (tags included), prefix_len, tokens_per_image, dim and heads: an answer's arguments after `mask`."""
    rng = torch.Generator().manual_seed(seed)
    drawn = [0, 0, *(torch.rand(9, generator=rng) < 0.4).long().cumsum(0).tolist()]
    drawn += [drawn[-1] + 1] * 2
    return [([0, 0, 1, 1, 2, 3, 3, 3], 3, 5, 16, 4), (drawn, 4, 3, 24, 8), ([1, 1, 1, 2, 2, 2], 2, 4, 8, 2)]


def _plain(count: Any) -> Any:
    """A count as an int, also where the answer has it as a float or as a tensor of one number."""
    count = count.item() if hasattr(count, "item") else count
    return int(count) if isinstance(count, float) and count.is_integer() else count


def _both(answer: Callable) -> Callable:
    def run(*case):
        found = answer(*case)
        return tuple(map(_plain, found)) if isinstance(found, tuple | list) else found

    return run


def _pairs_only(answer: Callable) -> Callable:
    def run(*case):
        found = _both(answer)(*case)
        return found[0] if isinstance(found, tuple) and len(found) == 2 else found

    return run


def _diagnose(view: Callable, answer: Callable, mistakes: tuple, cases: list) -> list[str]:
    known = [Mistake(entry.name, view(entry.wrong), entry.message) for entry in mistakes]
    report = diagnose("cost", view(answer), view(right_cost), known, cases, names=NAMES, praise="")
    return [] if report.passed else list(report.messages)


def _style(answer: Callable, case: tuple) -> list[str]:
    """What to say to a right answer that counts in floats or builds the masks."""
    found = attempt(answer, case).value
    if any(isinstance(count, float) for count in found):
        return [FLOATS]
    seq, tokens = 512, 64
    try:
        made = max(largest_tensor(answer, mask, [0] * 8 + [1] * (seq - 8), 8, tokens, 16, 4) for mask in MASKS)
    except Exception as error:  # the answer's own, with a longer sequence than before
        return [f"It raised {type(error).__name__}: {error} with {seq} positions."]
    return [BUILDS_MASK] if made >= seq * tokens else []


def check_attention_cost(answer: Callable, *, seed: int = 0) -> Report:
    """Check `answer(mask, phi, prefix_len, tokens_per_image, dim, heads) -> (pairs, multiply-adds)`, two ints.

    `mask` is one of MASKS. Each mask gets its own diagnosis; operations are looked at once all pairs are right.
    """
    if not callable(answer):
        return diagnose("cost", answer, right_cost, (), [], names=NAMES, praise="")
    cases = [(mask, *sizes) for mask in MASKS for sizes in cost_sizes(seed)]
    by_mask = [[case for case in cases if case[0] == mask] for mask in MASKS]
    messages = [text for group in by_mask for text in _diagnose(_pairs_only, answer, PAIR_MISTAKES, group)]
    messages = messages or _diagnose(_both, answer, COST_MISTAKES, cases) or _style(answer, cases[0])
    praise = "pairs and multiply-adds of all four masks."
    return Report("cost", not messages, tuple(dict.fromkeys(messages)) or (praise,))
