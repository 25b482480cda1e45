"""Which words to mask: half of the draws fall on the fifth of the words that are looked at most.

The budget is fixed, and a drawn word may take neighbours with it. Source: model/modeling.py, mask_inputs
(rowanz/merlot); spans as in SpanBERT (arXiv 1907.10529). Chapter: 33_merlot.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TOP, TOP_CHANCE, RATE = 0.2, 0.5, 0.2
SPAN = (0.625, 0.25, 0.125)  # chances that a draw takes 0, 1, 2 neighbours, for each side


def draw_weights(
    received: Float[Tensor, "batch seq"], maskable: Bool[Tensor, "batch seq"]
) -> Float[Tensor, "batch seq"]:
    """Weights of a draw: the most attended fifth against the others as 4 to 1, so that a draw is as likely to fall
    on it as beside it; 0 for what may not be masked."""
    seen = received.masked_fill(~maskable, 0.0)
    top = torch.zeros_like(maskable).scatter(1, seen.topk(int(TOP * seen.shape[1]), dim=1).indices, True)
    heavy = TOP_CHANCE * (1 - TOP) / (TOP * (1 - TOP_CHANCE))
    return torch.where(top, heavy, 1.0).masked_fill(~maskable, 0.0)


def choose_words(
    weights: Float[Tensor, "batch seq"], generator: torch.Generator, *, rate: float = RATE
) -> Bool[Tensor, "batch seq"]:
    """int(rate * seq) words of each row: drawn without replacement by weight, each with its neighbours, until the
    budget is spent; earlier draws first. Raises: ValueError if a row has fewer words that may be masked."""
    budget, seq = int(rate * weights.shape[1]), weights.shape[1]
    if budget < 1 or int((weights > 0).sum(dim=1).min()) < budget:
        raise ValueError(
            f"weights: a row has fewer than {max(budget, 1)} positive ones, expected at least so many"
        )
    drawn = torch.multinomial(weights, budget, generator=generator)  # in the order of drawing
    reach = torch.multinomial(torch.tensor(SPAN), 2 * drawn.numel(), replacement=True, generator=generator)
    left, right = reach.view(2, *drawn.shape)
    place = torch.arange(seq)
    covered = (place >= (drawn - left)[..., None]) & (place <= (drawn + right)[..., None])
    # the released order: words of earlier draws first, and among those of one draw the heavier ones
    rank = torch.arange(budget, 0, -1, dtype=weights.dtype)[:, None]
    priority = (covered * rank).amax(dim=1) + 0.5 * weights / weights.amax(dim=1, keepdim=True)
    priority = priority.masked_fill(weights == 0, -1.0)
    return torch.zeros(weights.shape, dtype=torch.bool).scatter(1, priority.topk(budget, dim=1).indices, True)


def replace_words(
    ids: Int[Tensor, "batch seq"],
    chosen: Bool[Tensor, "batch seq"],
    generator: torch.Generator,
    *,
    mask_id: int,
    first_word: int,
    vocabulary: int,
) -> Int[Tensor, "batch seq"]:
    """What is read instead of the chosen words: 8 in 10 become the mask, 1 in 10 any word, 1 in 10 stay."""
    what = torch.rand(ids.shape, generator=generator)
    anything = torch.randint(first_word, vocabulary, ids.shape, generator=generator)
    read = ids.masked_fill(chosen & (what < 0.8), mask_id)
    return torch.where(chosen & (what >= 0.9), anything, read)
