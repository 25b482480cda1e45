"""How often a model with a prefix finds the answer. Chapter: 12_simvlm."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from vlm_lib.training.prefix_lm import Batch


@torch.no_grad()
def first_word_right(model: nn.Module, batch: Batch) -> Bool[Tensor, " n"]:
    """Whether the likeliest word right after each prefix is the true one, among all words."""
    said = model(batch.images, batch.ids, batch.prefix_len).argmax(dim=-1)
    first = (batch.labels >= 0).int().argmax(dim=1, keepdim=True)
    return (said.gather(1, first) == batch.labels.gather(1, first))[:, 0]
