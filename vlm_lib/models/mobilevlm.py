"""MobileVLM's projectors: image tokens of the vision tower to fewer vectors of the LM's width.

Sources: version 1, equation 3 (arXiv 2312.16886), version 2 (arXiv 2402.03766), and the authors' released code,
which has a Hardswish and a squeeze-and-excitation that the equation leaves out. Chapter: 22_clipcap.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor, nn

from vlm_lib.checks import require_shape


def pointwise(in_dim: int, out_dim: int) -> nn.Sequential:
    """Linear, GELU, linear, for every token: LLaVA-1.5's whole projector, and the first part of the others."""
    return nn.Sequential(nn.Linear(in_dim, out_dim), nn.GELU(), nn.Linear(out_dim, out_dim))


def to_map(tokens: Float[Tensor, "n tokens dim"]) -> Float[Tensor, "n dim side side"]:
    """Tokens in reading order to the square grid that they come from."""
    side = math.isqrt(tokens.shape[1])
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def to_tokens(grid: Float[Tensor, "n dim height width"]) -> Float[Tensor, "n tokens dim"]:
    """A grid to tokens in reading order."""
    return grid.flatten(2).transpose(1, 2)


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of each place of a grid."""

    def forward(self, grid: Float[Tensor, "n dim height width"]) -> Float[Tensor, "n dim height width"]:
        return super().forward(grid.movedim(1, -1)).movedim(-1, 1)


class SqueezeExcite(nn.Module):
    """Every channel multiplied by a number from 0 to 1 that all channels' means decide (arXiv 1709.01507)."""

    def __init__(self, dim: int):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(dim, dim // 4, 1), nn.Conv2d(dim // 4, dim, 1)

    def forward(self, grid: Float[Tensor, "n dim height width"]) -> Float[Tensor, "n dim height width"]:
        mean = grid.mean(dim=(2, 3), keepdim=True)
        return grid * nn.functional.hardsigmoid(self.fc2(self.fc1(mean).relu()))


class DepthwiseBlock(nn.Module):
    """3x3 within each channel, then 1x1 across channels, each with a norm; `stride` 2 halves the grid's side.

    At stride 1 what comes in is added to what goes out.
    """

    def __init__(self, dim: int, stride: int):
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, 3, stride=stride, padding=1, groups=dim, bias=False)
        self.norm1, self.norm2 = ChannelNorm(dim), ChannelNorm(dim)
        self.squeeze = SqueezeExcite(dim)
        self.pointwise = nn.Conv2d(dim, dim, 1, bias=False)
        self.skip = stride == 1

    def forward(
        self,
        grid: Float[Tensor, "n dim height width"],
    ) -> Float[Tensor, "n dim height2 width2"]:
        mixed = nn.functional.hardswish(self.norm1(self.depthwise(grid)))
        out = self.norm2(self.pointwise(self.squeeze(mixed)))
        return grid + out if self.skip else out


class Projector(nn.Module):
    """Image tokens [n tokens in_dim] in, `length` vectors of the LM's width out, still in reading order.

    tokens: how many come in; 576 are those of CLIP's ViT-L/14 at 336 pixels, a grid of 24 by 24.
    """

    keeps = 1  # out of so many tokens one is left

    def __init__(self, in_dim: int, out_dim: int, tokens: int = 576):
        super().__init__()
        side = math.isqrt(tokens)
        if side * side != tokens or tokens % self.keeps:
            raise ValueError(
                f"tokens: got {tokens}, expected those of a square grid, its side even if it is halved"
            )
        self.in_dim, self.width, self.tokens, self.length = in_dim, out_dim, tokens, tokens // self.keeps
        self.mlp = pointwise(in_dim, out_dim)

    def forward(self, tokens: Float[Tensor, "n tokens in_dim"]) -> Float[Tensor, "n length out_dim"]:
        """Raises: ValueError for another shape."""
        require_shape("tokens", tokens, n=None, tokens=self.tokens, in_dim=self.in_dim)
        return self.reduce(self.mlp(tokens))

    def reduce(
        self,
        tokens: Float[Tensor, "n tokens out_dim"],
    ) -> Float[Tensor, "n length out_dim"]:
        """All tokens stay: the MLP of LLaVA-1.5 (arXiv 2310.03744)."""
        return tokens


class LDP(Projector):
    """MobileVLM's lightweight downsample projector: two depthwise blocks, the second with stride 2."""

    keeps = 4

    def __init__(self, in_dim: int, out_dim: int, tokens: int = 576):
        super().__init__(in_dim, out_dim, tokens)
        self.blocks = nn.Sequential(DepthwiseBlock(out_dim, stride=1), DepthwiseBlock(out_dim, stride=2))

    def reduce(
        self,
        tokens: Float[Tensor, "n tokens out_dim"],
    ) -> Float[Tensor, "n length out_dim"]:
        return to_tokens(self.blocks(to_map(tokens)))


class LDPv2(Projector):
    """MobileVLM V2's: the mean of each 2x2 square, then a depthwise 3x3 added to it, which tells places apart."""

    keeps = 4

    def __init__(self, in_dim: int, out_dim: int, tokens: int = 576):
        super().__init__(in_dim, out_dim, tokens)
        self.position = nn.Conv2d(out_dim, out_dim, 3, padding=1, groups=out_dim)

    def reduce(
        self,
        tokens: Float[Tensor, "n tokens out_dim"],
    ) -> Float[Tensor, "n length out_dim"]:
        pooled = nn.functional.avg_pool2d(to_map(tokens), 2)
        return to_tokens(pooled + self.position(pooled))


class MeanPool(Projector):
    """The mean of each 2x2 square after the MLP: `LDPv2` without its convolution. A control."""

    keeps = 4

    def reduce(
        self,
        tokens: Float[Tensor, "n tokens out_dim"],
    ) -> Float[Tensor, "n length out_dim"]:
        return to_tokens(nn.functional.avg_pool2d(to_map(tokens), 2))


PROJECTORS = {"mlp": Projector, "ldp": LDP, "ldpv2": LDPv2, "mean pool": MeanPool}


def parameters(module: nn.Module) -> int:
    """How many numbers a module learns."""
    return sum(parameter.numel() for parameter in module.parameters())
