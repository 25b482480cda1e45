"""Attention pooling without keys and values, which queries that are parameters allow.

W_k moves over to the query and W_v behind the weighted sum (h: one head, l: a token, p: its weight):

    score   q_h . (W_k x_l + b_k) = (W_k^T q_h) . x_l + q_h . b_k    the last term is the same for every token,
                                                                     so softmax drops it
    output  sum_l p_l (W_v x_l + b_v) = W_v (sum_l p_l x_l) + b_v    since the weights sum to 1

Projecting keys and values takes 2 x tokens x context_dim x dim multiply-adds, folding 2 x tokens x context_dim x
(heads x queries): less while heads x queries < dim. Plain operations, so it can be differentiated twice and
compiled. In half precision and under autocast all of it is float32: a rounded score is off by as much as it is
large, and there is little to multiply. Chapter: 03_attention.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def dense_operations(tokens: int, queries: int, dim: int, context_dim: int) -> int:
    """Multiply-adds an example: project every token to key and value, then scores and weighted sum."""
    return 2 * tokens * context_dim * dim + 2 * tokens * queries * dim


def folded_operations(tokens: int, queries: int, dim: int, context_dim: int, heads: int) -> int:
    """Multiply-adds an example: scores and weighted sum over raw tokens, then W_v on one sum a head and query."""
    return 2 * tokens * heads * queries * context_dim + queries * context_dim * dim


def folded_attention(
    q: Float[Tensor, "heads queries head_dim"],
    context: Float[Tensor, "batch tokens context_dim"],
    key_weight: Float[Tensor, "dim context_dim"],
    value_weight: Float[Tensor, "dim context_dim"],
    value_bias: Float[Tensor, " dim"],
    padding: Bool[Tensor, "batch tokens"] | None,
) -> Float[Tensor, "batch queries dim"]:
    """Multi-head attention of the same queries over every example; `padding` True hides a token.

    See `attention.AttentionPooler`. The key bias is no argument: it changes nothing.
    """
    device = context.device.type
    dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else context.dtype
    if dtype != torch.float64:
        q, context, key_weight, value_weight, value_bias = (
            t.to(torch.float32) for t in (q, context, key_weight, value_weight, value_bias)
        )
    with torch.autocast(device, enabled=False):
        return _folded(q, context, key_weight, value_weight, value_bias, padding).to(dtype)


def _folded(q, context, key_weight, value_weight, value_bias, padding):
    heads, queries, head_dim = q.shape
    batch, _, context_dim = context.shape
    key_weight, value_weight = (w.unflatten(0, (heads, head_dim)) for w in (key_weight, value_weight))
    folded = torch.bmm(q * head_dim**-0.5, key_weight).flatten(0, 1)
    scores = context @ folded.T
    if padding is not None:
        scores = scores.masked_fill(padding[:, :, None], float("-inf"))
    sums = torch.bmm(scores.softmax(dim=1).transpose(1, 2), context)
    by_head = sums.view(batch, heads, queries, context_dim).transpose(0, 1).reshape(heads, -1, context_dim)
    out = torch.bmm(by_head, value_weight.transpose(1, 2)).view(heads, batch, queries, head_dim)
    return out.permute(1, 2, 0, 3).flatten(2) + value_bias
