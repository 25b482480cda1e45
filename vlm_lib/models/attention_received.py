"""How much each token is looked at inside a transformer: what MERLOT's masking goes by. Chapter: 33_merlot."""

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.models.stack import Stack


@torch.no_grad()
def attention_received(stack: Stack, x: Float[Tensor, "batch seq width"]) -> Float[Tensor, "batch seq"]:
    """The attention that each token receives, summed over the layers and over who looks, mean over the heads.

    Every token looks at every one, so a sequence's values add up to its length times the number of layers. Source:
    model/modeling.py, mask_inputs (rowanz/merlot).
    """
    received = torch.zeros(x.shape[:2], dtype=x.dtype, device=x.device)
    for block in stack.blocks:
        attention, inner = block.attention, block.norm(x)
        split = lambda y, heads=attention.heads: y.unflatten(2, (heads, -1)).transpose(1, 2)  # noqa: E731
        query, key = split(attention.query(inner)), split(attention.key_value(inner).chunk(2, dim=-1)[0])
        shares = (query @ key.mT / query.shape[-1] ** 0.5).softmax(dim=-1)
        received += shares.mean(dim=1).sum(dim=1)
        x = block(x, None)
    return received
