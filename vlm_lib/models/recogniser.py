"""A classifier on an image encoder's tokens, pooled by a new query or by their mean. Chapter: 35_coca."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.attention import AttentionPooler
from vlm_lib.checks import check_one_of


class Recogniser(nn.Module):
    """Images, as `encoder` takes them, to logits. frozen: the encoder is left as it is; the rest is new.

    pooling: "attention" is CoCa's frozen-feature evaluation, one learned query (section 4.2, arXiv 2205.01917).
    A frozen encoder that has been run beforehand is `nn.Identity()`.
    """

    def __init__(
        self,
        encoder: nn.Module,
        dim: int,
        classes: int,
        *,
        pooling: Literal["attention", "mean"] = "attention",
        width: int = 64,
        frozen: bool = True,
    ):
        super().__init__()
        check_one_of("pooling", pooling, ("attention", "mean"))
        self.encoder, self.frozen = encoder.requires_grad_(not frozen), frozen
        self.pool = AttentionPooler(width, dim, 1, 4) if pooling == "attention" else None
        self.norm = nn.LayerNorm(dim)
        self.classify = nn.Linear(width if self.pool else dim, classes)

    def forward(self, images: Tensor) -> Float[Tensor, "n classes"]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            tokens = self.encoder(images)
        pooled = self.pool(tokens)[:, 0] if self.pool else self.norm(tokens).mean(dim=1)
        return self.classify(pooled)
