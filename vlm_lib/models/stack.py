"""A pre-norm transformer whose mask decides what it is: encoder, causal decoder, or one decoder with a prefix.

The blocks are GPT-2's and, with cross-attention, those of `nn.TransformerDecoderLayer(norm_first=True)`; the
tests copy weights from both. Sources: Radford et al. 2019 (GPT-2); Vaswani et al. 2017, section 3.1 (arXiv
1706.03762v7). Chapter: 12_simvlm.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vlm_lib.checks import check_at_least


class Attention(nn.Module):
    """Multi-head attention of `x` over `context`; the mask says which row may look at which column."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"width: got {width}, expected a multiple of heads = {heads}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "batch rows width"],
        context: Float[Tensor, "batch columns width"],
        mask: Bool[Tensor, "*batch rows columns"] | None,
    ) -> Float[Tensor, "batch rows width"]:
        split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)  # noqa: E731
        key, value = self.key_value(context).chunk(2, dim=-1)
        if mask is not None and mask.ndim == 3:
            mask = mask[:, None]  # the same for every head
        seen = F.scaled_dot_product_attention(split(self.query(x)), split(key), split(value), attn_mask=mask)
        return self.out(seen.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """x + attention, then, with `cross`, x + attention to a memory, then x + MLP; each after a LayerNorm."""

    def __init__(self, width: int, heads: int, *, cross: bool = False):
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.cross_norm = nn.LayerNorm(width) if cross else None
        self.cross = Attention(width, heads) if cross else None
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor | None, before: Tensor | None = None, memory=None) -> Tensor:
        """before: states that stand before `x` in this layer; they are looked at and not updated.

        memory: (states, mask) for the cross-attention.
        """
        own = self.norm(x)
        context = own if before is None else torch.cat([self.norm(before), own], dim=1)
        x = x + self.attention(own, context, mask)
        if self.cross is not None:
            states, seen = memory
            x = x + self.cross(self.cross_norm(x), states, seen)
        return x + self.mlp(self.mlp_norm(x))


class Stack(nn.Module):
    """`layers` blocks and a last LayerNorm."""

    def __init__(self, width: int, layers: int, heads: int, *, cross: bool = False):
        super().__init__()
        layers = check_at_least("layers", layers, 1)
        self.blocks = nn.ModuleList(Block(width, heads, cross=cross) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        x: Float[Tensor, "batch rows width"],
        mask: Bool[Tensor, "*batch rows columns"] | None,
        *,
        before: list[Tensor] | None = None,
        memory: tuple[Tensor, Tensor | None] | None = None,
    ) -> Float[Tensor, "batch rows width"]:
        """before: what `layer_inputs` gave for the tokens that stand before `x`. memory: see `Block`."""
        for i, block in enumerate(self.blocks):
            x = block(x, mask, before[i] if before else None, memory)
        return self.norm(x)

    def layer_inputs(self, x: Float[Tensor, "batch rows width"], mask: Tensor | None) -> list[Tensor]:
        """What each layer is given for `x`: all that later tokens ever look at."""
        inputs = []
        for block in self.blocks:
            inputs.append(x)
            x = block(x, mask)
        return inputs
