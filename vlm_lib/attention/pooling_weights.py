"""Where a pooler's queries look: the weights that the fast implementations never form. Chapter: 35_coca."""

import torch
from jaxtyping import Float
from torch import Tensor

from vlm_lib.attention.pooler import AttentionPooler
from vlm_lib.checks import require_shape


def pooling_weights(
    pooler: AttentionPooler, context: Float[Tensor, "batch tokens context_dim"]
) -> Float[Tensor, "batch heads queries tokens"]:
    """For each head and query a softmax over the tokens of `context`. Raises: ValueError for another shape."""
    require_shape("context", context, batch=None, tokens=None, context_dim=pooler.context_dim)
    q = pooler.to_q(pooler.norm_query(pooler.query)).unflatten(-1, (pooler.heads, -1)).transpose(0, 1)
    k = pooler.to_k(pooler.norm_context(context)).unflatten(-1, (pooler.heads, -1)).transpose(1, 2)
    return torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, dim=-1)
