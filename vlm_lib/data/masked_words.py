"""Masked words, as BERT masks them: what is hidden, what stands there instead, and what is to be predicted.

Source: BERT, section 3.1 (arXiv 1810.04805); VisualBERT masks words alone, never regions (arXiv 1908.03557, 3.3).
Chapter: 11_visualbert.
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

NOT_ASKED = -100  # the label of a position whose word is not to be predicted


def mask_words(
    input_ids: Int[Tensor, "batch seq"],
    maskable: Bool[Tensor, "batch seq"],
    *,
    rate: float,
    mask_id: int,
    vocab_size: int,
    generator: torch.Generator,
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]:
    """Choose each maskable word with probability `rate`; returns what the model reads, and its labels.

    Of the chosen words 8 in 10 are replaced by the mask, 1 in 10 by any word of the vocabulary, and 1 in 10 stay:
    the model has to predict them all and cannot know which of the words it reads are true. At least one word of a
    batch is chosen, so that there is something to predict. Raises: ValueError for a rate outside 0 .. 1, or no
    maskable word.
    """
    if not 0 < rate <= 1:
        raise ValueError(f"rate: got {rate!r}, expected a share above 0 and up to 1")
    if not maskable.any():
        raise ValueError("maskable holds no True, expected at least one word that may be masked")
    chance = torch.rand(input_ids.shape, generator=generator).masked_fill(~maskable, 2.0)
    chosen = chance < max(rate, chance.min().item() + 1e-9)
    what = torch.rand(input_ids.shape, generator=generator)
    anything = torch.randint(vocab_size, input_ids.shape, generator=generator)
    read = input_ids.masked_fill(chosen & (what < 0.8), mask_id)
    read = torch.where(chosen & (what >= 0.9), anything, read)
    return read, input_ids.masked_fill(~chosen, NOT_ASKED)
