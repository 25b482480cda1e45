"""The weights that explain a pooler's output: torch's own attention reports the same."""

import pytest
import torch
from torch import nn

from vlm_lib.attention import AttentionPooler
from vlm_lib.attention.pooling_weights import pooling_weights


def test_they_are_those_that_torch_reports():
    torch.manual_seed(0)
    pooler, context = AttentionPooler(16, 24, 3, heads=4), torch.randn(2, 7, 24)
    theirs = nn.MultiheadAttention(16, 4, kdim=24, vdim=24, batch_first=True)
    with torch.no_grad():
        theirs.q_proj_weight.copy_(pooler.to_q.weight)
        theirs.k_proj_weight.copy_(pooler.to_k.weight)
        theirs.in_proj_bias[:16] = nn.init.normal_(pooler.to_q.bias)
        theirs.in_proj_bias[16:32] = nn.init.normal_(pooler.to_k.bias)
    query, key = pooler.norm_query(pooler.query).expand(2, -1, -1), pooler.norm_context(context)
    expected = theirs(query, key, key, average_attn_weights=False)[1]
    torch.testing.assert_close(pooling_weights(pooler, context), expected)


def test_another_width_is_refused():
    with pytest.raises(ValueError, match=r"context has shape \[2, 7, 5\], expected .*context_dim=24"):
        pooling_weights(AttentionPooler(16, 24, 3, heads=4), torch.randn(2, 7, 5))
