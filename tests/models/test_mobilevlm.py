"""MobileVLM's projectors against the official assembly: torchvision's inverted residual with timm's layer norm."""

from functools import partial

import pytest
import torch
from timm.layers.norm_act import LayerNormAct2d
from torch import nn
from torch.nn import functional as F
from torchvision.models.mobilenetv3 import InvertedResidual, InvertedResidualConfig

from vlm_lib.models.mobilevlm import LDP, PROJECTORS, LDPv2, Projector, parameters

IN, OUT = 6, 32  # torchvision rounds the squeezed width to a multiple of 8


def official_blocks(dim: int) -> nn.Sequential:
    """The two blocks of the released `LDPBlock`, assembled from the packages that it takes them from."""
    norm = partial(LayerNormAct2d, act_layer=None)
    config = partial(InvertedResidualConfig, dim, 3, dim, dim, True, "HS", dilation=1, width_mult=1)
    return nn.Sequential(*(InvertedResidual(config(stride=stride), norm) for stride in (1, 2)))


def names(theirs: str) -> str:
    """A name in the official state dict -> ours."""
    block, _, rest = theirs.partition(".block.")
    layer = {"0.0": "depthwise", "0.1": "norm1", "1.fc1": "squeeze.fc1", "1.fc2": "squeeze.fc2"}
    layer |= {"2.0": "pointwise", "2.1": "norm2"}
    place, _, leaf = rest.rpartition(".")
    return f"blocks.{block}.{layer[place]}.{leaf}"


def test_ldp_is_the_released_module_under_copied_weights():
    ours, theirs = LDP(IN, OUT, 36).eval(), official_blocks(OUT).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            nn.init.normal_(parameter)  # norms too, or a missing one would not show
            ours.get_parameter(names(name)).copy_(parameter)
    assert len(dict(theirs.named_parameters())) == len(dict(ours.blocks.named_parameters()))
    tokens = torch.randn(2, 36, IN)
    grid = ours.mlp(tokens).transpose(1, 2).reshape(2, OUT, 6, 6)
    expected = theirs(grid).flatten(2).transpose(1, 2)
    assert ours(tokens).shape == (2, 9, OUT)
    torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=1e-5)


def test_ldpv2_is_the_mean_of_squares_and_a_depthwise_convolution():
    model, tokens = LDPv2(IN, OUT, 16), torch.randn(2, 16, IN)
    mapped = model.mlp(tokens).view(2, 2, 2, 2, 2, OUT).mean(dim=(2, 4))  # n, row, in row, column, in column
    padded = F.pad(mapped, (0, 0, 1, 1, 1, 1))
    kernel = model.position.weight[:, 0].permute(1, 2, 0)  # by row, column, channel
    conv = sum(padded[:, r : r + 2, c : c + 2] * kernel[r, c] for r in range(3) for c in range(3))
    expected = (mapped + conv + model.position.bias).flatten(1, 2)
    torch.testing.assert_close(model(tokens), expected)


def test_sizes_and_tokens_are_those_of_the_release():
    with torch.device("meta"):
        models = {name: make(1024, 2048) for name, make in PROJECTORS.items()}
        shapes = {name: tuple(model(torch.empty(1, 576, 1024)).shape) for name, model in models.items()}
    assert shapes["mlp"] == (1, 576, 2048)
    assert shapes["ldp"] == shapes["ldpv2"] == shapes["mean pool"] == (1, 144, 2048)
    sizes = {name: parameters(model) for name, model in models.items()}
    assert round(sizes["ldp"] / 1e6, 2) == 18.94
    assert sizes["ldpv2"] - sizes["mlp"] == 20_480
    assert sizes["mean pool"] == sizes["mlp"]


def test_every_token_out_comes_from_its_neighbourhood():
    tokens = torch.randn(1, 64, IN, requires_grad=True)  # 8 x 8 -> 4 x 4
    out = LDPv2(IN, OUT, 64)(tokens)
    out[0, 0].sum().backward()  # the upper left corner
    touched = tokens.grad.abs().sum(dim=-1).view(8, 8) > 0
    assert touched[:4, :4].all()
    assert not touched[4:].any()
    assert not touched[:, 4:].any()


@pytest.mark.parametrize("shape", [(1, 36, IN), (1, 16, IN + 1), (16, IN)])
def test_bad_input_is_named(shape):
    with pytest.raises(ValueError, match="tokens"):
        LDP(IN, OUT, 16)(torch.randn(shape))


@pytest.mark.parametrize("tokens", [577, 9])  # a class token that was left in; a side that cannot be halved
def test_a_grid_that_cannot_be_halved_is_refused(tokens):
    with pytest.raises(ValueError, match="tokens"):
        LDP(IN, OUT, tokens)
    assert Projector(IN, OUT, 9).length == 9
