"""The blocks against GPT-2's and torch's own transformer, with their weights."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel

from vlm_lib.attention import causal_mask, prefix_lm_mask
from vlm_lib.models.stack import Attention, Stack


def from_gpt2(gpt2, stack):
    """Copy the weights of transformers' GPT-2, whose Conv1D holds them transposed."""
    pairs = zip(gpt2.h, stack.blocks, strict=True)
    for theirs, ours in pairs:
        ours.norm.load_state_dict(theirs.ln_1.state_dict())
        ours.mlp_norm.load_state_dict(theirs.ln_2.state_dict())
        width = theirs.attn.c_proj.weight.shape[0]
        joint, bias = theirs.attn.c_attn.weight.T, theirs.attn.c_attn.bias
        copies = {
            ours.attention.query: (joint[:width], bias[:width]),
            ours.attention.key_value: (joint[width:], bias[width:]),
            ours.attention.out: (theirs.attn.c_proj.weight.T, theirs.attn.c_proj.bias),
            ours.mlp[0]: (theirs.mlp.c_fc.weight.T, theirs.mlp.c_fc.bias),
            ours.mlp[2]: (theirs.mlp.c_proj.weight.T, theirs.mlp.c_proj.bias),
        }
        for layer, (weight, offset) in copies.items():
            layer.weight.data.copy_(weight)
            layer.bias.data.copy_(offset)
    stack.norm.load_state_dict(gpt2.ln_f.state_dict())


@pytest.mark.parametrize("prefix", [[0, 0], [3, 6]])
def test_equals_gpt2_under_causal_and_prefix_masks(prefix):
    torch.manual_seed(0)
    config = GPT2Config(
        n_embd=32, n_layer=2, n_head=4, vocab_size=11, n_positions=8, initializer_range=0.3,
        activation_function="gelu", resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
    )  # fmt: skip
    gpt2, stack = GPT2LMHeadModel(config).eval(), Stack(32, 2, 4)
    from_gpt2(gpt2.transformer, stack)
    ids = torch.randint(11, (2, 8))
    mask = prefix_lm_mask(torch.tensor(prefix), 8)
    x = gpt2.transformer.wte(ids) + gpt2.transformer.wpe.weight
    theirs = gpt2.transformer(input_ids=ids, attention_mask=mask[:, None]).last_hidden_state
    torch.testing.assert_close(stack(x, mask), theirs, atol=1e-5, rtol=1e-5)


def copy_attention(theirs, ours):
    query, key_value = theirs.in_proj_weight.split([32, 64])
    query_bias, key_value_bias = theirs.in_proj_bias.split([32, 64])
    for layer, weight, bias in (
        (ours.query, query, query_bias),
        (ours.key_value, key_value, key_value_bias),
        (ours.out, theirs.out_proj.weight, theirs.out_proj.bias),
    ):
        layer.weight.data.copy_(weight)
        layer.bias.data.copy_(bias)


def test_a_block_with_a_memory_equals_torchs_decoder_layer():
    torch.manual_seed(0)
    theirs = nn.TransformerDecoderLayer(32, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True)
    stack = Stack(32, 1, 4, cross=True)
    ours = stack.blocks[0]
    copy_attention(theirs.self_attn, ours.attention)
    copy_attention(theirs.multihead_attn, ours.cross)
    ours.norm.load_state_dict(theirs.norm1.state_dict())
    ours.cross_norm.load_state_dict(theirs.norm2.state_dict())
    ours.mlp_norm.load_state_dict(theirs.norm3.state_dict())
    ours.mlp[0].load_state_dict(theirs.linear1.state_dict())
    ours.mlp[2].load_state_dict(theirs.linear2.state_dict())
    x, memory = torch.randn(2, 5, 32), torch.randn(2, 7, 32)
    seen = torch.rand(5, 7) < 0.7
    seen[:, 0] = True
    expected = theirs(x, memory, tgt_mask=~causal_mask(5), memory_mask=~seen)
    torch.testing.assert_close(ours(x, causal_mask(5), memory=(memory, seen)), expected, atol=1e-5, rtol=1e-5)


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="width: got 10"):
        Attention(10, 4)
