"""Attention pooling: a few learned queries read any number of tokens. Chapter: 03_attention."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from vlm_lib.checks import require_finite, require_shape
from vlm_lib.kernels.folded_pooling import dense_operations, folded_attention, folded_operations

# an operation of the folded form costs this much more, its products being narrower than a projection
# (width 768, 8 heads, 256 tokens, one CPU core: 64 queries are faster folded, 80 faster dense)
FOLDED_COST = 1.2


class AttentionPooler(nn.Module):
    """context [batch tokens context_dim] -> [batch num_queries dim]: one cross-attention from learned queries.

    No residual and no feed-forward layer. `impl`: "dense" projects all tokens to keys and values, "folded" none
    of them (see `kernels.folded_pooling`), "auto" takes the cheaper one by operation count, in half precision on
    CUDA "dense". One set of weights serves both.
    "folded" can be differentiated twice; "dense" only where `scaled_dot_product_attention` can.
    Source: CoCa, section 3.2 (arXiv 2205.01917); Set Transformer's PMA, section 3.2 (arXiv 1810.00825).
    Chapter: 03_attention.
    """

    def __init__(
        self,
        dim: int,
        context_dim: int,
        num_queries: int = 1,
        heads: int = 8,
        *,
        impl: Literal["auto", "dense", "folded"] = "auto",
    ):
        super().__init__()
        if min(dim, context_dim, num_queries, heads) < 1 or dim % heads:
            raise ValueError(
                f"dim is {dim}, context_dim {context_dim}, num_queries {num_queries}, heads {heads}: "
                "expected all at least 1 and dim a multiple of heads"
            )
        if impl not in ("auto", "dense", "folded"):
            raise ValueError(f"impl is {impl!r}, expected 'auto', 'dense' or 'folded'")
        self.dim, self.context_dim, self.heads, self.impl = dim, context_dim, heads, impl
        self.query = nn.Parameter(torch.randn(num_queries, dim))
        self.norm_query = nn.LayerNorm(dim)
        self.norm_context = nn.LayerNorm(context_dim)
        self.to_q = nn.Linear(dim, dim)
        self.to_k = nn.Linear(context_dim, dim)
        self.to_v = nn.Linear(context_dim, dim)
        self.to_out = nn.Linear(dim, dim)
        for projection in (self.to_q, self.to_k, self.to_v):
            nn.init.xavier_uniform_(projection.weight)
        for projection in (self.to_q, self.to_k, self.to_v, self.to_out):
            nn.init.zeros_(projection.bias)

    def forward(
        self,
        context: Float[Tensor, "batch tokens context_dim"],
        *,
        key_padding_mask: Bool[Tensor, "batch tokens"] | None = None,
    ) -> Float[Tensor, "batch num_queries dim"]:
        """`key_padding_mask`: True marks a padding token, which no query sees, as in `nn.MultiheadAttention`.

        Raises `ValueError` for wrong shapes, an empty batch, no token to read, or values that are not finite.
        """
        self._check(context, key_padding_mask)
        q = self.to_q(self.norm_query(self.query)).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        context = self.norm_context(context)
        half = torch.is_autocast_enabled(context.device.type) or context.dtype in (torch.bfloat16, torch.float16)
        if self.implementation(context.shape[1], fast_half=half and context.device.type == "cuda") == "folded":
            weights = self.to_k.weight, self.to_v.weight, self.to_v.bias
            pooled = folded_attention(q, context, *weights, key_padding_mask)
        else:
            pooled = self._dense(q, context, key_padding_mask)
        return self.to_out(pooled)

    def implementation(self, tokens: int, *, fast_half: bool = False) -> Literal["dense", "folded"]:
        """The form that serves contexts of `tokens` tokens.

        `fast_half`: the projections run in half precision on tensor cores; "folded", all in float32, cannot gain
        then (H100, bfloat16, width 768: slower than "dense" with 1, 16 and 256 queries).
        """
        if self.impl != "auto":
            return self.impl
        if fast_half:
            return "dense"
        sizes = tokens, len(self.query), self.dim, self.context_dim
        return (
            "folded" if FOLDED_COST * folded_operations(*sizes, self.heads) < dense_operations(*sizes) else "dense"
        )

    def _dense(self, q, context, padding):
        k, v = (to(context).unflatten(-1, (self.heads, -1)).transpose(1, 2) for to in (self.to_k, self.to_v))
        visible = None if padding is None else ~padding[:, None, None, :]
        out = F.scaled_dot_product_attention(q.expand(len(context), -1, -1, -1), k, v, attn_mask=visible)
        return out.transpose(1, 2).flatten(2)

    def _check(self, context, padding):
        require_shape("context", context, batch=None, tokens=None, context_dim=self.context_dim)
        if context.shape[1] == 0:
            raise ValueError(f"context has shape {list(context.shape)}, expected at least one token")
        require_finite("context", context)
        if padding is None:
            return
        require_shape("key_padding_mask", padding, batch=context.shape[0], tokens=context.shape[1])
        if padding.dtype != torch.bool:
            raise ValueError(f"key_padding_mask has dtype {padding.dtype}, expected torch.bool (True = padding)")
        if not torch.compiler.is_compiling() and padding.all(dim=1).any():
            hidden = padding.all(dim=1).nonzero().flatten().tolist()
            raise ValueError(f"key_padding_mask hides every token of examples {hidden}, expected one left to read")

    @classmethod
    def from_open_clip(
        cls, pooler: nn.Module, impl: Literal["auto", "dense", "folded"] = "auto"
    ) -> "AttentionPooler":
        """The same function as an `open_clip.transformer.AttentionalPooler`, with its weights copied."""
        attention, context_dim = pooler.attn, pooler.ln_k.normalized_shape[0]
        ours = cls(attention.embed_dim, context_dim, len(pooler.query), attention.num_heads, impl=impl)
        # open_clip joins the three matrices in one when both widths are equal
        separate = attention.q_proj_weight, attention.k_proj_weight, attention.v_proj_weight
        weights = separate if attention.in_proj_weight is None else attention.in_proj_weight.chunk(3)
        biases = attention.in_proj_bias.chunk(3)
        with torch.no_grad():
            ours.query.copy_(pooler.query)
            for to, weight, bias in zip((ours.to_q, ours.to_k, ours.to_v), weights, biases, strict=True):
                to.weight.copy_(weight)
                to.bias.copy_(bias)
        ours.to_out.load_state_dict(attention.out_proj.state_dict())
        for norm, source in ((ours.norm_query, pooler.ln_q), (ours.norm_context, pooler.ln_k)):
            norm.load_state_dict(source.state_dict())
            norm.eps = source.eps
        return ours.to(pooler.query)
