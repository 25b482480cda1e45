"""A block of `stack` as PyTorch's own layer with the same weights, for comparisons. Chapter: 32_vc_gpt."""

from __future__ import annotations

import torch
from torch import nn

from vlm_lib.models.stack import Attention, Block


@torch.no_grad()
def torch_layer(block: Block) -> nn.TransformerEncoderLayer | nn.TransformerDecoderLayer:
    """A decoder layer if the block has cross-attention, else an encoder layer; in evaluation mode.

    torch's masks say who may *not* attend: pass `~mask`.
    """
    width, heads = block.norm.normalized_shape[0], block.attention.heads
    kind = nn.TransformerEncoderLayer if block.cross is None else nn.TransformerDecoderLayer
    layer = kind(width, heads, 4 * width, 0.0, "gelu", norm_first=True, batch_first=True)
    _copy(layer.self_attn, block.attention)
    norms = [block.norm, block.mlp_norm]
    if block.cross is not None:
        _copy(layer.multihead_attn, block.cross)
        norms.insert(1, block.cross_norm)
    for number, norm in enumerate(norms, start=1):
        getattr(layer, f"norm{number}").load_state_dict(norm.state_dict())
    layer.linear1.load_state_dict(block.mlp[0].state_dict())
    layer.linear2.load_state_dict(block.mlp[2].state_dict())
    return layer.eval()


def _copy(theirs: nn.MultiheadAttention, ours: Attention) -> None:
    theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key_value.weight]))
    theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.key_value.bias]))
    theirs.out_proj.load_state_dict(ours.out.state_dict())
