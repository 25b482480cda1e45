"""The hybrid encoder against timm's standardised convolution, torch's transformer, and released shapes."""

import pytest
import torch
import torch.nn.functional as F
from timm.layers import StdConv2d
from torch import nn

from vlm_lib.models.hybrid_encoder import Bottleneck, HybridEncoder, StandardisedConv

TINY = {"blocks": (1, 1), "width": 8, "groups": 4, "layers": 2, "heads": 2, "side": 4}


def test_standardised_convolution_equals_timm():
    torch.manual_seed(0)
    ours, theirs = StandardisedConv(3, 8, 3, 2, 1, bias=False), StdConv2d(3, 8, 3, 2, 1, bias=False, eps=1e-5)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 3, 9, 9)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=0)


def test_bottleneck_equals_its_steps_written_out():
    torch.manual_seed(0)
    block, x = Bottleneck(8, 4, 2, stride=2), torch.randn(2, 8, 6, 6)

    def step(part, x, relu):
        kernel = part[0].weight.flatten(1)
        kernel = ((kernel.T - kernel.mean(1)) / (kernel.var(1, correction=0) + 1e-5).sqrt()).T.view_as(
            part[0].weight
        )
        y = F.group_norm(F.conv2d(x, kernel, padding=kernel.shape[-1] // 2), 2, part[1].weight, part[1].bias, 1e-4)
        return y.relu() if relu else y

    inner = step(block.widen, F.avg_pool2d(step(block.look, step(block.narrow, x, True), True), 2), False)
    expected = (inner + step(block.shortcut, F.avg_pool2d(x, 2), False)).relu()
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=0)
    assert Bottleneck(16, 4, 2).shortcut is None


def test_the_vit_equals_pytorchs_encoder_with_copied_weights():
    torch.manual_seed(0)
    encoder = HybridEncoder(16, **TINY)
    layer = nn.TransformerEncoderLayer(16, 2, 64, 0.0, "gelu", batch_first=True, norm_first=True)
    theirs = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
    for ours, block in zip(encoder.vit.blocks, theirs.layers, strict=True):
        attention = ours.attention
        block.self_attn.in_proj_weight.data = torch.cat(
            [attention.query.weight, attention.key_value.weight]
        ).detach()
        block.self_attn.in_proj_bias.data = torch.cat([attention.query.bias, attention.key_value.bias]).detach()
        block.self_attn.out_proj.load_state_dict(attention.out.state_dict())
        block.norm1.load_state_dict(ours.norm.state_dict())
        block.norm2.load_state_dict(ours.mlp_norm.state_dict())
        block.linear1.load_state_dict(ours.mlp[0].state_dict())
        block.linear2.load_state_dict(ours.mlp[2].state_dict())
    x = torch.randn(3, 7, 16)
    torch.testing.assert_close(encoder.vit(x, None), theirs(x), atol=1e-5, rtol=0)


def test_the_released_size_gives_66_places_and_a_summary_for_a_wide_frame():
    with torch.device("meta"):
        encoder = HybridEncoder()
        tokens, contrasted = encoder(torch.empty(2, 3, 192, 352))
    assert (tokens.shape, contrasted.shape) == ((2, 67, 768), (2, 768))
    assert encoder.stride == 16


def test_pooling_averages_the_right_four_and_frames_do_not_know_of_each_other():
    torch.manual_seed(0)
    encoder = HybridEncoder(16, **TINY).eval()
    frames = torch.rand(3, 3, 32, 32)
    tokens, contrasted = encoder(frames)
    alone = encoder(frames[1:2])
    torch.testing.assert_close(alone[0][0], tokens[1], atol=1e-5, rtol=0)
    torch.testing.assert_close(alone[1][0], contrasted[1], atol=1e-5, rtol=0)
    kept = []
    encoder.vit.register_forward_hook(lambda module, inputs, output: kept.append(output))
    tokens, _ = encoder(frames)
    grid = kept[0][:, 2:].unflatten(1, (4, 4))
    torch.testing.assert_close(tokens[:, 2], grid[:, :2, 2:].mean(dim=(1, 2)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(1, 3, 24, 32), (1, 3, 64, 32), (1, 1, 32, 32), (0, 3, 32, 32)])
def test_frames_that_do_not_fit_are_named(shape):
    with pytest.raises(ValueError, match="frames"):
        HybridEncoder(16, **TINY)(torch.zeros(shape))
